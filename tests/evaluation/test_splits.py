"""What may be trained on, and what is refused."""

import dataclasses

import numpy as np
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import splits
from audioset_triplet.store import weak_labels
from tests import example_clips


def test_both_sides_are_told_apart_by_folds_or_by_folders(tmp_path):
    infos = example_clips.make_infos(40, 4)
    example_clips.write(tmp_path / "all", infos)
    example_clips.write(tmp_path / "first", [one for one in infos if one.fold == 1])
    example_clips.write(tmp_path / "second", [one for one in infos if one.fold == 2])
    by_fold = splits.read_split(str(tmp_path / "all"), [1], str(tmp_path / "all"), [2])
    by_folder = splits.read_split(str(tmp_path / "first"), [], str(tmp_path / "second"), [])
    for split in (by_fold, by_folder):
        assert split.train.clip_ids == [one.clip_id for one in infos if one.fold == 1]
        assert split.evaluated.clip_ids == [one.clip_id for one in infos if one.fold == 2]
        assert split.usable.all() and split.classes == [0, 1, 2, 3] and split.class_names[3] == "class 3"


def test_targets_are_of_all_labels_of_both_sides(tmp_path):
    infos = [
        dataclasses.replace(one, labels=labels, label_names=tuple(str(label) for label in labels))
        for one, labels in zip(example_clips.make_infos(4, 1), [(2,), (7, 2), (), (5,)])
    ]
    example_clips.write(tmp_path, infos)
    split = splits.read_split(str(tmp_path), [1], str(tmp_path), [2])
    assert split.classes == [2, 5, 7]
    assert split.train_targets(np.array([1, 0])).tolist() == [[0, 0, 0], [1, 0, 0]]
    scores = split.clip_scores(np.zeros((2, 3), np.float32))
    assert scores.targets.tolist() == [[True, False, True], [False, True, False]]
    assert scores.clip_ids == ["clip00001", "clip00003"] and scores.classes == [2, 5, 7]


def test_training_clips_of_an_evaluated_recording_are_not_used(tmp_path):
    infos = example_clips.make_infos(12, 3)
    infos[4] = dataclasses.replace(infos[4], recording_id=infos[1].recording_id)  # of folds 1 and 2
    example_clips.write(tmp_path, infos)
    split = splits.read_split(str(tmp_path), [1], str(tmp_path), [2])
    assert split.usable.tolist() == [True, True, False, True, True, True]
    assert len(split.evaluated.clip_ids) == 6


def test_a_clip_on_both_sides_is_refused(tmp_path):
    example_clips.write(tmp_path, example_clips.make_infos(12, 3))
    with pytest.raises(UserError, match="6 clips are both .* such as clip00001: .*--train_folds"):
        splits.read_split(str(tmp_path), [], str(tmp_path), [2])


def test_two_models_two_names_and_nothing_to_learn_from_are_refused(tmp_path):
    first, second = ([one for one in example_clips.make_infos(8, 2) if one.fold == fold] for fold in (1, 2))
    folders = {
        "first": first,
        "other": second,
        "renamed": [dataclasses.replace(one, label_names=("cat",)) for one in second],
        "same recording": [dataclasses.replace(one, recording_id="one") for one in first],
        "the other half": [dataclasses.replace(one, recording_id="one") for one in second],
        "labelled": second,
        "unlabelled": [dataclasses.replace(one, labels=(), label_names=()) for one in first],
        "unlabelled too": [dataclasses.replace(one, labels=(), label_names=()) for one in second],
    }
    for name, infos in folders.items():
        example_clips.write(tmp_path / name, infos, model_id="other" if name == "other" else "model")
    cases = {
        "has model_id model, but .* has other: a classifier learns from embeddings of one model": ("first", "other"),
        "called both 'class 0' and 'cat'": ("first", "renamed"),
        "every clip to train on is of an evaluated recording": ("same recording", "the other half"),
    }
    for message, (train, evaluated) in cases.items():
        with pytest.raises(UserError, match=message):
            splits.read_split(str(tmp_path / train), [], str(tmp_path / evaluated), [])
    for evaluated in ("labelled", "unlabelled too"):
        with pytest.raises(UserError, match="unlabelled: none of the clips to train on has a label"):
            splits.read_split(str(tmp_path / "unlabelled"), [], str(tmp_path / evaluated), [])


def test_training_clips_without_a_label_are_not_used(tmp_path):
    infos = example_clips.make_infos(12, 3)
    for row in (2, 5):  # one of each fold
        infos[row] = dataclasses.replace(infos[row], labels=(), label_names=())
    example_clips.write(tmp_path, infos)
    split = splits.read_split(str(tmp_path), [1], str(tmp_path), [2])
    assert split.usable.tolist() == [True, False, True, True, True, True]
    assert len(split.evaluated.clip_ids) == 6


def test_without_a_usable_label_there_is_nothing_to_learn_from(tmp_path):
    infos = example_clips.make_infos(8, 2)
    for row in (0, 2):  # of fold 1, the others of which are of an evaluated recording
        infos[row] = dataclasses.replace(infos[row], labels=(), label_names=())
    for row in (4, 6):
        infos[row] = dataclasses.replace(infos[row], recording_id=infos[1].recording_id)
    example_clips.write(tmp_path, infos)
    with pytest.raises(UserError, match="none of the clips to train on has a label"):
        splits.read_split(str(tmp_path), [1], str(tmp_path), [2])


def test_given_labels_take_the_place_of_stored_ones_on_the_training_side_alone(tmp_path):
    infos = example_clips.make_infos(16, 2)
    example_clips.write(tmp_path, infos)
    ids = [info.clip_id for info in infos if info.fold == 1]
    given = weak_labels.WeakLabels({ids[0]: (1,), ids[3]: (1, 7), "elsewhere": (0,)}, {1: "class 1", 7: "seven"})
    split = splits.read_split(str(tmp_path), [1], str(tmp_path), [2], given)
    assert np.flatnonzero(split.usable).tolist() == [0, 3] and split.train.labels[3] == (1, 7)
    assert split.classes == [0, 1, 7]  # 0 is the truth about clips that are evaluated
    assert split.evaluated.labels == [info.labels for info in infos if info.fold == 2]
    assert split.train_targets(np.array([3])).tolist() == [[0, 1, 1]]
    with pytest.raises(UserError, match="none of the clips to train on has a label"):
        splits.read_split(
            str(tmp_path), [1], str(tmp_path), [2], weak_labels.WeakLabels({"elsewhere": (1,)}, {1: "class 1"})
        )
    with pytest.raises(UserError, match="class 1 is called both"):
        splits.read_split(
            str(tmp_path), [1], str(tmp_path), [2], weak_labels.WeakLabels({ids[0]: (1,)}, {1: "another"})
        )
