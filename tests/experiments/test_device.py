"""From export_model to a device and back: the programs."""

import json

import pytest
import soundfile

from tests import foreign_models, processes

pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")


def run(module, **options):
    result = processes.run(f"experiments.{module}", *processes.flags(**options))
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.slow
def test_log_mel_goes_to_a_device_learns_there_and_embeds(tmp_path):
    for seed in range(3):
        for name, channels in (("noise", []), ("stereo", [2])):
            (tmp_path / "clips" / name).mkdir(parents=True, exist_ok=True)
            path = tmp_path / "clips" / name / f"{seed}.wav"
            soundfile.write(path, foreign_models.noise(32000, seed, channels) * (0.1 if channels else 1), 16000)
    model, learned = tmp_path / "model", tmp_path / "learned"
    (line,) = run("export_model", network="log_mel", output=model, format="tflite", head_classes=2)
    assert "log_mel-6144-" in line and "smallest cosine to the network: embedding 1.0000" in line
    lines = run("learn_on_device", model=model, examples=tmp_path / "clips", input=tmp_path / "clips", output=learned)
    assert "learned noise from 3 clips, stereo from 3 clips (12 windows)" in lines[0]
    assert lines[1] == f"{learned}/scores.csv: 6 clips"
    assert len((learned / "scores.csv").read_text(encoding="utf-8-sig").splitlines()) == 7
    lines = run("embed", model=model, input=tmp_path / "clips", output=tmp_path / "embeddings")
    record = json.loads((model / "model.json").read_text())
    assert lines[0] == f"model: {record['model_id']}, {record['front_end_id']}" and "6 clips, 12 windows" in lines[-1]


def test_flags_that_do_not_fit_are_one_line(tmp_path):
    for options, message in [
        ({"quantization": "int8", "format": "tflite"}, "--quantization=int8 needs --calibration"),
        ({"quantization": "dynamic"}, "--quantization=dynamic needs --format=tflite"),
    ]:
        arguments = processes.flags(network="log_mel", output=tmp_path / "model", **options)
        assert message in processes.error_of(processes.run("experiments.export_model", *arguments))
    arguments = processes.flags(model=tmp_path, examples=tmp_path, output=tmp_path / "learned")
    error = processes.error_of(processes.run("experiments.learn_on_device", *arguments))
    assert "model.tflite: there is none; experiments.export_model --format=tflite writes it" in error
    assert [path.name for path in tmp_path.iterdir()] == []
