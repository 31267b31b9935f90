import collections

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.sampling import class_balance
from audioset_triplet.training import pipeline

CLASSES = [0, 4, 7]
LABELS = [(0,), (0,), (0,), (0, 4), (7,)]
WEIGHTS = [5 / 12, 5 / 3, 5 / 3]  # N / (C count) of 5 clips and 3 classes, of which 4, 1 and 1 clips are
RELATIVE = [5 / 12, 5 / 12, 5 / 12, 25 / 12, 5 / 3]  # 5 in all: a pass is as long as without repeats


def num_repeats(max_repeats=0):
    columns, weights = tf.constant(CLASSES, tf.int64), tf.constant(WEIGHTS)
    return lambda clip, seed: class_balance.num_repeats(clip["labels"], columns, weights, max_repeats, seed)


def test_the_weight_of_a_label_is_one_over_its_count():
    assert class_balance.label_weights(LABELS, CLASSES) == pytest.approx(WEIGHTS)


def stream(count, max_repeats=0, shuffle_clips=1, seed=0):
    """The numbers of the clips that a pipeline repeats, in its order."""
    config = ClassifierConfig(data=DataConfig(shuffle_clips=shuffle_clips))
    made = pipeline.Pipeline(config, pipeline.ONE_PIPELINE, [str(number) for number in range(len(LABELS))])
    made.seed = seed
    clips = tf.data.Dataset.from_tensor_slices({"labels": tf.ragged.constant(LABELS, dtype=tf.int64)})
    clips = clips.enumerate().map(lambda number, clip: {"number": number, "labels": clip["labels"]})
    repeated = made.repeated(clips, num_repeats(max_repeats)).map(lambda clip: clip["number"])
    return list(repeated.take(count).as_numpy_iterator())


def test_in_each_pass_a_clip_comes_as_often_as_its_weight_says_rounded_at_random():
    numbers = stream(2000)  # with a buffer of one clip the passes follow one another, each in order
    starts = [i for i in range(1, len(numbers)) if numbers[i] < numbers[i - 1]]
    passes = [collections.Counter(numbers[first:end]) for first, end in zip(starts, starts[1:])]
    counts = np.array([[counter[number] for number in range(5)] for counter in passes])
    assert len(passes) > 350
    np.testing.assert_array_equal(counts.min(axis=0), [0, 0, 0, 2, 1])
    np.testing.assert_array_equal(counts.max(axis=0), [1, 1, 1, 3, 2])
    np.testing.assert_allclose(counts.mean(axis=0), RELATIVE, atol=4 * 0.5 / np.sqrt(len(passes)))


def test_repeats_are_the_same_for_a_seed_spread_and_limited():
    numbers = stream(200, shuffle_clips=50)
    assert numbers == stream(200, shuffle_clips=50) != stream(200, shuffle_clips=50, seed=1)
    neighbours = np.mean([first == second == 3 for first, second in zip(numbers, numbers[1:])])
    assert neighbours < 0.3  # 0.17 in random order, and more than 0.2 where the repeats of a pass are together
    share = collections.Counter(stream(2000, max_repeats=1))[3] / 2000
    assert share == pytest.approx(1 / (1 + 1 + 3 * 5 / 12), abs=0.04)
