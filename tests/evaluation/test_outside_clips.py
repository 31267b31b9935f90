"""Clips of other stores among the training clips: negatives of all classes."""

import dataclasses

import numpy as np
import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import outside_clips, splits
from tests import example_clips

INFOS = example_clips.make_infos(24, 3)


def make_outside(label_name, count, name="out", recording="else"):
    return [
        ClipInfo(f"{name}{row}", f"{recording}{row}", labels=(0,), label_names=(label_name,), fold=1)
        for row in range(count)
    ]


@pytest.fixture
def root(tmp_path):
    example_clips.write(tmp_path / "all", INFOS)
    return tmp_path


def joined(root, outside, left_out=()):
    split = splits.read_split(str(root / "all"), [1], str(root / "all"), [2])
    return split, outside_clips.with_outside(split, str(root / "all"), [str(root / name) for name in outside], left_out)


def test_outside_clips_are_a_class_of_their_own_that_no_evaluated_clip_has(root):
    windows = example_clips.write(root / "rain", make_outside("rain", 5))
    split, with_rain = joined(root, ["rain"])
    assert split.classes == [0, 1, 2] and with_rain.classes == [0, 1, 2, 3]
    assert with_rain.class_names[3] == outside_clips.NONE
    assert with_rain.train.labels[12:] == [(3,)] * 5 and with_rain.train.labels[:12] == split.train.labels
    assert with_rain.usable.all() and len(with_rain.usable) == 17
    targets = with_rain.train_targets(np.array([0, 12]))
    assert targets.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]  # a negative of every class of the list
    assert not with_rain.clip_scores(np.zeros((12, 4), np.float32)).targets[:, 3].any()
    # Their vectors come from their own store.
    expected = example_clips.unit(windows.sum(axis=1))
    np.testing.assert_allclose(with_rain.train.vectors_at(np.arange(12, 17)), expected, atol=1e-6)
    np.testing.assert_array_equal(with_rain.train.vectors_at(np.arange(12)), split.train.vectors_at(np.arange(12)))


def test_clips_of_a_class_of_the_list_are_left_out_under_its_name_or_another(root):
    infos = [*make_outside("rain", 2), *make_outside("class 1", 2, "same"), *make_outside("klass 2", 2, "other")]
    numbered = [dataclasses.replace(info, labels=(row // 2,)) for row, info in enumerate(infos)]
    example_clips.write(root / "mixed", numbered)
    _, with_mixed = joined(root, ["mixed"], ["klass 2"])
    assert with_mixed.usable[12:].tolist() == [True, True, False, False, False, False]


def test_clips_of_evaluated_recordings_are_left_out(root):
    evaluated = next(info.recording_id for info in INFOS if info.fold == 2)
    infos = [*make_outside("rain", 1), dataclasses.replace(make_outside("rain", 1, "b")[0], recording_id=evaluated)]
    example_clips.write(root / "rain", infos)
    assert joined(root, ["rain"])[1].usable[12:].tolist() == [True, False]


def test_what_does_not_fit_is_one_line(root):
    example_clips.write(root / "foreign", make_outside("rain", 2), model_id="another-model")
    example_clips.write(root / "same", make_outside("class 0", 2))
    example_clips.write(root / "rain", make_outside("rain", 2))
    example_clips.write(root / "twice", make_outside("snow", 2))
    for outside, left_out, message in (
        (["foreign"], (), "embed the clips of --outside with the same model"),
        (["same"], (), "every clip has one of the classes"),
        (["rain", "twice"], (), "clip out0 is in another store too"),
        (["rain"], ("hail",), "--outside_except: no clip of --outside has the class 'hail'"),
    ):
        with pytest.raises(UserError, match=message) as raised:
            joined(root, outside, left_out)
        assert "\n" not in str(raised.value)
