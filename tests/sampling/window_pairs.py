"""Pairs of windows for tests of triplets, and what is known of them."""

import functools

import numpy as np
import tensorflow as tf

from audioset_triplet.config.triplet import SamplingConfig
from audioset_triplet.frontend import registry
from audioset_triplet.media import pcm as samples
from audioset_triplet.sampling.triplets import sample_triplets

FRONT_END = registry.FRONT_ENDS["log_mel"]
SEED = tf.constant([1, 2], tf.int64)


def window_pairs(batch=16, recordings=None, has_positive_window=None, seed=0, front_end=FRONT_END):
    """Pairs of noise windows; `recordings` are the ids of each row."""
    rng = np.random.default_rng(seed)
    channels = [front_end.num_channels] if front_end.num_channels > 1 else []
    pcm = rng.integers(-8000, 8000, [batch, 2, front_end.window_samples, *channels]).astype(np.int16)
    recordings = np.arange(batch) if recordings is None else np.asarray(recordings)
    group_ids = np.repeat(recordings, 2).reshape(batch, 2, 1)
    has_positive_window = np.ones(batch, bool) if has_positive_window is None else np.asarray(has_positive_window)
    return {
        "pcm": tf.constant(pcm),
        "group_ids": tf.constant(group_ids, tf.int64),
        "has_positive_window": tf.constant(has_positive_window),
        "example_id": tf.constant(group_ids[:, 0, 0], tf.int64),
    }


def energies_by_recording(pairs):
    """id -> [2, T, F] energies of anchor and positive window, for pairs with one row per recording."""
    energies = FRONT_END.energies(samples.tensor_to_waveform(pairs["pcm"])).numpy()
    return dict(zip(pairs["group_ids"].numpy()[:, 0, 0], energies))


@functools.cache
def traced_sampler(config, with_negatives):
    return tf.function(lambda windows, seed: sample_triplets(windows, config, FRONT_END, seed, with_negatives))


def sample(pairs, with_negatives=True, seed=SEED, **options):
    sampled = traced_sampler(SamplingConfig(**options), with_negatives)(pairs, seed)
    return tf.nest.map_structure(lambda tensor: tensor.numpy(), sampled)


def find_shift(energies, moved):
    """The frames and bands, at most 10, by which one window is the other where the two overlap."""
    errors = {}
    for bands in range(-10, 11):
        before, after = energies[:, max(0, -bands) : 64 - max(0, bands)], moved[:, max(0, bands) : 64 - max(0, -bands)]
        for frames in range(96):
            errors[frames, bands] = np.abs(np.roll(before, frames, axis=0) - after).max()
    return min(errors, key=errors.get)
