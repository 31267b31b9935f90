import dataclasses

import numpy as np
import pytest

from audioset_triplet.clips import ClipInfo, digest
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import refinement
from audioset_triplet.store import frame_labels, window_scores
from audioset_triplet.store.window_scores import ScoredClip, ScoreInfo
from tests.reference import refinement as reference

CLASSES = {2: "dog", 3: "bell", 8: "rain"}
INFO = ScoreInfo("model-1", "front-end", "0.1", tuple(CLASSES), tuple(CLASSES.values()), 1.0, 0.5)
NAMES = {**CLASSES, 5: "wind"}  # which the model does not know


def scored(clip_id, labels, num_windows=6, fold=1, zero=()):
    """A clip with scores at random, 0 for some labels."""
    scores = np.random.default_rng(len(clip_id) + num_windows).random((num_windows, 3)).astype(np.float32)
    scores[:, [list(CLASSES).index(label) for label in zero]] = 0
    info = ClipInfo(clip_id, f"r{clip_id}", tuple(labels), tuple(NAMES[label] for label in labels), fold)
    return ScoredClip(info, 0.5 * np.arange(num_windows), scores)


CLIPS = [
    scored("one", [3]),
    scored("several", [8, 2], 9),
    scored("unknown", [5, 2], 4),
    scored("zero", [3, 8], 5, zero=[3]),
    scored("no label", []),
    scored("of another fold", [2], 7, fold=4),
    scored("one window", [2, 3], 1),
]


def write(folder, *clips, info=INFO):
    folder.mkdir()
    window_scores.write_part(str(folder / "scores-00000-of-00001.parquet"), info, clips)
    return str(folder)


@pytest.fixture(scope="module")
def refined(tmp_path_factory):
    """The result of folds 1 at 0.66, and the folder of the file."""
    folder = tmp_path_factory.mktemp("refined")
    return refinement.refine(write(folder / "scores", *CLIPS), (1,), 0.66, str(folder)), folder


def test_windows_at_the_threshold_keep_the_labels_of_their_clip(refined):
    result, folder = refined
    expected = {
        clip.clip_id: reference.refine(
            [(float(start), dict(zip([*CLASSES, 5], [*map(float, row), 0.0]))) for start, row in zip(starts, scores)],
            clip.labels,
            0.66,
        )
        for clip, starts, scores, _ in CLIPS
        if clip.labels and clip.fold == 1
    }
    path = frame_labels.path_in(str(folder))
    batch = frame_labels.concatenate(list(frame_labels.read_batches(path)))
    assert batch.clip_ids == list(expected)
    rows = [row for rows in expected.values() for row in rows]
    assert batch.clip_rows.tolist() == np.repeat(range(5), [len(one) for one in expected.values()]).tolist()
    assert batch.window_start_seconds.tolist() == [start for start, *_ in rows]
    assert batch.labels.tolist() == [label for _, label, *_ in rows]
    np.testing.assert_allclose(batch.scores, [share for *_, share, _ in rows], rtol=1e-6)
    assert batch.is_kept.tolist() == [is_kept for *_, is_kept in rows]
    assert 0.2 < batch.is_kept.mean() < 0.8 and batch.class_names == NAMES
    info = frame_labels.read_info(path)
    assert (info.model_id, info.threshold, info.window_seconds, info.hop_seconds) == ("model-1", 0.66, 1.0, 0.5)


def test_what_is_kept_is_counted(refined):
    result, folder = refined
    batch = frame_labels.concatenate(list(frame_labels.read_batches(frame_labels.path_in(str(folder)))))
    numbers = result.numbers(NAMES)
    assert (numbers["refinement/clips"], numbers["refinement/windows"]) == (5, 6 + 9 + 4 + 5 + 1)
    assert numbers["refinement/clips_without_label"] == 1
    assert numbers["refinement/labels_unknown_to_model"] == numbers["refinement/labels_with_scores_of_0"] == 1
    assert numbers["refinement/kept_share"] == batch.is_kept.mean()
    for label, name in NAMES.items():
        own = batch.labels == label
        assert numbers[f"refinement/class/{name}/windows"] == own.sum()
        assert numbers[f"refinement/class/{name}/kept_windows"] == batch.is_kept[own].sum()
        assert numbers[f"refinement/class/{name}/clips"] == len(np.unique(batch.clip_rows[own]))
    keys = list(zip(batch.clip_rows.tolist(), batch.window_start_seconds.tolist()))
    num_empty = len(set(keys)) - len({key for key, is_kept in zip(keys, batch.is_kept) if is_kept})
    assert numbers["refinement/windows_without_label"] == num_empty > 0
    assert result.about()["clips_digest"] == digest(["one", "several", "unknown", "zero", "one window"])


def test_a_label_of_which_the_scores_say_nothing_stays(refined):
    for example in refined[0].examples:
        assert (example.clip_id, example.label) not in [("unknown", 5), ("zero", 3)] and not example.is_kept.all()
    assert refined[0].classes[5].kept_share == 1


def test_the_examples_are_those_that_change_most_of_several_classes(tmp_path):
    peaks = {"sharp": 0.01, "broad": 0.6, "flat": 1.0, "none": 1.0, "second": 0.02, "third": 0.03}
    clips = []
    for clip_id, rest in peaks.items():
        scores = np.full([10, 3], 0.5 * rest, np.float32)
        scores[3] = 0.5
        label = 3 if clip_id == "broad" else 2
        clips.append(ScoredClip(ClipInfo(clip_id, "r", (label,), (NAMES[label],)), np.arange(10.0), scores))
    result = refinement.refine(write(tmp_path / "scores", *clips), (), 0.66, str(tmp_path), num_examples=4)
    # All but the flat ones keep 1 window of 10; of those of one class there are the two with the lowest scores.
    assert [example.clip_id for example in result.examples] == ["sharp", "second", "broad"]
    assert result.examples[0].change == pytest.approx((0.9, 0.9 * 0.99))


@pytest.mark.parametrize("threshold, share", [(0, 1), (1, 1 / 6)])
def test_the_ends_of_the_threshold(tmp_path, threshold, share):
    result = refinement.refine(write(tmp_path / "scores", CLIPS[0]), (), threshold, str(tmp_path))
    assert result.kept_share == pytest.approx(share)


@pytest.mark.parametrize(
    "clips, folds, message",
    [
        ([CLIPS[0], CLIPS[1], CLIPS[0]], (), "clip one is stored twice"),
        ([CLIPS[0]], (4,), "holds no clip of fold 4, only of 1"),
        ([CLIPS[4]], (), "none of its clips has a label"),
        (
            [CLIPS[0]._replace(clip=dataclasses.replace(CLIPS[0].clip, label_names=("gong",)))],
            (),
            "class 3 is called both 'bell' and 'gong'",
        ),
    ],
)
def test_what_cannot_be_refined_is_one_line_and_leaves_no_file(tmp_path, clips, folds, message):
    with pytest.raises(UserError, match=message):
        refinement.refine(write(tmp_path / "scores", *clips), folds, 0.66, str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["scores"]
