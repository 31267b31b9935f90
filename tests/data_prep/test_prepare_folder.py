"""Any folder of audio files becomes records."""

import csv
import json

import numpy as np
import pytest
import soundfile

from audioset_triplet import clips
from audioset_triplet.errors import UserError
from data_prep.folder import LabelTable
from tests import processes
from tests.data_prep.audio_folders import clips_of, write_noises
from tests.data_prep.packed import noise
from tests.data_prep.written import read, write


def test_priors_count_clips_and_the_card_counts_files(tmp_path):
    root = write_noises(tmp_path / "in", {"dog/a.wav": 3.0, "ant/b.wav": 1.0})
    soundfile.write(root / "ant" / "silent.wav", np.zeros(32000), 16000)
    half = np.concatenate([np.zeros(16000), noise(1.0)])
    soundfile.write(root / "ant" / "half.wav", half, 16000)
    write(clips_of(root, seconds=1.0, num_folds=0), tmp_path / "out", num_shards=1)
    description = json.loads((tmp_path / "out" / "records.json").read_text())
    assert description["class_priors"] == {"0": 5 / 8, "1": 3 / 8} and description["num_clips"] == 8
    report = json.loads((tmp_path / "out" / "shards" / "sounds-00000-of-00001.tfrecord.json").read_text())
    assert report["silent"] == ["ant/silent.wav"] and report["rates_hz"] == {"16000": 4}
    assert report["cut"] == {"dog/a.wav": 3, "ant/silent.wav": 2, "ant/half.wav": 2}
    # The digest is of the clips, as evaluations know them.
    card = json.loads((tmp_path / "out" / "coverage.json").read_text())
    assert len(read(tmp_path / "out")) == 8 and card["total"]["clips_digest"] == clips.digest(read(tmp_path / "out"))
    assert (card["total"]["used"], card["total"]["records"]) == (4, 8)
    page = (tmp_path / "out" / "coverage.html").read_text()
    assert "4 of 4 files, cut into 8 clips, can be used: 100%" in page
    assert "4 of 4 files, cut into 8 clips, (100%)" in page
    assert (report["num_clips"], report["num_samples"]) == (8, 8 * 16000)


def test_bad_settings_are_one_clear_line(tmp_path):
    root = write_noises(tmp_path / "in", {"a.wav": 0.1})
    (tmp_path / "empty").mkdir()
    for made, message in {
        ("seconds", -1.0): "--clip_seconds must be 0 or at least 0.1, not -1.0",
        ("seconds", 0.01): "--clip_seconds",
        ("seconds", float("nan")): "--clip_seconds",
        ("num_folds", -1): "--num_folds must be at least 0, not -1",
        ("recording", "(a"): "--recording=\\(a: no regular expression",
        ("recording", "a"): "--recording=a: needs one group in parentheses, not 0",
    }.items():
        with pytest.raises(UserError, match=message):
            clips_of(root, **dict([made]))
    with pytest.raises(UserError, match="empty: no audio file in it"):
        clips_of(tmp_path / "empty")
    with pytest.raises(UserError, match=r"nothing\.csv: no such file"):
        clips_of(root, LabelTable(tmp_path / "nothing.csv", "filename", "labels", ","))


def test_the_program(tmp_path):
    root = write_noises(tmp_path / "in", {"dog/a_1.wav": 2.5, "ant/b_1.wav": 1.0})
    (root / "ant" / "c.wav").write_bytes(b"no audio")
    arguments = processes.flags(
        source=root, output=tmp_path / "out", clip_seconds=1.0, num_folds=2, recording="([^/_]+)_", num_workers=1
    )
    result = processes.run("data_prep.prepare_folder", *arguments)
    assert result.returncode == 0, result.stderr
    assert "4 clips, 3.5 s, 0 missing, 1 rejected" in result.stdout
    clips = read(tmp_path / "out")
    assert {(clip_id, clip.recording_id, clip.label_names) for clip_id, clip in clips.items()} == {
        *((f"dog/a_1.wav@{start}", "a", ("dog",)) for start in (0, 1000, 2000)),
        ("ant/b_1.wav", "b", ("ant",)),
    }
    with open(tmp_path / "out" / "rejects.csv", newline="") as file:
        assert [(row["clip_id"], row["reason"]) for row in csv.DictReader(file)] == [("ant/c.wav", "unreadable")]
