import json

from tests import processes


def test_the_table_is_printed_and_written(tmp_path):
    output = tmp_path / "sizes"
    flags = processes.flags(architectures="fc,mobilenet", width=0.05, seconds=0.01, batch_size=2, output=output)
    result = processes.run("experiments.describe_models", *flags)
    assert result.returncode == 0, result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["architecture", "fc", "mobilenet", "wrote"]
    numbers = json.loads((output / "results.json").read_text())
    assert numbers["sizes/mobilenet/layers"] == 28 and numbers["sizes/fc/windows_per_second"] > 0
    assert numbers["width"] == 0.05 and "CPU cores" in numbers["machine"]
    assert "mobilenet" in (output / "report.html").read_text()
    assert "--architecture=vgg is not known" in processes.error_of(
        processes.run("experiments.describe_models", "--architectures=vgg")
    )
