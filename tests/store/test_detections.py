"""Detections on disk, as tables, Audacity and Raven read them."""

import csv

import numpy as np
import pyarrow.parquet as pq

from audioset_triplet.store import detections, intervals, questions
from audioset_triplet.store.detections import Detections

CLIPS = ["talks/a.wav", "talks/a.wav", "b.wav"]


def texts(values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def make(labels=("dog", "cat\tfish", "dog")):
    starts, ends = np.array([0.0, 0.96, 3600.5]), np.array([0.96, 2.88, 3601.46])
    return Detections(texts(CLIPS), starts, ends, texts(labels), np.array([0.9, 0.5, 1.0]))


def test_all_formats_say_the_same(tmp_path):
    detections.write(str(tmp_path), make(), 50, 8000)
    table = (tmp_path / "detections.csv").read_bytes()
    assert table.startswith(b"\xef\xbb\xbfsegment_id,start_time_seconds,end_time_seconds,label,score\n")
    rows = intervals.read(str(tmp_path / "detections.csv"), (*intervals.COLUMNS, "score"))
    assert rows.intervals.clip_ids.tolist() == CLIPS and rows.others["score"] == ["0.900000", "0.500000", "1.000000"]
    asked = questions.read(str(tmp_path / "detections.csv"))  # they can be rated
    assert asked.scores.tolist() == [0.9, 0.5, 1.0]
    parquet = pq.read_table(tmp_path / "detections.parquet")
    assert parquet["score"].to_pylist() == [0.9, 0.5, 1.0] and parquet["end_time_seconds"][2].as_py() == 3601.46
    assert (tmp_path / "audacity" / "talks" / "a.wav.txt").read_text() == (
        "0.000000\t0.960000\tdog\n0.960000\t2.880000\tcat fish\n"
    )
    with open(tmp_path / "raven" / "b.wav.Table.1.selections.txt", newline="") as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert list(row) == list(detections.RAVEN_COLUMNS)
    assert row == {
        "Selection": "1",
        "View": "Spectrogram 1",
        "Channel": "1",
        "Begin Time (s)": "3600.500000",
        "End Time (s)": "3601.460000",
        "Low Freq (Hz)": "50",
        "High Freq (Hz)": "8000",
        "Begin File": "b.wav",
        "File Offset (s)": "3600.500000",
        "Class": "dog",
        "Score": "1.000000",
    }


def test_earlier_files_go_and_nothing_else_is_left(tmp_path):
    detections.write(str(tmp_path), make(), 0, 8000)
    first = make()
    only = Detections(*(values[2:] for values in vars(first).values()))
    detections.write(str(tmp_path), only, 0, 8000)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(detections.NAMES)
    assert [path.name for path in (tmp_path / "audacity").rglob("*")] == ["b.wav.txt"]
    detections.write(str(tmp_path), Detections(*(values[:0] for values in vars(first).values())), 0, 8000)
    assert list((tmp_path / "raven").iterdir()) == []
    assert len((tmp_path / "detections.csv").read_text().splitlines()) == 1


def test_the_name_of_a_file_stays_in_its_folder():
    assert detections.file_name("talks/a b.wav") == "talks/a b.wav"
    odd = ["../../x", "/etc/x", "a/./b", "a:b", "a_b", "x" * 400, "", "a//b", "a\nb", "..", "é" * 150]
    names = [detections.file_name(one) for one in odd]
    assert len(set(names)) == len(odd)
    for name in names:
        assert name and not name.startswith("/") and not {"", ".", ".."} & set(name.split("/"))
        assert all(len(part.encode()) <= 200 for part in name.split("/")) and "\n" not in name and ":" not in name
