"""The store of window scores: what is written is read, clips are weighted means, and parts of two models do not mix."""

import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.store import embeddings, window_parts, window_scores
from audioset_triplet.store.window_scores import ScoredClip, ScoreInfo

INFO = ScoreInfo("model", "front-end", "version", (2, 5, 7), ("dog", "cat", "tölt"), 0.975, 0.96)
COUNTS = (8, 1, 3, 8, 3)  # windows of each clip


def scored_clips(numbers=range(5)):
    """Clips with scores, weights and labels that depend on the number alone; label 9 is unknown to the model."""
    for number in numbers:
        draws = np.random.default_rng(number)
        clip = ClipInfo(f"clip{number}", f"recording{number // 2}", *[((2, 9), ("dog", "cow")), ((), ())][number % 2])
        count = COUNTS[number]
        scores, weights = draws.uniform(size=(count, 3)), draws.uniform(0.1, 1, count)
        yield ScoredClip(dataclasses.replace(clip, fold=number % 3), 0.96 * np.arange(count), scores, weights)


@pytest.fixture
def folder(tmp_path):
    for shard, numbers in enumerate([(0, 1, 2), (3, 4)]):
        path = str(tmp_path / f"scores-{shard:05d}-of-00002.parquet")
        window_scores.write_part(path, INFO, scored_clips(numbers))
    return tmp_path


def test_rows_come_back_as_they_were_written(folder):
    assert window_scores.read_info(str(folder)) == INFO and INFO.names == {2: "dog", 5: "cat", 7: "tölt"}
    first, second = window_scores.read_batches(str(folder))
    assert first.scores.dtype == np.float32 and first.scores.shape == (12, 3) and len(second.scores) == 11
    written = list(scored_clips())
    np.testing.assert_array_equal(
        np.concatenate([first.scores, second.scores]),
        np.concatenate([clip.scores for clip in written]).astype(np.float32),
    )
    np.testing.assert_array_equal(first.weights[:8], written[0].weights.astype(np.float32))
    np.testing.assert_array_equal(first.window_start_seconds[-3:], np.array([0, 0.96, 1.92], np.float32))
    assert first.clip_ids.tolist() == ["clip0"] * 8 + ["clip1"] + ["clip2"] * 3
    assert second.recording_ids[0] == "recording1" and first.folds.tolist() == [0] * 8 + [1] + [2] * 3
    assert first.labels[0] == (2, 9) and first.label_names[0] == ("dog", "cow") and first.labels[8] == ()


def test_schema_and_metadata_are_the_documented_ones(folder):
    schema = pq.read_schema(folder / "scores-00000-of-00002.parquet")
    assert [field.name for field in schema] == [
        "clip_id",
        "recording_id",
        "window_start_seconds",
        "scores",
        "weight",
        "labels",
        "label_names",
        "fold",
    ]
    assert str(schema.field("scores").type) == "fixed_size_list<element: float>[3]"
    assert schema.metadata[b"classes"] == b"[2, 5, 7]" and schema.metadata[b"window_seconds"] == b"0.975"


@pytest.mark.parametrize("rows", [1, 5, 100])
def test_the_score_of_a_clip_is_the_weighted_mean_of_its_windows(folder, monkeypatch, rows):
    monkeypatch.setattr(window_parts, "_BATCH_BYTES", rows * 4 * 3)  # batches cut clips in two
    clips = window_scores.clip_scores(str(folder))
    assert clips.clip_ids == [f"clip{number}" for number in range(5)] and clips.classes == [2, 5, 7, 9]
    assert clips.class_names == {2: "dog", 5: "cat", 7: "tölt", 9: "cow"}
    for row, scored in enumerate(scored_clips()):
        mean = np.average(scored.scores, axis=0, weights=scored.weights)
        np.testing.assert_allclose(clips.scores[row], [*mean, 0], rtol=1e-6)
        assert clips.targets[row].tolist() == ([True, False, False, True] if row % 2 == 0 else [False] * 4)


@pytest.mark.parametrize("rows", [1, 5, 100])
def test_clips_come_with_all_of_their_windows(folder, monkeypatch, rows):
    monkeypatch.setattr(window_parts, "_BATCH_BYTES", rows * 4 * 3)
    clips = list(window_scores.read_clips(str(folder)))
    for scored, written in zip(clips, scored_clips()):
        assert scored.clip == written.clip
        for name in ("window_start_seconds", "scores", "weights"):
            np.testing.assert_array_equal(getattr(scored, name), getattr(written, name).astype(np.float32))
    assert len(clips) == 5 and [one.clip.clip_id for one in window_scores.read_clips(str(folder), (2,))] == ["clip2"]


def test_folds_select_clips(folder):
    assert window_scores.clip_scores(str(folder), [0, 2]).clip_ids == ["clip0", "clip2", "clip3"]
    with pytest.raises(UserError, match="holds no clip of fold 8, 9, only of 0, 1, 2"):
        window_scores.clip_scores(str(folder), [8, 9])


@pytest.mark.parametrize("score, text", [(1.5, "1.5"), (-0.1, "-0.1"), (np.nan, "nan")])
def test_a_score_that_is_none_is_refused(tmp_path, score, text):
    clip = ScoredClip(ClipInfo("a", "a"), np.zeros(1), np.array([[0, 1, score]]))
    with pytest.raises(UserError, match=rf"model model: clip a has the score {text} of class 7 .tölt., which is not"):
        window_scores.write_part(str(tmp_path / "scores-00000.parquet"), INFO, [clip])
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(model_id="other"), "has model_id model, but .*00005.* has other: a folder holds the scores of one model"),
        (dict(class_names=("dog", "cat", "horse")), "has class 7 as tölt, but .* has horse"),
        (dict(classes=(2, 5, 8)), "has class 7 as tölt, but .* has none"),
    ],
)
def test_parts_of_two_models_do_not_mix(folder, changes, message):
    window_scores.write_part(
        str(folder / "scores-00005.parquet"), dataclasses.replace(INFO, **changes), scored_clips([4])
    )
    with pytest.raises(UserError, match=message):
        window_scores.read_info(str(folder))


def test_a_folder_holds_one_kind(folder):
    with pytest.raises(UserError, match="holds scores, not embeddings"):
        embeddings.read_info(str(folder))
    with pytest.raises(UserError, match="holds scores, not embeddings"):
        embeddings.EmbeddingWriter(str(folder), "model", "front-end", 4)


def test_a_clip_in_two_parts_is_refused(folder):
    window_scores.write_part(str(folder / "scores-00005.parquet"), INFO, scored_clips([4]))
    with pytest.raises(UserError, match="clip clip4 is stored twice"):
        window_scores.clip_scores(str(folder))
