"""The report says what is in records, and names what is wrong with them."""

import pathlib
from typing import Any, Dict, List

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from audioset_triplet.records import scanning, schema
from data_prep import record_report
from tests import processes


def clip(name: str, peak: int = 1000, **changes: Any) -> schema.Clip:
    fields: Dict[str, Any] = {
        "clip_id": name,
        "recording_id": name,
        "start_seconds": 0.0,
        "end_seconds": 1.0,
        "labels": (1,),
        "label_names": ("dog",),
        "fold": 1,
        "pcm": np.resize(np.array([peak, -peak], np.int16), 16000),
    }
    return schema.Clip(**{**fields, **changes})


def write(path: pathlib.Path, clips: List[schema.Clip]) -> pathlib.Path:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for item in clips:
            writer.write(schema.clip_to_example(item))
    return path


def report_of(path: pathlib.Path, limit: int = 20) -> str:
    report = record_report.Report()
    for record in scanning.scan(str(path)):
        report.add(record)
    return "\n".join(report.lines(limit))


def test_counts_durations_folds_and_labels(tmp_path: pathlib.Path) -> None:
    clips = [clip(f"dog{index}") for index in range(3)]
    clips.append(clip("both", labels=(1, 2), label_names=("dog", "cat"), fold=4, pcm=np.full(48000, 9, np.int16)))
    lines = [line.split() for line in report_of(write(tmp_path / "a", clips)).splitlines()]
    assert ["clips", "4", "of", "schema", "version", "1"] in lines
    assert ["seconds", "min", "1.00,", "mean", "1.50,", "max", "3.00"] in lines  # (1 + 1 + 1 + 3) / 4
    assert ["duration", "6", "s"] in lines
    assert ["format", "16", "kHz", "mono:", "4"] in lines
    assert ["folds", "1:", "3,", "4:", "1"] in lines
    assert ["labels", "2;", "clips", "without:", "0"] in lines
    assert ["1", "dog", "4", 40 * "#"] in lines
    assert ["2", "cat", "1", 10 * "#"] in lines  # a quarter of the longest bar


def test_records_of_several_formats(tmp_path: pathlib.Path) -> None:
    stereo = clip("stereo", pcm=np.full((22050, 2), 9, np.int16), sample_rate_hz=44100, num_channels=2)
    soundfile.write(tmp_path / "quiet.wav", np.full((48000, 2), 1e-6), 48000)
    encoded = clip(
        "quiet",
        pcm=None,
        encoded=(tmp_path / "quiet.wav").read_bytes(),
        encoding="wav",
        encoded_type="int16",
        encoded_rate_hz=48000,
        encoded_num_samples=44100,
        sample_rate_hz=44100,
        num_channels=2,
    )
    report = report_of(write(tmp_path / "a", [clip("mono"), stereo, encoded]))
    assert "clips      3 of schema version 1 and 2\n" in report and "damaged    0" in report
    assert "format     16 kHz mono: 1, 44.1 kHz stereo: 2\n" in report
    assert "seconds    min 0.50, mean 0.83, max 1.00\n" in report
    assert "dBFS) 1\n  quiet\n" in report


def test_clips_without_fold_or_label(tmp_path: pathlib.Path) -> None:
    clips = [clip("dog"), clip("what", labels=(), label_names=(), fold=schema.NO_FOLD)]
    lines = [line.split() for line in report_of(write(tmp_path / "a", clips)).splitlines()]
    assert ["folds", "none:", "1,", "1:", "1"] in lines
    assert ["labels", "1;", "clips", "without:", "1"] in lines


def test_silence_and_repeated_ids(tmp_path: pathlib.Path) -> None:
    # -80 dBFS is 3.28 steps of int16.
    clips = [clip("zero", 0), clip("faint", 3), clip("soft", 4), clip("soft", 4)]
    report = report_of(write(tmp_path / "a", clips))
    assert "silent     (peak below -80 dBFS) 2\n  zero\n  faint\n" in report
    assert "repeated   (the same clip id) 1\n  soft\n" in report
    assert "  zero\n  and 1 more\n" in report_of(tmp_path / "a", limit=1)


def test_encoded_audio_is_decoded(tmp_path: pathlib.Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000), 16000)
    silence = (tmp_path / "silence.wav").read_bytes()
    encoding: Dict[str, Any] = {"pcm": None, "encoding": "wav", "encoded_type": "int16", "encoded_rate_hz": 16000}
    clips = [clip("silence", encoded=silence, encoded_num_samples=16000, **encoding)]
    clips.append(clip("noise", encoded=b"not a wav file", encoded_num_samples=16000, **encoding))
    report = report_of(write(tmp_path / "a", clips))
    assert "audio      wav: 1" in report
    assert "dBFS) 1\n  silence\n" in report
    assert f"damaged    1\n  {tmp_path / 'a'}: record 1: clip noise: " in report


def test_all_damage_is_named_and_the_exit_code_is_1(tmp_path: pathlib.Path) -> None:
    good = write(tmp_path / "a.tfrecord", [clip(f"a{index}") for index in range(4)])
    flipped = bytearray(good.read_bytes())
    flipped[5000] ^= 1
    good.write_bytes(flipped)
    cut = write(tmp_path / "b.tfrecord", [clip("b0"), clip("b1")])
    cut.write_bytes(cut.read_bytes()[:-100])
    examples = [tf.train.Example.FromString(schema.clip_to_example(clip(f"c{index}"))) for index in range(3)]
    examples[0].features.feature["schema_version"].int64_list.value[0] = 9
    del examples[1].features.feature["recording_id"]
    with tf.io.TFRecordWriter(str(tmp_path / "c.tfrecord")) as writer:
        for example in examples:
            writer.write(example.SerializeToString())

    result = processes.run("data_prep.inspect_tfrecords", f"--data={tmp_path}/*.tfrecord")
    assert processes.error_of(result).startswith(f"error: 4 damaged records, the first: {good}: record 0: bad checksum")
    assert "clips      5 of schema version 1" in result.stdout  # a1 a2 a3, b0, c2
    for damage in (
        "a.tfrecord: record 0: bad checksum",
        "b.tfrecord: record 1: truncated: 100 of ",
        "c.tfrecord: record 0: clip c0: schema_version is 9, this code reads 1 and 2",
        "c.tfrecord: record 1: clip c1: key 'recording_id' holds 0 values",
    ):
        assert f"  {tmp_path}/{damage}" in result.stdout


def test_undamaged_records_exit_with_0(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "a.tfrecord", [clip("a")])
    result = processes.run("data_prep.inspect_tfrecords", f"--data={tmp_path}/*.tfrecord")
    assert (result.returncode, "damaged    0" in result.stdout) == (0, True), result.stderr


@pytest.mark.parametrize("damage", ["", "bad"])
def test_record_as_text(damage: str) -> None:
    assert str(scanning.Record("f", 3, None, damage)) == f"f: record 3: {damage or 'no damage'}"
