"""The HEAR module, against the rules of the benchmark (its API, and what hear-validator 2021.0.6 asks for)."""

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.export import hear
from tests import foreign_models
from tests.export.loaded import RECORDING, load
from tests.foreign_models import noise


@pytest.fixture(scope="module")
def hear_model(folder):
    return hear.load_model(folder)


@pytest.mark.parametrize("path", ["", "model"])
def test_it_keeps_the_rules(path, folder):
    model = hear.load_model(folder) if path else hear.load_model()
    assert isinstance(model, tf.Module) and model.sample_rate in (16000, 22050, 32000, 44100, 48000)
    for size in (model.sample_rate, model.scene_embedding_size, model.timestamp_embedding_size):
        assert type(size) is int
    for seconds in (1.07, 1.98, 4.0):
        audio = tf.constant(np.stack([noise(round(seconds * model.sample_rate), seed) for seed in range(2)]))
        embeddings, timestamps = hear.get_timestamp_embeddings(audio, model)
        assert embeddings.dtype == timestamps.dtype == tf.float32
        assert embeddings.shape == (2, timestamps.shape[1], model.timestamp_embedding_size)
        steps = np.diff(timestamps.numpy().astype(float), axis=1)
        assert steps.max() <= 50 + 1e-3 and np.abs(steps - steps.mean()).max() < 1e-3
        assert timestamps[0, 0] <= steps.max() and 1000 * seconds - 50 <= timestamps[0, -1] <= 1000 * seconds
        np.testing.assert_array_equal(timestamps[0], timestamps[1])
        assert np.isfinite(embeddings).all()
    audio = tf.constant(np.stack([noise(round(2.74 * model.sample_rate), seed) for seed in range(4)]))
    scenes = hear.get_scene_embeddings(audio, model)
    assert scenes.dtype == tf.float32 and scenes.shape == (4, model.scene_embedding_size)
    assert len(np.unique(scenes.numpy().round(6), axis=0)) == 4


def test_a_timestamp_is_the_middle_of_its_window(folder, hear_model):
    waveform = RECORDING[:40000]
    embeddings, timestamps = hear.get_timestamp_embeddings(waveform[np.newaxis], hear_model, hop_ms=250.0)
    assert timestamps.numpy().tolist() == [
        [0.0, 250.0, 500.0, 750.0, 1000.0, 1250.0, 1500.0, 1750.0, 2000.0, 2250.0, 2500.0]
    ]
    windows = []
    for milliseconds in timestamps[0].numpy():
        centre = round(milliseconds * 16)
        taken = np.arange(centre - 7800, centre + 7800)
        is_inside = (taken >= 0) & (taken < len(waveform))
        windows.append(np.where(is_inside, waveform[np.clip(taken, 0, len(waveform) - 1)], 0).astype(np.float32))
    np.testing.assert_allclose(embeddings[0], load(folder).window_vectors(windows)[0], atol=1e-5)


def test_a_scene_is_the_clip_embedding_of_the_exported_model(folder, hear_model):
    audio = np.stack([RECORDING, RECORDING[::-1]])
    expected = tf.saved_model.load(folder)(tf.constant(audio))["embedding"]
    np.testing.assert_allclose(hear.get_scene_embeddings(tf.constant(audio), hear_model), expected, atol=1e-5)
    short = hear.get_scene_embeddings(tf.constant(audio[:, :100]), hear_model)
    np.testing.assert_allclose(tf.norm(short, axis=1), 1, atol=1e-5)


def test_models_of_others_and_what_is_none(yamnet_folder, tmp_path):
    model = hear.load_model(yamnet_folder)
    assert (model.sample_rate, model.scene_embedding_size) == (16000, foreign_models.SIZES["yamnet"])
    assert hear.get_scene_embeddings(RECORDING[np.newaxis], model).shape == (1, 1024)
    with pytest.raises(UserError, match="holds no SavedModel"):
        hear.load_model(str(tmp_path))
