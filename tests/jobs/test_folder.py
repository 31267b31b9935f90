"""Reports of shards: a damaged one is none, so that its shard is done again."""

import json

import pytest

from audioset_triplet.jobs.folder import Folder
from data_prep import folder as folders
from data_prep import shards
from data_prep.plan import make_shards
from tests.data_prep import audio_folders, written

REPORT = {"plan": "digest", "num_bytes": 12, "num_clips": 7, "cut": {"a.wav": 3}}


@pytest.fixture
def folder(tmp_path):
    made = Folder(str(tmp_path))
    made.make()
    made.write_report("x.tfrecord", REPORT)
    return made


def test_a_report_is_read_as_it_was_written(folder):
    assert folder.read_report("x.tfrecord") == REPORT


@pytest.mark.parametrize(
    "before, after", [("7", "8"), ("a.wav", "b.wav"), ("}", ""), ("digest", "\\udcff"), ("{", "[")]
)
def test_a_report_with_another_value_is_none(folder, tmp_path, before, after):
    path = tmp_path / "shards" / "x.tfrecord.json"
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(LookupError):
        folder.read_report("x.tfrecord")
    assert not folder.is_done("x.tfrecord", "digest")


def test_a_report_of_an_older_version_is_read(folder, tmp_path):
    (tmp_path / "shards" / "x.tfrecord.json").write_text(json.dumps(REPORT))
    assert folder.read_report("x.tfrecord") == REPORT


def test_a_shard_with_a_report_of_another_form_is_prepared_again(tmp_path):
    audio_folders.write_noises(tmp_path / "audio", {"a.wav": 0.3, "b.wav": 0.3})
    clips = audio_folders.clips_of(tmp_path / "audio", folders.NO_LABELS)
    assert written.write(clips, tmp_path / "out").num_shards_before == 0
    contents = written.contents(tmp_path / "out")
    [path, *_] = sorted((tmp_path / "out" / "shards").glob("*.tfrecord.json"))
    values = json.loads(path.read_text())
    path.write_text(json.dumps({key: values[key] for key in ("plan", "num_bytes")}))
    assert not shards.is_written(Folder(str(tmp_path / "out")), make_shards(clips.requests, 0)[0])
    assert written.write(clips, tmp_path / "out").num_shards_before == 1
    assert written.contents(tmp_path / "out") == contents
