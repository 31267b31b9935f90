"""Query by example against a loop over pairs, by hand, and at its edges."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from audioset_triplet.config.evaluation import RetrievalConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import retrieval
from audioset_triplet.store import stored_clips as stored
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.stored_clips import ClipVectors
from tests import example_clips
from tests.reference import retrieval as reference


def make_clips(labels, vectors=None, size=6, seed=0):
    """Clips with the given label tuples; vectors that lie around a direction of their first class."""
    random = np.random.default_rng(seed)
    if vectors is None:
        centres = random.normal(size=(1 + max((max(one) for one in labels if one), default=0), size))
        noise = random.normal(size=(len(labels), size))
        vectors = noise + np.stack([centres[one[0]] if one else np.zeros(size) for one in labels])
    vectors = np.asarray(vectors, np.float64)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    classes = sorted({label for one in labels for label in one})
    return ClipVectors(
        clip_ids=[f"clip{index:04d}" for index in range(len(labels))],
        recording_ids=[f"recording{index}" for index in range(len(labels))],
        vectors=vectors,
        labels=list(labels),
        folds=np.zeros(len(labels), np.int64),
        class_names={label: f"class {label}" for label in classes},
        info=StoreInfo("model", "front end", vectors.shape[1], "0"),
    )


def test_pairs_of_a_class_agree_with_the_loop_and_with_scikit_learn():
    clips = make_clips([(0,)] * 12 + [(1,)] * 9)
    targets, distractors = clips.vectors[:12], clips.vectors[12:]
    pairs = reference.ranked_pairs(targets, distractors)
    assert len(pairs) == 12 * 11 // 2 + 12 * 9
    measured = retrieval.pair_average_precision(targets, distractors)
    assert measured == pytest.approx(reference.average_precision(pairs), abs=1e-12)
    scores, relevant = zip(*pairs)
    assert measured == pytest.approx(average_precision_score(relevant, scores), abs=1e-12)


def test_hand_worked_example():
    # On the unit circle: targets at 0, 11 and 90 degrees, distractors at 20 and 100. Angles of target pairs: 11, 90,
    # 79; of mixed pairs: 20, 100, 9, 89, 70, 10. From the smallest: 9 m, 10 m, 11 t, 20 m, 70 m, 79 t, 89 m, 90 t, 100
    # m.
    degrees = np.array([0, 11, 90, 20, 100.0])
    vectors = np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)
    expected = (1 / 3 + 2 / 6 + 3 / 8) / 3
    assert retrieval.pair_average_precision(vectors[:3], vectors[3:]) == pytest.approx(expected, abs=1e-12)


def test_all_clips_are_used_where_a_class_is_half_of_them():
    # 8 and 8 clips: as many distractors as targets, so that every draw takes all of them.
    clips = make_clips([(0,)] * 8 + [(1,)] * 8)
    result = retrieval.evaluate(RetrievalConfig(draws=3), clips)
    for label, rows in ((0, slice(0, 8)), (1, slice(8, 16))):
        distractors = np.delete(clips.vectors, rows, axis=0)
        expected = reference.average_precision(reference.ranked_pairs(clips.vectors[rows], distractors))
        assert result.class_average_precision[label] == pytest.approx(expected, abs=1e-12)
    assert result.map == pytest.approx(np.mean(list(result.class_average_precision.values())), abs=1e-12)
    assert result.map_std == pytest.approx(0, abs=1e-12)
    assert result.prior == pytest.approx(28 / (28 + 64))


def test_a_large_class_is_cut_to_100_clips_and_the_prior_is_the_published_one():
    clips = make_clips([(0,)] * 130 + [(1,)] * 120)
    result = retrieval.evaluate(RetrievalConfig(draws=1), clips)
    assert result.prior == pytest.approx(4950 / 14950)
    assert round(result.prior, 3) == 0.331
    assert result.class_num_clips == {0: 130, 1: 120}


def test_fewer_distractors_than_targets_are_all_used():
    clips = make_clips([(0,)] * 7 + [(1,)] * 2)
    result = retrieval.evaluate(RetrievalConfig(draws=2), clips)
    expected = reference.average_precision(reference.ranked_pairs(clips.vectors[:7], clips.vectors[7:]))
    assert result.class_average_precision[0] == pytest.approx(expected, abs=1e-12)
    assert result.prior == pytest.approx((21 / (21 + 7 * 2) + 1 / (1 + 2 * 2)) / 2)


def test_random_vectors_score_the_prior_and_perfect_ones_score_one():
    labels = [(index % 5,) for index in range(500)]
    random = make_clips(labels, np.random.default_rng(1).normal(size=(500, 64)))
    result = retrieval.evaluate(RetrievalConfig(), random)
    assert result.map == pytest.approx(result.prior, abs=0.01)
    perfect = make_clips(labels, np.eye(5)[[one[0] for one in labels]])
    assert retrieval.evaluate(RetrievalConfig(), perfect).map == pytest.approx(1)


def test_a_network_that_maps_all_clips_to_one_point_scores_exactly_the_prior():
    for size in (3, 128, 1000):
        vector = np.random.default_rng(size).normal(size=size)
        clips = make_clips([(0,)] * 40 + [(1,)] * 60, np.tile(vector, (100, 1)))
        result = retrieval.evaluate(RetrievalConfig(), clips)
        assert result.map == pytest.approx(result.prior, abs=1e-12)


def test_small_classes_are_left_out_and_counted():
    clips = make_clips([(0,)] * 5 + [(1,)] * 4 + [(2,)])
    result = retrieval.evaluate(RetrievalConfig(), clips)
    assert result.classes_left_out == [2]
    assert set(result.class_average_precision) == {0, 1}
    assert np.isfinite([result.map, result.map_std, result.prior]).all()


@pytest.mark.parametrize(
    "labels, message",
    [
        ([(0,)] * 6, "nothing to rank"),
        ([(0,), (1,), (2,)], "nothing to rank"),
        ([(), ()], "no clip has a label"),
    ],
)
def test_one_class_single_clips_or_no_labels_are_a_clear_error(labels, message):
    with pytest.raises(UserError, match=message):
        retrieval.evaluate(RetrievalConfig(), make_clips(labels, np.ones((len(labels), 3))))


def test_a_clip_of_two_classes_is_a_target_of_both_and_never_a_distractor():
    # Clips 0-2 point one way, 3-5 another; clip 6 has both classes and lies between. Class 0: targets 0, 1, 2, 6.
    vectors = [[1, 0]] * 3 + [[0, 1]] * 3 + [[1, 1]]
    clips = make_clips([(0,)] * 3 + [(1,)] * 3 + [(0, 1)], vectors)
    result = retrieval.evaluate(RetrievalConfig(), clips)
    targets, distractors = clips.vectors[[0, 1, 2, 6]], clips.vectors[3:6]
    # Ranked by hand: cosine 1: 3 target pairs; cosine 0.707: 3 target pairs (with clip 6) and 3 mixed ones.
    assert result.class_average_precision[0] == pytest.approx((3 * 1 + 3 * 6 / 9) / 6, abs=1e-12)
    assert result.class_average_precision[0] == pytest.approx(
        retrieval.pair_average_precision(targets, distractors), abs=1e-12
    )
    assert result.class_average_precision[1] == pytest.approx(result.class_average_precision[0], abs=1e-12)


def test_the_seed_decides_the_draws_and_the_order_of_the_clips_does_not():
    labels = [(index % 10,) for index in range(300)]
    clips = make_clips(labels)
    result = retrieval.evaluate(RetrievalConfig(seed=1), clips)
    assert retrieval.evaluate(RetrievalConfig(seed=1), clips) == result
    assert retrieval.evaluate(RetrievalConfig(seed=2), clips).map != result.map
    assert result.map_std > 0
    order = np.random.default_rng(0).permutation(300)
    shuffled = dataclasses.replace(
        clips,
        clip_ids=[clips.clip_ids[row] for row in order],
        vectors=clips.vectors[order],
        labels=[clips.labels[row] for row in order],
    )
    again = retrieval.evaluate(RetrievalConfig(seed=1), shuffled)
    assert again.map == pytest.approx(result.map, abs=1e-12)
    assert again.map_std == pytest.approx(result.map_std, abs=1e-12)


def test_draws_in_small_groups_from_disk_give_the_numbers_of_all_vectors_in_memory(tmp_path, monkeypatch):
    example_clips.write(tmp_path, example_clips.make_infos(300, 7), noise=3.0)
    expected = retrieval.evaluate(RetrievalConfig(draws=3, seed=4), stored.clip_vectors(str(tmp_path)))
    on_disk = stored.read_clips(str(tmp_path))
    assert retrieval.evaluate(RetrievalConfig(draws=3, seed=4), on_disk) == expected
    monkeypatch.setattr(retrieval, "_VECTOR_BYTES", 150 * 4 * 16)
    num_read = []
    monkeypatch.setattr(
        stored.StoredClips,
        "vectors_at",
        lambda self, rows, original=stored.StoredClips.vectors_at: num_read.append(len(rows)) or original(self, rows),
    )
    assert retrieval.evaluate(RetrievalConfig(draws=3, seed=4), on_disk) == expected
    assert len(num_read) > 5 and max(num_read) <= 150
