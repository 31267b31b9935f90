"""Models of others behind `embed`: in the shapes of YAMNet and VGGish, and of any signature."""

import dataclasses

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedder
from audioset_triplet.frontend import loudness, registry
from audioset_triplet.store import embeddings
from audioset_triplet.store.stored_clips import clip_vectors
from tests import foreign_models
from tests.export.loaded import RECORDING, embed, load
from tests.foreign_models import HOP_SAMPLES, PATCH_SAMPLES, RATE_HZ, noise, unit


@pytest.fixture(scope="module")
def vggish():
    return foreign_models.VGGish()


@pytest.fixture(scope="module")
def vggish_folder(root, vggish):
    return foreign_models.save(root / "vggish", vggish)


def test_yamnet_needs_no_flag_and_gives_what_it_gives_for_the_whole_recording(yamnet, yamnet_folder):
    model = load(yamnet_folder)
    vectors, weights, starts = embed(model, RECORDING)
    _, whole, _ = yamnet(RECORDING)
    assert model.info.vector_size == 1024 and model.output_name == "output_1"
    assert (model.sample_rate_hz, model.window_samples, model.hop_samples) == (RATE_HZ, PATCH_SAMPLES, HOP_SAMPLES)
    np.testing.assert_allclose(vectors, unit(whole)[: 2 * len(vectors) : 2], atol=1e-5)  # it hops by half as much
    np.testing.assert_allclose(starts, np.arange(5) * 0.96)
    log_mel = registry.FRONT_ENDS["log_mel"]
    expected = loudness.weights(RECORDING, tf.range(5) * HOP_SAMPLES, log_mel)
    np.testing.assert_allclose(weights, expected, rtol=1e-5)  # as a model of this project weights them
    half, _, _ = embed(load(yamnet_folder, hop_seconds=0.48), RECORDING)
    np.testing.assert_allclose(half, unit(whole)[: len(half)], atol=1e-5)


def test_scores_can_be_taken_instead(yamnet, yamnet_folder):
    model = load(yamnet_folder, output_name="output_0")
    scores, _, _ = yamnet(RECORDING[:PATCH_SAMPLES])
    np.testing.assert_allclose(model.window_vectors([RECORDING[:PATCH_SAMPLES]])[0], unit(scores), atol=1e-5)
    assert model.info.model_id != load(yamnet_folder).info.model_id


def test_yamnet_with_a_signature(root, yamnet):
    folder = foreign_models.save(root / "yamnet-served", yamnet, serving_default=yamnet.__call__)
    model = load(folder)
    assert model.output_name == "output_1" and "serving_default" in model.description
    expected = unit(yamnet(RECORDING[:PATCH_SAMPLES])[1])
    np.testing.assert_allclose(model.window_vectors([RECORDING[:PATCH_SAMPLES]])[0], expected, atol=1e-5)


def test_vggish_needs_no_flag_and_gives_what_it_gives_for_the_whole_recording(vggish, vggish_folder):
    model = load(vggish_folder)
    vectors, _, _ = embed(model, RECORDING)
    assert vectors.shape == (5, 128) and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, unit(vggish(RECORDING)), atol=1e-5)


def test_a_batch_form_takes_all_windows_in_one_call(root, vggish, calls):
    def serve(waveform):
        return {"features": vggish.embeddings(vggish.log_mel(waveform))}

    model = load(foreign_models.save_function(root / "batch", serve, None, None, uses=vggish))
    calls.clear()
    vectors, _, _ = embed(model, RECORDING)
    assert calls == [(5, PATCH_SAMPLES)]
    np.testing.assert_allclose(vectors, unit(vggish(RECORDING)), atol=1e-5)


def test_windows_go_one_by_one_where_a_batch_gives_something_else(root, calls):
    def serve(waveform):
        features = tf.signal.frame(waveform, 400, 400, axis=-1)[:, 0]
        return features - 0.5 * tf.reduce_mean(features, axis=0)

    model = load(foreign_models.save_function(root / "mixing", serve, None, None))
    calls.clear()
    vectors, _, _ = embed(model, RECORDING)
    assert calls == 5 * [(1, PATCH_SAMPLES)]
    expected = [RECORDING[start : start + 400] for start in range(0, 5 * HOP_SAMPLES, HOP_SAMPLES)]
    np.testing.assert_allclose(vectors, unit(expected), atol=1e-5)


def test_a_batch_of_fixed_size_is_filled(root, calls):
    model = load(foreign_models.save_function(root / "four", lambda waveform: waveform[:, :32], 4, None))
    calls.clear()
    vectors, _, _ = embed(model, RECORDING)
    assert calls == 2 * [(4, PATCH_SAMPLES)]
    np.testing.assert_allclose(vectors, [unit(RECORDING[i * HOP_SAMPLES :][:32]) for i in range(5)], atol=1e-5)


def test_another_rate_window_and_hop(root):
    def serve(waveform):
        return {"embedding": tf.reduce_mean(tf.signal.frame(waveform, 512, 256), axis=1)}

    model = load(
        foreign_models.save_function(root / "wide", serve, None, None, name="audio"),
        sample_rate_hz=32000,
        window_seconds=1.5,
        hop_seconds=0.5,
    )
    assert (model.sample_rate_hz, model.window_samples, model.hop_samples) == (32000, 48000, 16000)
    vectors, _, starts = embed(model, noise(96000))
    np.testing.assert_allclose(starts, [0, 0.5, 1.0, 1.5])
    frames = [noise(96000)[start + np.arange(0, 48000 - 511, 256)[:, None] + np.arange(512)] for start in (0, 16000)]
    np.testing.assert_allclose(vectors[:2], unit([frame.mean(axis=0) for frame in frames]), atol=1e-5)
    assert model.front_end_id == "waveform-32000-48000-16000"
    assert load(root / "wide", sample_rate_hz=32000, window_seconds=1.5).hop_seconds == 1.5


def test_channels_are_the_last_axis(root):
    stereo = noise(2 * RATE_HZ, channels=[2])
    batch = foreign_models.save_function(root / "stereo", lambda x: x[:, :32, 0] - x[:, :32, 1], None, None, 2)
    single = foreign_models.save_function(root / "stereo-single", lambda x: x[:32, 0] - x[:32, 1], None, 2)
    path = root / "stereo.wav"
    soundfile.write(path, stereo, RATE_HZ, subtype="FLOAT")
    for folder in (batch, single):
        model = load(folder, channels=2)
        vectors, weights, _ = embed(model, stereo)
        expected = [stereo[start : start + 32, 0] - stereo[start : start + 32, 1] for start in (0, HOP_SAMPLES)]
        np.testing.assert_allclose(vectors, unit(expected), atol=1e-5)
        power = np.square(stereo[:PATCH_SAMPLES]).mean()
        np.testing.assert_allclose(weights[0], power**0.25, rtol=0.01)
        vectors, _, _ = embed(model, stereo[:100])  # padded with silence
        np.testing.assert_allclose(vectors, unit(expected[:1]), atol=1e-5)
        (clip,) = audio_clips.clips_of(audio_clips.find(str(path), (), model).items[0], (), model)
        np.testing.assert_array_equal(np.concatenate(list(clip.read())), stereo)
    with pytest.raises(UserError, match="float32 .*does not take 1 channels as its last axis: see --channels"):
        load(batch)
    with pytest.raises(UserError, match="does not take 3 channels"):
        load(batch, channels=3)
    mono = foreign_models.save_function(root / "mono-axis", lambda x: x[:, :32, 0], None, None, 1)
    np.testing.assert_allclose(embed(load(mono), RECORDING)[0][0], unit(RECORDING[:32]), atol=1e-5)


def test_a_vector_of_zeros_stays_one_and_one_that_is_not_finite_is_nan(root):
    model = load(foreign_models.save_function(root / "plain", lambda waveform: 1e30 * waveform[:8], None))
    loud = np.full(PATCH_SAMPLES, 1e30, np.float32)
    assert np.isnan(model.window_vectors([loud])[0]).all()
    vectors, weights = model.window_vectors([np.zeros(PATCH_SAMPLES, np.float32), noise(PATCH_SAMPLES)])
    assert not vectors[0].any() and (weights > 0).all()
    np.testing.assert_allclose(vectors[1], unit(noise(PATCH_SAMPLES)[:8]), atol=1e-6)  # its squares overflow
    none, no_weights = model.window_vectors([])
    assert none.shape == (0, 8) and no_weights.shape == (0,)


def test_two_models_have_two_ids_and_a_copy_has_the_same(root, vggish, vggish_folder, tmp_path):
    first = load(vggish_folder)
    assert load(vggish_folder, output_name="output_0").info.model_id == first.info.model_id
    copy = foreign_models.save(tmp_path / "vggish", vggish)
    other = foreign_models.VGGish()
    other.layer.assign_add(tf.ones_like(other.layer))
    changed = foreign_models.save(tmp_path / "changed" / "vggish", other)
    assert load(changed).info.model_id != first.info.model_id
    assert load(changed).info.model_id.startswith("vggish-128-") and first.info.model_id.startswith("vggish-128-")
    with embeddings.EmbeddingWriter(str(tmp_path / "out"), first.info.model_id, first.front_end_id, 128) as writer:
        clip = audio_clips.AudioClip(ClipInfo("a", "a"), lambda: iter([RECORDING]))
        embedder.embed([clip], first, writer, 4)
    np.testing.assert_allclose(np.linalg.norm(clip_vectors(str(tmp_path / "out")).vectors, axis=1), 1, atol=1e-5)
    with pytest.raises(UserError, match="one model"):
        embeddings.EmbeddingWriter(str(tmp_path / "out"), load(changed).info.model_id, first.front_end_id, 128)
    with pytest.raises(UserError, match="front_end_id"):
        embeddings.EmbeddingWriter(
            str(tmp_path / "out"), first.info.model_id, load(copy, hop_seconds=0.5).front_end_id, 128
        )


def test_a_signature_and_a_function_can_be_named(root):
    class Named(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def first(self, waveform):
            return waveform[:16]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def second(self, waveform):
            return {"embedding": waveform[16:48], "scores": waveform[:16]}

    module = Named()
    signatures = {"one": module.first, "two": module.second}
    folder = foreign_models.save(root / "named", module, **signatures)
    window = RECORDING[:PATCH_SAMPLES]
    for name in ("two", "second"):
        np.testing.assert_allclose(
            load(folder, signature=name).window_vectors([window])[0][0], unit(window[16:48]), 1e-5
        )
    assert load(folder, signature="one").info.model_id != load(folder, signature="first").info.model_id
    with pytest.raises(UserError, match="several signatures, one, two: choose one with --signature"):
        load(folder)
    with pytest.raises(UserError, match="no signature or function three, but one, two, first, second"):
        load(folder, signature="three")
    unsigned = foreign_models.save(root / "unsigned", module)
    with pytest.raises(UserError, match="no signature and cannot be called; its functions are first, second"):
        load(unsigned)


def test_a_keras_model_is_called_outside_training(root):
    inputs = tf.keras.Input([PATCH_SAMPLES])
    outputs = tf.keras.layers.Dropout(0.9)(inputs[:, :64])
    keras = tf.keras.Model(inputs, outputs)
    tf.saved_model.save(keras, str(root / "keras"))
    window = RECORDING[:PATCH_SAMPLES]
    for options in ({}, {"signature": "__call__"}):
        vectors, _ = load(root / "keras", **options).window_vectors([window])
        np.testing.assert_allclose(vectors[0], unit(window[:64]), atol=1e-6)


@pytest.mark.parametrize(
    "shape, function, options, message",
    [
        ([None], lambda x: tf.signal.frame(x, 320, 320), {}, r"gives 48 vectors .*; give --window_seconds=0.039"),
        ([None], lambda x: tf.signal.frame(x, 20000, 20000), {}, r"gives 0 vectors .*; give --window_seconds=1.25\."),
        ([None], lambda x: tf.signal.frame(x, 15600, 15360), {"window_seconds": 3.0}, "3 vectors .*_seconds=0.975"),
        ([15600], lambda x: tf.reshape(x, [10, 1560]), {}, r"gives 10 vectors for a window of 0.975 s, not one\."),
        ([None], lambda x: tf.reshape(x, [10, 10, -1]), {}, r"has the shape \[10, 10, 156\] .*, not one vector"),
        ([None], lambda x: x[:1], {}, r"has the shape \[\] .*, not one vector"),
        ([None], lambda x: tf.ones([8]), {}, "the same as for silence: choose another"),
        ([None], lambda x: x[:8] / 0.0, {}, "gives no finite vector"),
        ([None], lambda x: tf.cast(x[:8], tf.int32), {}, "has no float output"),
        ([None], lambda x: {"a": x[:8], "b": x[:9]}, {}, r"several outputs; .*a \[8\], b \[9\]: choose one"),
        ([None], lambda x: {"a": x[:8]}, {"output_name": "c"}, r"no output c; its outputs for a window: a \[8\]"),
        ([None], lambda x: tf.reshape(x, [7, -1])[0], {}, r"fails on samples of shape \[15600\]"),
        ([144000], lambda x: x[:8], {}, "144000 samples and does not say at which rate: give it as --sample_rate_hz"),
        ([15600], lambda x: x[:8], {"window_seconds": 1.0}, "takes 15600 samples, 0.975 s .*leave out --window_sec"),
        ([4], lambda x: x[:2], {"sample_rate_hz": 16000}, "too short for a window of audio"),
        ([None, None, None, None], lambda x: x[0, 0, 0], {}, r"waveform \(float32 \[.*\]\): not a float32 waveform"),
        (None, lambda x: x, {}, "not a float32 waveform"),
    ],
)
def test_a_model_that_does_not_fit_is_one_clear_line(tmp_path, shape, function, options, message):
    model = foreign_models.Function(function, tf.TensorSpec(shape, tf.float32, "waveform"))
    folder = foreign_models.save(tmp_path / "model", model, serving_default=model.serve)
    with pytest.raises(UserError, match=message) as error:
        load(folder, **options)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_another_dtype_or_a_second_input_is_named(tmp_path):
    integers = foreign_models.Function(lambda x: tf.cast(x, tf.float32)[:8], tf.TensorSpec([None], tf.int16, "pcm"))
    folder = foreign_models.save(tmp_path / "integers", integers, serving_default=integers.serve)
    with pytest.raises(UserError, match=r"input pcm \(int16 \[\?\]\): not a float32 waveform"):
        load(folder)
    specs = [tf.TensorSpec([None], tf.float32, "waveform"), tf.TensorSpec([], tf.int32, "rate")]
    two = foreign_models.Function(lambda waveform, rate: waveform[:rate], *specs)
    folder = foreign_models.save(tmp_path / "two", two, serving_default=two.serve)
    with pytest.raises(UserError, match=r"takes 2 inputs, .*rate int32 \[\].*: not a waveform alone"):
        load(folder)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([two.serve.get_concrete_function()], two)
    (tmp_path / "two.tflite").write_bytes(converter.convert())
    with pytest.raises(UserError, match=r"takes 2 inputs, .*\(int32 \[\]\).*: not a waveform alone"):
        load(tmp_path / "two.tflite")


def test_flags_that_make_no_sense_are_refused(scores_file):
    with pytest.raises(UserError, match="--signature=x: .* SavedModels have signatures"):
        load(scores_file, signature="x")
    for options in ({"window_seconds": 0.001}, {"sample_rate_hz": 10}, {"hop_seconds": -1.0}):
        with pytest.raises(UserError, match="must be"):
            dataclasses.replace(EmbeddingModelConfig(), **options)
