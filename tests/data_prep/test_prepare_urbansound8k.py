import csv

import numpy as np
import pytest
import soundfile

from audioset_triplet.errors import UserError
from data_prep import urbansound8k
from tests import processes
from tests.data_prep import written
from tests.data_prep.written import read

MODULE = "data_prep.prepare_urbansound8k"
HEADER = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
ROWS = [
    ("100032-3-0-0.wav", 100032, 0.0, 0.317551, 1, 5, 3, "dog_bark"),
    ("100263-2-0-117.wav", 100263, 58.5, 62.5, 1, 5, 2, "children_playing"),
    ("100263-2-0-121.wav", 100263, 60.5, 64.5, 2, 5, 2, "children_playing"),
    ("102305-6-0-0.wav", 102305, 0.0, 2.611610, 1, 10, 6, "gun_shot"),
]
FORMATS = ((96000, 2, "PCM_24"), (44100, 1, "PCM_16"), (8000, 1, "MS_ADPCM"), (48000, 2, "FLOAT"))


def write_folder(root, listing="metadata/UrbanSound8K.csv"):
    (root / listing).parent.mkdir(parents=True, exist_ok=True)
    with open(root / listing, "w", newline="") as file:
        csv.writer(file).writerows([HEADER, *ROWS])
    for (name, _, start, end, _, fold, label, _), (rate, channels, subtype) in zip(ROWS, FORMATS):
        folder = root / "audio" / f"fold{fold}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".DS_Store").write_bytes(b"no audio")
        level = np.full((round((end - start) * rate), channels), 0.1 * (1 + label))
        soundfile.write(folder / name, level, rate, subtype=subtype)
    return root


@pytest.mark.parametrize("listing, around", [("metadata/UrbanSound8K.csv", "UrbanSound8K"), ("UrbanSound8K.csv", "")])
def test_a_folder_as_it_is_downloaded(tmp_path, listing, around):
    write_folder(tmp_path / "downloads" / around, listing)
    summary = written.write(urbansound8k.clips(tmp_path / "downloads", ()), tmp_path / "out", num_shards=1)
    assert (summary.num_clips, summary.missing, summary.rejects) == (4, (), ())
    names = {path.name for path in (tmp_path / "out").glob("*.tfrecord")}
    assert names == {"fold10-00000-of-00001.tfrecord", "fold5-00000-of-00001.tfrecord"}
    clips = read(tmp_path / "out")
    for name, recording, start, end, _, fold, label, label_name in ROWS:
        clip = clips[name[: -len(".wav")]]
        assert (clip.recording_id, clip.fold) == (str(recording), fold)
        assert (clip.labels, clip.label_names) == ((label,), (label_name,))
        assert (clip.start_seconds, clip.end_seconds) == pytest.approx((start, end))
        assert len(clip.pcm) == round((end - start) * 16000)
        middle = clip.pcm[len(clip.pcm) // 4 : -len(clip.pcm) // 4]
        np.testing.assert_allclose(middle / 32768, 0.1 * (1 + label), atol=0.005)


def test_only_some_folds(tmp_path):
    root = write_folder(tmp_path / "us8k")
    written.write(urbansound8k.clips(root, [10]), tmp_path / "out")
    assert list(read(tmp_path / "out")) == ["102305-6-0-0"]
    result = processes.run(MODULE, *processes.flags(source=root, output=tmp_path / "none", folds="5,7"))
    assert processes.error_of(result) == "error: --folds: no clips of fold 7, only of 5, 10"


@pytest.mark.parametrize(
    "row, problem",
    [
        (("a.wav", 1, 4.0, 4.0, 1, 1, 0, "siren"), "line 2: 4.0 to 4.0 is no slice"),
        (("a.wav", 1, "nan", 4.0, 1, 1, 0, "siren"), "line 2: nan to 4.0 is no slice"),
        (("a.wav", 1, 0.0, 400.0, 1, 1, 0, "siren"), "line 2: 0.0 to 400.0 is no slice"),
        (("a.wav", 1, 0.0, 4.0, 1, "one", 0, "siren"), "line 2: .*'one'"),
        (("a.wav", 1, 0.0), "line 2"),
    ],
)
def test_a_bad_list_is_one_clear_line(tmp_path, row, problem):
    (tmp_path / "UrbanSound8K.csv").write_text("\n".join(",".join(map(str, one)) for one in (HEADER, row)))
    with pytest.raises(UserError, match=problem):
        urbansound8k.read_requests(tmp_path)


def test_a_folder_of_something_else_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="no UrbanSound8K.csv in it: is this an UrbanSound8K folder"):
        urbansound8k.read_requests(tmp_path)
