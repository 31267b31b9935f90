import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from audioset_triplet.errors import UserError
from audioset_triplet.store import scores
from audioset_triplet.store.scores import ClipScores


@st.composite
def clip_scores(draw):
    clip_ids = draw(st.lists(st.text(), unique=True, max_size=5))
    classes = sorted(draw(st.sets(st.integers(0, 2**40), min_size=1, max_size=5)))
    shape = (len(clip_ids), len(classes))
    finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
    return ClipScores(
        clip_ids=clip_ids,
        scores=draw(arrays.arrays(np.float32, shape, elements=finite)),
        targets=draw(arrays.arrays(np.bool_, shape)),
        classes=classes,
        class_names={index: draw(st.text()) for index in classes},
    )


SMALL = ClipScores(
    clip_ids=["a", "b", "c"],
    scores=np.array([[0.1, 0.9], [0.8, 0.3], [0.5, 0.5]], np.float32),
    targets=np.array([[False, True], [True, False], [False, False]]),
    classes=[3, 7],
    class_names={3: "rain", 7: "sea waves"},
)


@settings(max_examples=30, deadline=None)
@given(clip_scores())
def test_a_file_gives_back_the_scores(tmp_path_factory, made):
    path = str(tmp_path_factory.mktemp("scores") / "scores.parquet")
    scores.write(path, made)
    read = scores.read(path)
    assert (read.clip_ids, read.classes, read.class_names) == (made.clip_ids, made.classes, made.class_names)
    for name in ("scores", "targets"):
        expected, found = getattr(made, name), getattr(read, name)
        np.testing.assert_array_equal(expected, found)
        assert expected.dtype == found.dtype and expected.shape == found.shape


def test_the_file_is_a_plain_table(tmp_path):
    scores.write(str(tmp_path / "scores.parquet"), SMALL)
    rows = pq.read_table(tmp_path / "scores.parquet").to_pylist()
    assert [row["clip_id"] for row in rows] == ["a", "b", "c"]
    assert rows[1]["targets"] == [True, False] and rows[1]["scores"] == pytest.approx([0.8, 0.3])
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_score_that_cannot_be_ranked_is_named(value):
    broken = SMALL.scores.copy()
    broken[1, 1] = value
    with pytest.raises(UserError, match="clip b: the score of class 7 is"):
        dataclasses.replace(SMALL, scores=broken)


def test_a_clip_that_is_given_twice_is_named():
    with pytest.raises(UserError, match="clip a is given twice"):
        dataclasses.replace(SMALL, clip_ids=["a", "b", "a"])


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(scores=SMALL.scores[:, :1]), r"scores must be float32 \(3, 2\)"),
        (dict(scores=SMALL.scores.astype(np.float64)), "scores must be float32"),
        (dict(targets=SMALL.targets[:2]), r"targets must be bool \(3, 2\)"),
        (dict(targets=SMALL.targets.astype(np.int64)), "targets must be bool"),
        (dict(classes=[7, 3]), "ascending"),
        (dict(classes=[3, 3]), "ascending"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **change)


def test_what_is_no_file_of_scores_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="none.parquet: no such file"):
        scores.read(str(tmp_path / "none.parquet"))
    whole, damaged, other = (tmp_path / name for name in ("whole", "damaged", "other"))
    scores.write(str(whole), SMALL)
    damaged.write_bytes(whole.read_bytes()[:-50])
    pq.write_table(pq.read_table(whole).replace_schema_metadata(None), other)
    for path in (damaged, other):
        with pytest.raises(UserError, match=f"{path.name}: not a file of scores, or a damaged one"):
            scores.read(str(path))
