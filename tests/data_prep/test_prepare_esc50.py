"""An ESC-50 folder becomes records, and its faults are named."""

import csv
import json
import pathlib
from typing import Any, List, Sequence

import numpy as np
import pytest
import soundfile

from audioset_triplet.errors import UserError
from audioset_triplet.media import audio_files
from audioset_triplet.media.pcm import to_pcm
from audioset_triplet.records import parsing, reading, scanning
from data_prep import esc50
from data_prep.prepare import Summary
from tests import datasets, processes
from tests.data_prep import written
from tests.data_prep.written import read
from tests.tiny_esc50 import HEADER, write_csv, write_tiny_esc50


def prepare(
    source: pathlib.Path, output: pathlib.Path, folds: Sequence[int] = (), subset: str = "all", **options: Any
) -> Summary:
    return written.write(esc50.clips(source, folds, subset), output, **options)


def test_fields_shards_and_description(tmp_path: pathlib.Path) -> None:
    root = write_tiny_esc50(tmp_path / "esc", classes=3, clips_per_class=4, folds=2, rate=16000)
    summary = prepare(root, tmp_path / "out")
    assert (summary.num_clips, summary.missing, summary.rejects) == (12, (), ())
    assert summary.hours == pytest.approx(12 * 5 / 3600)
    names = [f"fold{fold}-{shard:05d}-of-00002.tfrecord" for fold in (1, 2) for shard in (0, 1)]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tfrecord")) == names
    clips = read(tmp_path / "out")
    clip = clips["2-1101-A-1"]
    assert (clip.recording_id, clip.labels, clip.label_names, clip.fold) == ("1101", (1,), ("class_1",), 2)
    assert (clip.start_seconds, clip.end_seconds) == (0.0, 5.0)
    expected = to_pcm(audio_files.load(root / "audio" / "2-1101-A-1.wav", sample_rate_hz=16000))
    assert clip.pcm is not None
    np.testing.assert_array_equal(clip.pcm, expected)
    for name in names:
        shard = [record.clip for record in scanning.scan(str(tmp_path / "out" / name)) if record.clip]
        assert {clip.fold for clip in shard} == {int(name[4])}
    description = json.loads((tmp_path / "out" / "records.json").read_text())
    assert description["class_names"] == {"0": "class_0", "1": "class_1", "2": "class_2"}
    assert (description["num_clips"], description["num_rejects"]) == (12, 0)


def test_folds_and_esc10_keep_the_class_numbers(tmp_path: pathlib.Path) -> None:
    root = write_tiny_esc50(tmp_path / "esc", classes=3, clips_per_class=4, folds=4, rate=16000)
    prepare(root, tmp_path / "out", folds=(2, 3), subset="esc10")
    clips = read(tmp_path / "out").values()
    assert sorted((clip.labels, clip.fold) for clip in clips) == [((0,), 2), ((0,), 3), ((2,), 2), ((2,), 3)]
    with pytest.raises(UserError, match="no clips of fold 5"):
        prepare(root, tmp_path / "out5", folds=(1, 5))
    assert not (tmp_path / "out5").exists()


@pytest.mark.parametrize("extension, rate", [("flac", 16000), ("ogg", 44100)])
def test_the_csv_names_the_files(tmp_path: pathlib.Path, extension: str, rate: int) -> None:
    """In a folder around the data set, as a zip file unpacks; clips are trimmed or padded to five seconds."""
    write_tiny_esc50(tmp_path / "ESC-50-master", 1, 2, 2, extension, rate, seconds=5.01)
    prepare(tmp_path, tmp_path / "out", num_shards=1)
    assert [len(clip.pcm) for clip in read(tmp_path / "out").values() if clip.pcm is not None] == [80000, 80000]


def test_encoded_records_hold_the_files_and_read_like_samples(tmp_path: pathlib.Path) -> None:
    root = write_tiny_esc50(tmp_path / "esc", 1, 2, 1, "ogg", 22050, seconds=4.5)
    soundfile.write(
        root / "audio" / "1-1001-A-0.ogg", np.linspace(-0.1, 0.1, 80000), 16000, format="WAV", subtype="DOUBLE"
    )
    prepare(root, tmp_path / "pcm", num_shards=1)
    prepare(root, tmp_path / "encoded", num_shards=1, audio="encoded")
    clips, expected = read(tmp_path / "encoded"), read(tmp_path / "pcm")
    assert clips["1-1000-A-0"].encoded == (root / "audio" / "1-1000-A-0.ogg").read_bytes()
    assert clips["1-1001-A-0"].encoded == b""  # the graph cannot decode 64-bit WAV
    for record in reading.read_records([str(tmp_path / "encoded" / "fold1-00000-of-00001.tfrecord")], True):
        parsed = parsing.parse_clip(record)
        pcm = expected[parsed["clip_id"].numpy().decode()].pcm
        assert parsed["pcm"].shape == (80000,)
        assert np.corrcoef(parsed["pcm"], pcm)[0, 1] > 0.999  # two resamplers: see test_decoding


def test_real_clips() -> None:
    """What the CSV gives of four folds: 80 clips of ESC-10 in each, 8 of each class; no clip is read here."""
    requests = esc50.read_requests(datasets.esc50(), esc10_only=True)
    assert len(requests) == 320
    labels = [request.labels[0] for request in requests if request.fold == 2]
    assert sorted(set(labels)) == [0, 1, 10, 11, 12, 20, 21, 38, 40, 41]
    assert {labels.count(label) for label in labels} == {8}


@pytest.mark.parametrize(
    "text, problem",
    [
        ("filename,fold\na.wav,1\n", "no column 'target', only filename, fold"),
        (",".join(HEADER) + "\na.wav,one,0,dog,True,7,A\n", "line 2: .*'one'"),
        (",".join(HEADER) + "\na.wav,1\n", "line 2"),
        (",".join(HEADER) + "\na.wav,1,0,dog,True,7,A\na.flac,1,0,dog,True,7,A\n", "line 3: a is named twice"),
        (",".join(HEADER) + "\n" + 200_000 * "a" + "\n", "line 2: has 1 value"),
        (",".join(HEADER) + "\n", "no clips"),
        ("", "is empty"),
    ],
)
def test_bad_csv(tmp_path: pathlib.Path, text: str, problem: str) -> None:
    (tmp_path / "esc" / "meta").mkdir(parents=True)
    (tmp_path / "esc" / "meta" / "esc50.csv").write_text(text)
    with pytest.raises(UserError, match=problem):
        prepare(tmp_path / "esc", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bad_clips_are_counted_and_the_rest_is_used(tmp_path: pathlib.Path) -> None:
    root = write_tiny_esc50(tmp_path / "esc", classes=1, clips_per_class=1, folds=1, rate=44100)
    audio = root / "audio"
    generator = np.random.default_rng(0)
    rows: List[tuple] = [("1-1000-A-0.wav", 1, 0, "class_0", "True", "1000", "A")]

    def add(name: str) -> pathlib.Path:
        rows.append((name, 1, 0, "class_0", "True", name, "A"))
        return audio / name

    add("absent.wav")
    soundfile.write(add("cut.flac"), 0.1 * generator.standard_normal(80000), 16000)
    (audio / "cut.flac").write_bytes((audio / "cut.flac").read_bytes()[:50000])
    soundfile.write(add("empty.wav"), np.zeros(0), 16000)
    soundfile.write(add("nan.wav"), np.full(80000, np.nan), 16000, subtype="FLOAT")
    add("text.wav").write_text("no audio at all")
    soundfile.write(add("ten_samples.wav"), np.full(10, 0.5), 16000)
    soundfile.write(add("six_seconds.wav"), np.full(96000, 0.5), 16000)
    soundfile.write(add("stereo.wav"), np.tile([0.5, -0.25], (80000, 1)), 16000)
    soundfile.write(add("8kHz.wav"), np.full(40000, 0.25), 8000)
    soundfile.write(add("96kHz.wav"), np.full(480000, 0.25), 96000)
    write_csv(root, rows)

    result = processes.run(
        "data_prep.prepare_esc50", *processes.flags(source=root, output=tmp_path / "out", num_workers=1)
    )
    assert result.returncode == 0, result.stderr
    reasons = "empty 1, not finite 1, too short 1, truncated 1, unreadable 1, wrong duration 1"
    assert f"4 clips, 20 s, 1 missing, 6 rejected ({reasons})" in result.stdout
    assert "absent.wav: missing" in result.stderr and "Traceback" not in result.stderr
    named = result.stderr.splitlines()
    assert len(named) == 7 and named[-1] == f"and 1 more rejected: see {tmp_path / 'out'}/rejects.csv"
    with open(tmp_path / "out" / "rejects.csv", newline="") as file:
        rejects = {row["clip_id"]: row["reason"] for row in csv.DictReader(file)}
    assert rejects == {
        "absent": "missing",
        "cut": "truncated",
        "empty": "empty",
        "nan": "not finite",
        "text": "unreadable",
        "ten_samples": "too short",
        "six_seconds": "wrong duration",
    }
    clips = {name: clip.pcm for name, clip in read(tmp_path / "out").items() if clip.pcm is not None}
    assert sorted(clips) == ["1-1000-A-0", "8kHz", "96kHz", "stereo"]
    assert {len(pcm) for pcm in clips.values()} == {80000}
    assert set(clips["stereo"].tolist()) == {4096}  # the mean of 0.5 and -0.25
    for name in ("8kHz", "96kHz"):
        assert np.abs(clips[name][1000:-1000] - 8192).max() <= 1  # the edges ring


def test_a_file_that_may_be_meant_is_named(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = write_tiny_esc50(tmp_path / "esc", classes=2, clips_per_class=1, folds=2)
    listed = sorted((root / "audio").iterdir())
    listed[0].rename(listed[0].with_suffix(".WAV"))
    (root / "audio" / listed[1].stem).with_suffix(".txt").touch()
    listed[1].unlink()
    esc50.clips(root, (), "all")
    said = f"2 of {len(listed)} files are not there, such as {listed[0].name}; is it {listed[0].stem}.WAV?"
    assert said in capfd.readouterr().err


def test_missing_folder_is_one_line_and_leaves_nothing(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match=f"^--source={tmp_path / 'absent'}: no such folder$"):
        prepare(tmp_path / "absent", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folder_that_is_no_esc50(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="no meta/esc50.csv"):
        prepare(tmp_path, tmp_path / "out")
