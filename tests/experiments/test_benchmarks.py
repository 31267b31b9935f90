"""Benchmarks run, and compare what they say that they compare."""

import json
import sys

import pytest

from audioset_triplet import compat
from tests import processes


@pytest.mark.slow
def test_mining_beside_tensorflow_addons(tmp_path):
    arguments = processes.flags(output=tmp_path / "out", pairs=64, pairs_alone=96, repeats=1)
    result = processes.run("experiments.benchmarks.mining", *arguments)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    compared, alone = rows["64"], rows["96"]
    if not compat.IS_REFERENCE:
        assert compared["ms"] > 0 and "--pairs are measured alone" in result.stderr
        return
    assert compared["times faster"] > 1 and compared["tensorflow-addons: MiB"] > compared["MiB"] > 0
    assert alone["ms"] > 0 and alone["times faster"] != alone["times faster"]
    assert (tmp_path / "out" / "benchmark.md").read_text() in result.stdout
    assert "| 96 |" in result.stdout


@pytest.mark.slow
def test_input_beside_reading_and_librosa(tmp_path):
    sizes = dict(clips=260, windows_per_clip=2, repeats=1, seconds=0.5, warm_up_batches=1)
    arguments = processes.flags(output=tmp_path / "out", **sizes)
    result = processes.run("experiments.benchmarks.input", *arguments)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert set(rows) == {"1, clips held", "2"}
    for row in rows.values():
        assert row["of reading"] == pytest.approx(row["triplets/s"] / row["records read/s"])
        assert row["times librosa"] == pytest.approx(row["triplets/s"] / row["librosa: triplets/s"])
        assert row["times librosa"] > 1


@pytest.mark.slow
def test_input_up_to_each_stage(tmp_path):
    arguments = processes.flags(output=tmp_path / "out", clips=64, repeats=1, seconds=0.3, warm_up_batches=1)
    result = processes.run("experiments.benchmarks.input_stages", *arguments)
    assert result.returncode == 0, result.stderr
    rows = list(json.loads((tmp_path / "out" / "benchmark.json").read_text()).values())
    up_to_here = [row["CPU ms up to here"] for row in rows]
    assert len(rows) == 4 and 0 < up_to_here[0] < up_to_here[-1]
    assert sum(row["of this stage"] for row in rows) == pytest.approx(up_to_here[-1])


@pytest.mark.slow
def test_steps_beside_a_kept_batch(tmp_path):
    sizes = dict(blocks="1,1,1,1", full_batch_size=2, small_batch_size=4, clips=64, seconds=0.3, repeats=1)
    arguments = processes.flags(output=tmp_path / "out", **sizes)
    result = processes.run("experiments.benchmarks.step", *arguments)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert rows.keys() == {"jansen2018, float32", "small, float32"}
    for row in rows.values():
        assert row["slower by %"] == pytest.approx(100 * (row["records: ms"] / row["kept batch: ms"] - 1))


@pytest.mark.slow
def test_steps_of_several_pythons(tmp_path):
    sizes = dict(blocks="1,1,1,1", batch_size=4, clips=64, seconds=0.3, repeats=1)
    arguments = processes.flags(output=tmp_path / "out", pythons=sys.executable, **sizes)
    result = processes.run("experiments.benchmarks.lanes", *arguments)
    assert result.returncode == 0, result.stderr
    ((name, row),) = json.loads((tmp_path / "out" / "benchmark.json").read_text()).items()
    assert name == compat.description()
    assert row["kept batch: ms"] > 0 and row["records: ms"] > 0 and row["records: times the first"] == 1


def test_a_python_that_is_not_there_is_named(tmp_path):
    arguments = processes.flags(output=tmp_path / "out", pythons=tmp_path / "python")
    line = processes.error_of(processes.run("experiments.benchmarks.lanes", *arguments))
    assert f"{tmp_path / 'python'} cannot be run: No such file" in line


@pytest.mark.slow
def test_clustering_beside_three_products(tmp_path):
    arguments = processes.flags(output=tmp_path / "out", clusters=20_000, embedding_size=32, batches="16", repeats=1)
    result = processes.run("experiments.benchmarks.clustering", *arguments)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert list(rows) == ["16"]
    for row in rows.values():
        assert row["times three products"] == pytest.approx(row["s"] / row["three products: s"])
        assert row["step of Adam: s"] > 0 and row["step of Adam: MiB in all"] > row["MiB"] > 0
    assert (tmp_path / "out" / "benchmark.md").read_text() in result.stdout


@pytest.mark.slow
def test_the_front_end_beside_tensorflow_and_librosa(tmp_path):
    arguments = processes.flags(output=tmp_path / "out", batches="1,3", seconds=0.05, repeats=2)
    result = processes.run("experiments.benchmarks.frontend", *arguments)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert list(rows) == ["1", "3"]
    for row in rows.values():
        *rates, default = row.values()
        assert default == pytest.approx(row["fft: windows/s"] / max(rates[1:]))


@pytest.mark.slow
def test_embedding_files_beside_the_model_alone(tmp_path):
    network = dict(width=0.0625, stem_stride=2, blocks="1,1,1,1", embedding_size=8)
    sizes = dict(formats="wav", clips=16, batch_size=8, repeats=1, workers=1)
    arguments = processes.flags(output=tmp_path / "out", **sizes, **network)
    result = processes.run("experiments.benchmarks.embed", *arguments)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert list(rows) == ["WAV"]
    for row in rows.values():
        assert row["of bare"] == pytest.approx(row["embed: windows/s"] / row["bare: windows/s"])
        assert row["of bare"] > 0
        assert row["AudioSet: hours"] == pytest.approx(20_843_200 / row["program: windows/s"] / 3600)
        assert 0 < row["AudioSet: GB of embeddings"] < 10


@pytest.mark.slow
def test_search_of_a_compact_copy_beside_faiss(tmp_path):
    pytest.importorskip("faiss")
    sizes = dict(windows=20_000, interactive_windows=10_000, repeats=1, workers=2)
    arguments = processes.flags(output=tmp_path / "out", folder=tmp_path, **sizes)
    result = processes.run("experiments.benchmarks.search", *arguments)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert len(rows) == 12 and list(rows)[0] == "compact, 20,000 windows, 1 exemplar"
    for name, row in rows.items():
        assert 0 < row["warm: s"] < 60 and row["open: s"] > 0 and 0 < row["MiB"] < 2000
        assert (row["cold: s"] > row["open: s"]) == name.startswith("compact")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_benchmark_needs_a_place_for_its_table():
    assert "--output is required" in processes.error_of(processes.run("experiments.benchmarks.mining"))
