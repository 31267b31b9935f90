import dataclasses

import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.records import clip_labels
from tests import tiny_records


def info(clip_id, recording_id="", labels=()):
    return ClipInfo(clip_id, recording_id or f"recording of {clip_id}", labels, tuple(f"class{i}" for i in labels))


def test_all_but_the_audio_is_read(tmp_path):
    made = tiny_records.make_clips(8)
    path = tiny_records.write(tmp_path / "clips.tfrecord", made)
    for folds in ([], [2]):
        read = clip_labels.read(path, folds)
        expected = [clip for clip in made if not folds or clip.fold in folds]
        assert len(expected) == (4 if folds else 8)
        for clip, found in zip(expected, read):
            assert dataclasses.asdict(found) == {name: getattr(clip, name) for name in dataclasses.asdict(found)}
        assert len(read) == len(expected)


def test_records_that_cannot_be_used_are_one_clear_line(tmp_path):
    made = tiny_records.make_clips(4)
    path = tmp_path / "clips.tfrecord"
    tiny_records.write(path, made)
    with pytest.raises(UserError, match="holds no clip of fold 7, 8, only of"):
        clip_labels.read(str(path), [7, 8])
    tiny_records.write(tmp_path / "unfolded", [dataclasses.replace(one, fold=-1) for one in made])
    with pytest.raises(UserError, match="unfolded: its clips have no folds: leave out --folds"):
        clip_labels.read(str(tmp_path / "unfolded"), [1])
    tiny_records.write(tmp_path / "again.tfrecord", made[2:3])
    with pytest.raises(UserError, match="clip clip2 is given twice"):
        clip_labels.read(f"{tmp_path}/*.tfrecord", [])
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="clips.tfrecord: record 3: truncated"):
        clip_labels.read(str(path), [])


def test_classes_are_named_in_ascending_order():
    names = clip_labels.class_names([info("a", labels=(2, 7)), info("b"), info("c", labels=(0, 2))])
    assert list(names.items()) == [(0, "class0"), (2, "class2"), (7, "class7")]


def test_a_class_with_two_names_is_refused():
    other = dataclasses.replace(info("b", labels=(2,)), label_names=("rain",))
    with pytest.raises(UserError, match="clip b: class 2 is called both 'class2' and 'rain'"):
        clip_labels.class_names([info("a", labels=(2,)), other])


def test_only_the_clips_of_a_file_are_selected(tmp_path):
    clips, path = [info("a"), info("b c"), info("d")], tmp_path / "ids.txt"
    path.write_text("d\n\n  b c \n")
    assert clip_labels.select(clips, str(path)) == clips[1:]
    for text, message in [("a\nx\ny\n", "2 of 3 clips are not in the records: 'x' on line 2"), ("\n", "names no clip")]:
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            clip_labels.select(clips, str(path))
    with pytest.raises(UserError, match="no such file"):
        clip_labels.select(clips, str(tmp_path / "none.txt"))


def test_a_recording_is_in_one_set_only():
    trained = [info("a", "one"), info("b", "two"), info("c", "three")]
    assert clip_labels.exclude_recordings(trained, [info("d", "two"), info("e", "four")]) == [trained[0], trained[2]]
    with pytest.raises(UserError, match="1 clip is both to be trained on and to be evaluated on, such as b"):
        clip_labels.exclude_recordings(trained, [info("b", "two")])
    with pytest.raises(UserError, match="every clip to be trained on"):
        clip_labels.exclude_recordings(trained[:1], [info("d", "one")])
