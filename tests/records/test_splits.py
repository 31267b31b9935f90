import dataclasses

import pytest

from audioset_triplet.config.data import DataConfig
from audioset_triplet.errors import UserError
from audioset_triplet.records import splits
from tests import tiny_records


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    clips = [tiny_records.make_clip(i, seconds=1.0, fold=1 + i % 3) for i in range(6)]
    return DataConfig(tiny_records.write(tmp_path_factory.mktemp("records") / "a.tfrecord", clips), shuffle_clips=7)


def folds_of(found):
    return {split.name: (split.train.folds, split.held_out.folds) for split in found}


def test_every_fold_is_held_out_in_turn(data):
    found = splits.fold_splits(data, (3, 1), ())
    assert folds_of(found) == {"fold3": ((1, 2), (3,)), "fold1": ((2, 3), (1,))}
    assert all(split.train.data == split.held_out.data == data.data for split in found)
    assert {split.train.shuffle_clips for split in found} == {7}


def test_the_last_fold_is_held_out_by_default(data):
    assert folds_of(splits.fold_splits(data, (), ())) == {"fold3": ((1, 2), (3,))}


def test_less_may_be_trained_on(data):
    assert folds_of(splits.fold_splits(data, (3,), (1,))) == {"fold3": ((1,), (3,))}


@pytest.mark.parametrize(
    "folds, train_folds, message",
    [
        ((9,), (), "holds the folds 1, 2, 3, not 9, which --folds names"),
        ((3,), (1, 8), "holds the folds 1, 2, 3, not 8, which --train_folds names"),
        ((3,), (2, 3), "fold 3 is held out"),
        ((2, 3), (1, 2), "fold 2 is held out"),
    ],
)
def test_folds_that_cannot_be(data, folds, train_folds, message):
    with pytest.raises(UserError, match=message):
        splits.fold_splits(data, folds, train_folds)


@pytest.mark.parametrize("folds, what", [((1, 1), "fold 1 alone"), ((-1, 1), "fold 1 alone"), ((-1,), "no folds")])
def test_one_fold_alone_leaves_nothing_to_train_on(tmp_path, folds, what):
    clips = [tiny_records.make_clip(i, fold=fold) for i, fold in enumerate(folds)]
    path = tiny_records.write(tmp_path / "a.tfrecord", clips)
    with pytest.raises(UserError, match=f"holds {what}: name what to hold out by --eval_data"):
        splits.fold_splits(DataConfig(path), (), ())


def test_clips_without_a_fold_are_neither_trained_on_nor_held_out(tmp_path, capsys):
    clips = [tiny_records.make_clip(i, seconds=1.0, fold=fold) for i, fold in enumerate((1, 2, -1))]
    data = DataConfig(tiny_records.write(tmp_path / "a.tfrecord", clips))
    assert folds_of(splits.fold_splits(data, (), ())) == {"fold2": ((1,), (2,))}
    said = capsys.readouterr().err.splitlines()
    assert said == ["1 clip has no fold: they are neither trained on nor held out."]


def test_no_warning_where_all_clips_have_a_fold(data, capsys):
    splits.fold_splits(data, (), ())
    assert capsys.readouterr().err == ""


def test_separate_records_are_held_out_whole(data, tmp_path):
    held_out = tiny_records.write(tmp_path / "held_out.tfrecord", [tiny_records.make_clip(9)])
    split = splits.eval_split(data, held_out)
    assert (split.name, split.train, split.held_out) == ("split", data, DataConfig(held_out, shuffle_clips=7))
    with pytest.raises(UserError, match="a.tfrecord is named by --data and by --eval_data"):
        splits.eval_split(data, f"{held_out},{data.data}")


def test_a_clip_or_all_recordings_on_both_sides_are_refused_at_once(data, tmp_path):
    clip = tiny_records.write(tmp_path / "clip.tfrecord", [tiny_records.make_clip(0), tiny_records.make_clip(9)])
    with pytest.raises(UserError, match="1 clip is both to be trained on and to be evaluated on, such as clip0"):
        splits.eval_split(data, clip)
    assert splits.eval_split(dataclasses.replace(data, folds=(2,)), clip).held_out.data == clip  # clip0 is of fold 1
    made = [tiny_records.make_clip(10 + i, recording=f"recording{i}") for i in range(6)]
    with pytest.raises(UserError, match="every clip to be trained on is of a recording"):
        splits.eval_split(data, tiny_records.write(tmp_path / "recordings.tfrecord", made))
