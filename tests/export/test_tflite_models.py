"""TFLite files of others behind `embed`, by both interpreters."""

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import loaded_model, tflite_function
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.window_scores import ScoreInfo
from tests import foreign_models
from tests.export.loaded import RECORDING, embed, load
from tests.foreign_models import PATCH_SAMPLES, noise, unit


@pytest.fixture(params=["litert", "tensorflow"])
def interpreter(request, monkeypatch):
    """TFLite files run with LiteRT's interpreter, then with TensorFlow's."""
    classes = tflite_function._interpreter_classes()
    if request.param == "tensorflow":
        classes = classes[-1:]
    elif len(classes) == 1:
        pytest.skip("LiteRT is not installed")
    monkeypatch.setattr(tflite_function, "_interpreter_classes", lambda: classes)


@pytest.fixture(scope="module")
def any_length_file(root, yamnet):
    folder = foreign_models.save(root / "served", yamnet, serving_default=yamnet.__call__)
    (root / "any.tflite").write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
    return str(root / "any.tflite")


def test_tflite_with_scores_alone_gives_the_numbers_before_its_last_layer(interpreter, yamnet, scores_file):
    windows = [noise(PATCH_SAMPLES, seed) for seed in range(3)]
    scores, inner, _ = zip(*map(yamnet, windows))
    model = load(scores_file)
    assert model.info.vector_size == foreign_models.NUM_CLASSES and "output Identity, 12 numbers" in model.description
    np.testing.assert_allclose(model.window_vectors(windows)[0], unit(np.concatenate(scores)), atol=1e-5)
    model = load(scores_file, output_name=foreign_models.inner_tensor(scores_file, 1024))
    assert model.info.vector_size == 1024
    np.testing.assert_allclose(model.window_vectors(windows)[0], unit(np.concatenate(inner)), atol=1e-5)


def test_tflite_of_any_length_needs_the_name_of_its_output(interpreter, yamnet, yamnet_folder, any_length_file):
    with pytest.raises(UserError, match=r"output_1 \[1024\].*: choose one with --output_name") as error:
        load(any_length_file)
    assert "output_0 [12]" in str(error.value) and "\n" not in str(error.value)
    vectors, weights, starts = embed(load(any_length_file, output_name="output_1"), RECORDING)
    expected = embed(load(yamnet_folder), RECORDING)
    np.testing.assert_allclose(vectors, expected[0], atol=1e-5)
    np.testing.assert_allclose(weights, expected[1])
    assert starts == expected[2]


def test_the_name_of_an_output_s_tensor_will_do(any_length_file, yamnet):
    interpreter = tf.lite.Interpreter(any_length_file)
    (name,) = [item["name"] for item in interpreter.get_output_details() if item["shape"][-1] == 1024]
    assert name != "output_1"
    vectors, _ = load(any_length_file, output_name=name).window_vectors([RECORDING[:PATCH_SAMPLES]])
    np.testing.assert_allclose(vectors, unit(yamnet(RECORDING[:PATCH_SAMPLES])[1]), atol=1e-5)


def test_tflite_of_batches_and_quantized(interpreter, root, calls):
    layer = noise(64 * 32).reshape(64, 32)

    def function(waveform):
        return tf.matmul(tf.reduce_mean(tf.reshape(waveform, [-1, PATCH_SAMPLES // 240, 240])[:, :64], axis=2), layer)

    path = foreign_models.convert(root / "batch.tflite", function, None, PATCH_SAMPLES)
    windows = [noise(PATCH_SAMPLES, seed) for seed in range(5)]
    expected = unit(function(np.stack(windows)))
    model = load(path)
    calls.clear()
    np.testing.assert_allclose(model.window_vectors(windows)[0], expected, atol=1e-5)
    np.testing.assert_allclose(model.window_vectors(windows[:2])[0], expected[:2], atol=1e-5)
    assert calls == [(5, PATCH_SAMPLES), (2, PATCH_SAMPLES)]
    quantized = foreign_models.convert(
        root / "quantized.tflite",
        function,
        1,
        PATCH_SAMPLES,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: ([window[np.newaxis]] for window in windows),
        inference_output_type=tf.int8,
    )
    vectors, _ = load(quantized).window_vectors(windows)
    assert (np.sum(vectors * expected, axis=1) > 0.99).all()
    assert not np.allclose(vectors, expected, atol=1e-5)  # eight bits


def test_a_wrong_name_lists_the_inner_tensors_that_hold_a_vector(scores_file):
    with pytest.raises(UserError, match="no output nothing") as error:
        load(scores_file, output_name="nothing")
    text = str(error.value)
    inner = foreign_models.inner_tensor(scores_file, 1024)
    assert f"{inner} [1024]" in text and "Identity [12]" in text and "\n" not in text
    assert "96" not in text  # spectrograms are no vectors, and constants no outputs
    patches = [item["name"] for item in tf.lite.Interpreter(scores_file).get_tensor_details() if 257 in item["shape"]]
    with pytest.raises(UserError, match="not one"):
        load(scores_file, output_name=patches[-1])


def test_what_is_no_model_is_one_clear_line(interpreter, scores_file, tmp_path):
    content = open(scores_file, "rb").read()
    for name, data in [
        ("notes.tflite", b"nothing of the kind"),
        ("empty.tflite", b""),
        ("saved_model.pb", b"\x08\x01" * 20),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=f"{name} is not a TFLite file: --model takes one, or the folder"):
            load(tmp_path / name)
    for length in [len(content) - 1, len(content) // 2, 100, 8]:  # TensorFlow's interpreter crashes on these
        (tmp_path / "cut.tflite").write_bytes(content[:length])
        with pytest.raises(UserError, match="cut.tflite: the TFLite file is damaged"):
            load(tmp_path / "cut.tflite")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "model.tflite").write_bytes(content[: len(content) // 2])
    for kind in (StoreInfo.KIND, ScoreInfo.KIND):
        with pytest.raises(UserError, match="folder/model.tflite: the TFLite file is damaged"):
            loaded_model.load(EmbeddingModelConfig(model=str(tmp_path / "folder")), kind)
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(UserError, match="holds no SavedModel: --model takes what .* or the .tflite file"):
            load(path)
    with pytest.raises(UserError, match="the SavedModel cannot be loaded: .* 0 MetaGraphs"):
        load(tmp_path)
