"""A folder as people have it: every program uses the same files of it, and says what became of the others."""

import csv
import json
import os
import pathlib

import numpy as np
import pytest

from audioset_triplet.export import saved_model
from audioset_triplet.frontend import registry
from tests import processes
from tests.audio_examples import by_ffmpeg, encoded, noise
from tests.fuzz import outcomes
from tests.tiny_network import build_tiny_network

WAV = encoded(noise(1.0))
NAMES = [
    *("ok.wav", "LOUD.WAV", "two\nlines.wav", "-rf.wav", 'a "b".wav', "it's, so.wav", "12:30.wav", "http:.wav"),
    *("100%03d.wav", "a#b?c.wav", "[x]{y}*.wav", "concat:a|b.wav", "pipe:0.wav", "grüße 漢字.wav", "x" * 251 + ".wav"),
    *("deep/er/ok.wav", " .wav", "\\.wav"),
]
BAD_BYTES = b"caf\xe9.wav"
REASONS = {"caf\\xe9.wav": "file name", "huge.wav": "not scaled", "html.mp3": "unreadable", "cut.wav": "truncated"}


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: pathlib.Path) -> pathlib.Path:
    folder, far = tmp_path / "in", tmp_path / "far"
    far.mkdir()
    (far / "away.wav").write_bytes(WAV)
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(WAV)
    (folder / "far").symlink_to(far)
    (far / "back").symlink_to(folder)
    (folder / "gone.wav").symlink_to(tmp_path / "annex")
    (folder / os.fsdecode(BAD_BYTES)).write_bytes(WAV)
    huge = noise(1.0)
    huge[500] = 1e20
    (folder / "huge.wav").write_bytes(encoded(huge, subtype="FLOAT"))
    (folder / "html.mp3").write_bytes(b"<!DOCTYPE html><html>sign in</html>")
    (folder / "cut.wav").write_bytes(WAV[:-1000])
    for name in ("._ok.wav", ".DS_Store", "deep/._x.wav"):
        (folder / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(4000))
    (folder / "notes.txt").write_text("text")
    os.mkfifo(folder / "pipe.wav")
    return folder


def test_every_program_uses_the_same_files(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    records, embeddings, model = tmp_path / "records", tmp_path / "embeddings", str(tmp_path / "model")
    saved_model.export(build_tiny_network(), model, registry.FRONT_ENDS["log_mel"], {})
    prepared = processes.run(
        "data_prep.prepare_folder",
        *processes.flags(source=folder, output=records, labels="none", num_workers=1, max_reject_fraction=1),
    )
    embedded = processes.run("experiments.embed", *processes.flags(model=model, input=folder, output=embeddings))
    expected = {*NAMES, "far/away.wav"}
    for result in (prepared, embedded):
        assert result.returncode == 0, result.stderr
        [left_out] = [line for line in result.stderr.splitlines() if "left out: " in line]
        for part in ("3 hidden files (such as ", "1 link to nothing", "1 .txt file ", "1 special file"):
            assert part in left_out
    assert set(outcomes.ids_in_records(records)) == expected
    assert set(outcomes.clip_ids(embeddings)) == expected
    for path in (records / "rejects.csv", embeddings / "_rejects.csv"):
        with open(path, newline="", encoding="utf-8") as file:
            assert {row["clip_id"]: row["reason"] for row in csv.DictReader(file)} == REASONS
    card = json.loads((records / "coverage.json").read_text())
    assert card["total"]["reasons"] == {"file name": 1, "not scaled": 1, "truncated": 1, "unreadable": 1}
    assert {kind: one["number"] for kind, one in card["left_out"].items()} == {
        ".txt files": 1,
        "hidden files": 3,
        "links to folders that are searched anyway": 1,
        "links to nothing": 1,
        "special files": 1,
    }


def test_a_relative_path_is_no_protocol(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av", reason="needs the video extra")
    from audioset_triplet.media import audio_files

    data = by_ffmpeg(noise(1.0), 16000, "adts", "aac")
    monkeypatch.chdir(tmp_path)
    lengths = set()
    for name in ("12:30.m4a", "http:x.aac", "concat:a|b", "pipe:0", "%03d.aac", "file:x", "a*[b]?.png", "-i.aac"):
        pathlib.Path(name).write_bytes(data)
        lengths.add(len(audio_files.load(name, sample_rate_hz=16000)))
    assert len(lengths) == 1 and np.isclose(lengths.pop(), 16000, rtol=0.2)
