import numpy as np
import pytest
import soundfile

from audioset_triplet.errors import UserError
from data_prep import dcase2013
from tests import processes
from tests.data_prep import written
from tests.data_prep.written import read

MODULE = "data_prep.prepare_dcase2013"
NAMES = ("bus01", "bus10", "busystreet02", "tube03", "tubestation03")
KEY = "name,x,y,original\n" + "".join(
    f"fold{1 + index % 5}_{index:02d}.wav,0,0,{name}.wav\n" for index, name in enumerate(NAMES)
)


def write_set(folder, level, names=NAMES):
    folder.mkdir(parents=True)
    for name in names:
        soundfile.write(folder / f"{name}.wav", np.full((44100, 2), level), 44100)
    (folder / "readme.txt").write_text("not a recording")
    return folder


def test_the_public_set_to_train_on_and_the_private_one_to_test_on(tmp_path):
    public, private = write_set(tmp_path / "public", 0.25), write_set(tmp_path / "zip" / "private", 0.5).parent
    prepare(tmp_path, public, private)
    clips = read(tmp_path / "out")
    assert set(clips) == {f"{one}-{name}" for one in ("public", "private") for name in NAMES}
    for clip_id, clip in clips.items():
        assert clip.recording_id == clip_id and (clip.start_seconds, clip.end_seconds) == (0, 1)  # not padded to 30
        assert clip.fold == (1 if clip_id.startswith("public") else 2)
        assert len(clip.pcm) == 16000
        assert abs(int(clip.pcm[8000]) - (8192 if clip.fold == 1 else 16384)) <= 1
    assert (clips["public-tube03"].labels, clips["public-tube03"].label_names) == ((8,), ("tube",))
    assert clips["private-tubestation03"].labels == (9,) and clips["public-busystreet02"].labels == (1,)


def test_the_folds_of_the_challenge(tmp_path):
    private = write_set(tmp_path / "private", 0.5)
    (tmp_path / "key.csv").write_text(KEY)
    arguments = processes.flags(private=private, key=tmp_path / "key.csv", output=tmp_path / "out", num_workers=1)
    result = processes.run(MODULE, *arguments)
    assert result.returncode == 0, result.stderr
    found = {clip_id: clip.fold for clip_id, clip in read(tmp_path / "out").items()}
    assert found == {f"private-{name}": 1 + index for index, name in enumerate(NAMES)}


def prepare(tmp_path, public="", private="", key=""):
    return written.write(dcase2013.clips(str(public), str(private), str(key), ()), tmp_path / "out")


def test_bad_calls_are_one_clear_line(tmp_path):
    public, private = write_set(tmp_path / "public", 0.5), write_set(tmp_path / "private", 0.5)
    write_set(tmp_path / "private" / "again", 0.5, ["bus01"])
    (tmp_path / "key.csv").write_text(KEY)
    (tmp_path / "empty").mkdir()
    bad = [
        (dict(), "--public or --private is required"),
        (dict(public=tmp_path / "none"), "none: no such folder"),
        (dict(public=tmp_path), "holds bus01 twice"),
        (dict(private=private), "holds bus01 twice"),
        (dict(public=tmp_path / "empty"), "holds no recording such as bus01.wav"),
        (dict(public=public, private=private, key=tmp_path / "key.csv"), "--key lists the folds of the private set"),
        (dict(key=tmp_path / "key.csv"), "--key lists the folds of the private set"),
    ]
    for arguments, message in bad:
        with pytest.raises(UserError, match=message):
            prepare(tmp_path, **arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text, message",
    [
        (KEY.replace("tube03", "tube04"), "tube03.wav: the key names no fold for it"),
        (KEY + "fold1_9.wav,0,0,bus01.wav\n", "line 7: not a fold and a recording"),
        (KEY + "fold0_9.wav,0,0,bus09.wav\n", "line 7: not a fold and a recording"),
        (KEY + "fold1_9.wav,bus09.wav\n", "line 7: not a fold and a recording"),
        ("name,x,y,original\n", "names no recording"),
        ("", "names no recording"),
    ],
)
def test_a_bad_key_is_one_clear_line(tmp_path, text, message):
    private = write_set(tmp_path / "private", 0.5)
    (tmp_path / "key.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        prepare(tmp_path, private=private, key=tmp_path / "key.csv")
