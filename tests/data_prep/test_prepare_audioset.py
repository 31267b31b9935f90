import csv
import json

import numpy as np
import pytest
import soundfile

from audioset_triplet.errors import UserError
from data_prep import audioset
from tests import datasets, processes
from tests.data_prep import written
from tests.data_prep.written import read

MODULE = "data_prep.prepare_audioset"
CLASSES = (("/m/animal", "Animal"), ("/m/dog", "Dog"), ("/m/rain", "Rain, drizzle"))
ONTOLOGY = {"/m/animal": ["/m/pets"], "/m/pets": ["/m/dog"], "/m/dog": [], "/m/rain": []}  # pets are no class
LIST = """# YTID, start_seconds, end_seconds, positive_labels
--aaaaaaaaa,30,40,"/m/rain,/m/dog"
YbbbbbbbbbB,0,9,/m/dog
c_c_c_c_c_c,5,15,/m/rain
#NAME?,0,10,/m/rain
ddddddddddd,0,10,/m/rain
eeeeeeeeeee,0,10,/m/rain
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of a small AudioSet: one file is missing, one is damaged, one is there twice."""
    (tmp_path / "train_segments.csv").write_text(LIST)
    rows = "".join(f'{index},{id_},"{name}"\n' for index, (id_, name) in enumerate(CLASSES))
    (tmp_path / "classes.csv").write_text("index,mid,display_name\n" + rows)
    nodes = [{"id": id_, "name": id_, "child_ids": below, "restrictions": []} for id_, below in ONTOLOGY.items()]
    (tmp_path / "ontology.json").write_text(json.dumps(nodes))
    levels = {
        "Y--aaaaaaaaa.wav": (0.25, 32000),
        "Rain, drizzle/--aaaaaaaaa_30-40.wav": (0.25, 8000),
        "part00/YbbbbbbbbbB.flac": (0.5, 44100),
        "c_c_c_c_c_c_5000_15000.flac": (0.125, 16000),
    }
    for name, (level, rate) in levels.items():
        path = tmp_path / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        seconds = 9.4 if "YbbbbbbbbbB" in name else 10
        soundfile.write(path, np.full((round(seconds * rate), 2), level), rate)
    (tmp_path / "audio" / "eeeeeeeeeee.wav").write_bytes(b"RIFF")
    return tmp_path


def prepare(copy, ontology="", **names):
    """In this process."""
    paths = {"segments": "train_segments.csv", "class_labels": "classes.csv", "source": "audio", **names}
    segments, class_labels, source = (str(copy / name) for name in paths.values())
    written.write(audioset.clips([segments], class_labels, ontology and str(copy / ontology), source), copy / "out")


def test_an_incomplete_copy(copy):
    names = dict(segments="train_segments.csv", class_labels="classes.csv", source="audio", output="out")
    paths = {flag: copy / name for flag, name in names.items()}
    result = processes.run(MODULE, *processes.flags(**paths, num_workers=1))
    assert result.returncode == 0, result.stderr
    assert "3 clips, 29 s, 1 missing, 1 rejected (unreadable 1)" in result.stdout
    assert "ddddddddddd_0: missing" in result.stderr and "eeeeeeeeeee.wav: unreadable" in result.stderr
    assert "1 row names no segment, such as line 5: '#NAME?' is not the id of a video" in result.stderr
    with open(copy / "out" / "rejects.csv", newline="") as file:
        assert {row["clip_id"]: row["reason"] for row in csv.DictReader(file)} == {
            "ddddddddddd_0": "missing",
            "eeeeeeeeeee_0": "unreadable",
        }
    assert {path.name for path in (copy / "out").glob("*.tfrecord")} == {
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
    }
    clips = read(copy / "out")
    found = {clip_id: (clip.recording_id, clip.labels, clip.start_seconds) for clip_id, clip in clips.items()}
    assert found == {
        "--aaaaaaaaa_30000": ("--aaaaaaaaa", (1, 2), 30.0),
        "YbbbbbbbbbB_0": ("YbbbbbbbbbB", (1,), 0.0),
        "c_c_c_c_c_c_5000": ("c_c_c_c_c_c", (2,), 5.0),
    }
    assert clips["--aaaaaaaaa_30000"].label_names == ("Dog", "Rain, drizzle")
    lengths = {clip_id: len(clip.pcm) / 16000 for clip_id, clip in clips.items()}
    assert lengths == {"--aaaaaaaaa_30000": 10, "YbbbbbbbbbB_0": 9, "c_c_c_c_c_c_5000": 10}
    middle = {clip_id: int(clip.pcm[80000]) for clip_id, clip in clips.items()}
    expected = {"--aaaaaaaaa_30000": 8192, "YbbbbbbbbbB_0": 16384, "c_c_c_c_c_c_5000": 4096}
    assert all(abs(middle[clip_id] - level) <= 1 for clip_id, level in expected.items())


def test_clips_get_the_ancestors_of_their_classes(copy):
    prepare(copy, ontology="ontology.json")
    labels = {clip_id: clip.labels for clip_id, clip in read(copy / "out").items()}
    assert labels == {"--aaaaaaaaa_30000": (0, 1, 2), "YbbbbbbbbbB_0": (0, 1), "c_c_c_c_c_c_5000": (2,)}


def test_bad_calls_are_one_clear_line(copy):
    (copy / "empty").mkdir()
    (copy / "two.csv").write_text('index,mid,display_name\n0,/m/animal,"Animal"\n')
    bad = [
        (dict(source="none"), "none: no such folder"),
        (dict(segments="classes.csv"), "classes.csv: names no segment"),
        (dict(class_labels="two.csv"), "--aaaaaaaaa_30000: /m/rain is none of the 1 classes"),
        (dict(source="empty"), r"none of 5 clips can be used \(5 missing, 0 rejected\): see"),
    ]
    for names, message in bad:
        with pytest.raises(UserError, match=message):
            prepare(copy, **names)
    assert not list((copy / "out").glob("*.tfrecord")) and not (copy / "out" / "records.json").exists()


def test_the_published_list_and_an_empty_folder(tmp_path):
    folder = datasets.audioset()
    (tmp_path / "audio").mkdir()
    lists = [str(folder / "balanced_train_segments.csv")]
    class_labels, ontology = str(folder / "class_labels_indices.csv"), str(folder / "ontology.json")
    clips = audioset.clips(lists, class_labels, ontology, str(tmp_path / "audio"))
    with pytest.raises(UserError, match=r"none of 22160 clips can be used \(22160 missing, 0 rejected\)"):
        written.write(clips, tmp_path / "out")
