"""TFLite and ONNX files of this project: what they compute, what they say of themselves, and that they embed."""

import csv
import importlib.util
import io
import json
import zipfile

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from audioset_triplet.config.export import QUANTIZATIONS, ExportConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig, ResNetConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import calibration, device_export, loaded_model, network_parts, saved_model, tflite_parts
from audioset_triplet.export.device_runtime import Encoder
from audioset_triplet.frontend import registry
from audioset_triplet.models import networks
from tests.export.loaded import RECORDING, embed, load
from tests.tiny_network import CLASS_NAMES, build_tiny_classifier, build_tiny_network

LOG_MEL = registry.FRONT_ENDS["log_mel"]
PORTABLE = registry.portable("log_mel")
needs_onnx = pytest.mark.skipif(
    importlib.util.find_spec("tf2onnx") is None or importlib.util.find_spec("onnxruntime") is None,
    reason="the extra onnx is not installed",
)


def tones(count, seed=0):
    """Windows of tones over noise, whose loudness and pitch vary: float32 [count, L]."""
    random = np.random.default_rng(seed)
    seconds = np.arange(PORTABLE.window_samples) / 16000
    pitch, loudness = random.uniform(100, 6000, [count, 1]), 10 ** random.uniform(-2, -0.5, [count, 1])
    return (loudness * np.sin(2 * np.pi * pitch * seconds) + random.normal(0, 0.003, [count, 15600])).astype(np.float32)


def export(network, folder, names=(), windows=None, front_end=PORTABLE, **options):
    config = ExportConfig(calibration="tones" if windows is not None else "", **options)
    return device_export.export(network, str(folder), front_end, {"weights": "test"}, dict(names), config, windows)


@pytest.fixture(scope="module")
def conv_network():
    """Large enough to be quantized: the converter leaves small constants alone."""
    inputs = tf.keras.Input([96, 64])
    x = tf.keras.layers.Reshape([96, 64, 1])(inputs)
    for filters in (16, 32):
        x = tf.keras.layers.Conv2D(filters, 3, 4, kernel_initializer=tf.keras.initializers.GlorotUniform(filters))(x)
        x = tf.keras.layers.ReLU()(tf.keras.layers.BatchNormalization()(x))
    x = tf.keras.layers.Dense(32, kernel_initializer=tf.keras.initializers.GlorotUniform(1))(
        tf.keras.layers.Flatten()(x)
    )
    return tf.keras.Model(inputs, tf.keras.layers.UnitNormalization()(x), name="conv")


@pytest.fixture(scope="module")
def classifier_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("device") / "classifier"
    export(build_tiny_classifier(), folder, CLASS_NAMES, format="tflite")
    return folder


def expected(network, windows):
    return {
        name: value.numpy()
        for name, value in network(LOG_MEL.windows(tf.constant(windows))[:, 0], training=False).items()
    }


def operators(path):
    interpreter = tf.lite.Interpreter(str(path))
    return {item["op_name"] for item in interpreter._get_ops_details()} - {"DELEGATE"}


def test_a_tflite_file_takes_a_window_and_gives_what_the_network_gives(classifier_folder):
    path = classifier_folder / "model.tflite"
    windows = np.concatenate([tones(3), np.zeros([1, 15600], np.float32)])
    interpreter = tf.lite.Interpreter(str(path))
    (taken,) = interpreter.get_input_details()
    assert taken["shape"].tolist() == [1, 15600] and taken["dtype"] == np.float32
    run = interpreter.get_signature_runner("serving_default")
    given = [run(waveform=window[np.newaxis]) for window in windows]
    for name, vectors in expected(build_tiny_classifier(), windows).items():
        np.testing.assert_allclose(np.concatenate([result[name] for result in given]), vectors, atol=1e-5)
    assert not any(name.startswith(("Flex", "CUSTOM")) for name in operators(path))


def test_a_file_says_what_it_is_without_tensorflow(classifier_folder):
    with zipfile.ZipFile(classifier_folder / "model.tflite") as archive:
        record = json.loads(archive.read("model.json"))
        assert archive.read("labels.txt").decode().splitlines() == list(CLASS_NAMES.values())
    assert record["classes"] == {str(index): name for index, name in CLASS_NAMES.items()}
    assert record["sample_rate_hz"] == 16000 and record["window_samples"] == 15600 and record["weights"] == "test"
    rows = list(csv.DictReader(io.StringIO((classifier_folder / "classes.csv").read_text(encoding="utf-8"))))
    assert [(row["score"], row["index"], row["display_name"]) for row in rows] == [
        (str(place), str(index), name) for place, (index, name) in enumerate(CLASS_NAMES.items())
    ]


def test_it_embeds_and_scores_as_the_saved_model_does(classifier_folder, tmp_path):
    saved_model.export(build_tiny_classifier(), str(tmp_path / "saved"), LOG_MEL, {}, CLASS_NAMES)
    for kind in ("embeddings", "scores"):
        config = load(tmp_path / "saved").info  # of the embedding
        saved, moved = (
            loaded_model.load(loaded_model.EmbeddingModelConfig(model=str(path)), kind)
            for path in (tmp_path / "saved", classifier_folder / "model.tflite")
        )
        assert moved.info == saved.info and moved.info.model_id == config.model_id
        for one, other in zip(embed(moved, RECORDING), embed(saved, RECORDING)):
            np.testing.assert_allclose(one, other, atol=1e-5)
        assert moved.window_vectors([])[0].shape == (0, moved.info.vector_size)
    assert load(classifier_folder).info == load(tmp_path / "saved").info  # the folder will do too


@pytest.fixture(scope="module")
def quantized(conv_network, tmp_path_factory):
    """The same network in every quantization: folder of each, and what export says of it."""
    root = tmp_path_factory.mktemp("quantized")
    options = {"format": "tflite", "windows": tones(16)}
    return {
        name: (root / name, export(conv_network, root / name, quantization=name, **options)) for name in QUANTIZATIONS
    }


@pytest.mark.parametrize(
    "quantization, bits, cosine", [("float16", 16, 0.9999), ("dynamic", 8, 0.999), ("int8", 8, 0.99)]
)
def test_weights_are_quantized_and_the_front_end_is_not(conv_network, quantized, quantization, bits, cosine):
    (plain_folder, plain), (folder, small) = quantized["none"], quantized[quantization]
    saved_bytes = sum(weights.size for weights in conv_network.get_weights()) * (32 - bits) / 8
    assert plain.num_bytes - small.num_bytes == pytest.approx(saved_bytes, rel=0.25)
    assert plain.agreement["embedding"].difference < 1e-5
    windows = tones(8, seed=1)
    vectors, weights = load(folder).window_vectors(list(windows))
    truth = conv_network(LOG_MEL.windows(tf.constant(windows))[:, 0]).numpy()
    assert np.sum(vectors * truth, axis=1).min() > cosine and np.abs(vectors - truth).max() > 1e-7
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(weights, load(plain_folder).window_vectors(list(windows))[1])
    details = tf.lite.Interpreter(str(folder / "model.tflite")).get_tensor_details()
    basis = [item for item in details if 400 in item["shape"]]
    assert basis and all(item["dtype"] == np.float32 for item in basis)  # of the spectrum


def test_a_quantized_model_is_another_one(quantized):
    ids = {name: written.model_id for name, (_, written) in quantized.items()}
    assert len(set(ids.values())) == 4
    for name in QUANTIZATIONS[1:]:
        assert ids[name].startswith(f"{ids['none']}-{name}-")
        assert load(quantized[name][0]).info.model_id == ids[name]


def test_calibration_takes_a_window_of_each_clip_that_is_not_silent(tmp_path):
    for index in range(20):
        level = 0.0 if index % 2 else 0.01 * (index + 1)
        samples = np.full(40000, level) * np.where(np.arange(40000) < 16000, 0, 1)  # the first window is nearly silent
        soundfile.write(tmp_path / f"{index:02d}.wav", samples, 16000, "FLOAT")
    (tmp_path / "damaged.wav").write_bytes(b"RIFF")
    taken = calibration.windows(str(tmp_path), (), PORTABLE, 256)
    assert taken.shape == (10, 15600) and taken.dtype == np.float32
    np.testing.assert_allclose(sorted(taken.max(axis=1)), [0.01 * (index + 1) for index in range(0, 20, 2)], atol=1e-4)
    assert calibration.windows(str(tmp_path), (), PORTABLE, 9).shape == (9, 15600)
    for index in range(0, 8, 2):
        (tmp_path / f"{index:02d}.wav").unlink()
    with pytest.raises(UserError, match="has 6 clips that are not silent; --calibration needs 8"):
        calibration.windows(str(tmp_path), (), PORTABLE, 256)


def test_log_mel_is_a_model_too_with_nothing_to_quantize(tmp_path):
    network = networks.build_flat_features(LOG_MEL.feature_shape, "log_mel")
    export(network, tmp_path / "model", format="tflite")
    windows = tones(2)
    features = LOG_MEL.windows(tf.constant(windows)).numpy().reshape(2, -1)
    vectors = load(tmp_path / "model").window_vectors(list(windows))[0]
    np.testing.assert_allclose(vectors, features / np.linalg.norm(features, axis=1, keepdims=True), atol=1e-5)
    with pytest.raises(UserError, match="--quantization=dynamic: log_mel has no weights"):
        export(network, tmp_path / "model", format="tflite", quantization="dynamic")


def test_what_is_behind_the_last_weights_is_apart():
    network = build_tiny_classifier()
    parts = network_parts.split(network)
    features = tf.random.stateless_normal([3, 96, 64], [0, 0])
    raw = parts.body(features)
    assert not np.allclose(np.linalg.norm(raw["embedding"], axis=1), 1)
    # Its scores are a layer on the unit embedding, with the softmax in it: nothing is behind that.
    assert parts.finishes.keys() == {"embedding"}
    for name, vectors in network(features).items():
        finished = parts.finishes[name].model(raw[name]) if name in parts.finishes else raw[name]
        np.testing.assert_allclose(finished, vectors, atol=1e-6)


def test_graphs_are_joined_by_the_names_of_their_tensors():
    """(x + 1) -> a; a -> a * 2, a * 3; both of the second graph, one of which has the name of an earlier output."""
    spec = tf.TensorSpec([1, 4], tf.float32, "x")
    first = tflite_parts.convert(lambda x: {"a": x + 1.0, "b": x - 1.0}, [spec])
    spec = tf.TensorSpec([1, 4], tf.float32, "a")
    second = tflite_parts.convert(lambda a: {"a": a * 2.0, "c": tf.matmul(a, 3.0 * tf.eye(4))}, [spec])
    interpreter = tf.lite.Interpreter(model_content=tflite_parts.join([first, second], ["c", "a", "b"]))
    x = np.arange(4, dtype=np.float32)[np.newaxis]
    result = interpreter.get_signature_runner("serving_default")(x=x)
    np.testing.assert_allclose(result["a"], 2 * (x + 1))
    np.testing.assert_allclose(result["b"], x - 1)
    np.testing.assert_allclose(result["c"], 3 * (x + 1))
    assert len(interpreter.get_input_details()) == 1 and len(interpreter.get_output_details()) == 3


def test_a_difference_to_the_network_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(
        device_export, "_features", lambda front_end, waveform: front_end.windows(waveform * 1.01)[:, 0]
    )
    with pytest.raises(RuntimeError, match="embedding of the exported model differs"):
        export(build_tiny_network(), tmp_path / "wrong", format="tflite")
    assert not list(tmp_path.iterdir())


def test_a_quantized_model_far_from_its_network_is_refused(conv_network, tmp_path, monkeypatch):
    monkeypatch.setattr(device_export, "_LEAST_COSINE", 1.1)
    with pytest.raises(
        UserError, match=r"--quantization=dynamic: the embedding of a window has a cosine of \d\.\d+ to"
    ):
        export(conv_network, tmp_path / "far", format="tflite", quantization="dynamic", windows=tones(8))
    assert not list(tmp_path.iterdir())


def test_damaged_files_are_one_clear_line(classifier_folder, tmp_path):
    content = (classifier_folder / "model.tflite").read_bytes()
    archive = content.index(b"PK\x03\x04")
    changed = bytearray(content)
    changed[archive // 2] ^= 1
    for data in (content[:-1], content[: archive + 10], content[:archive], bytes(changed), content + b"x" * 70000):
        (tmp_path / "model.tflite").write_bytes(data)
        with pytest.raises(UserError, match="model.tflite.*damaged") as error:
            load(tmp_path / "model.tflite")
        assert "\n" not in str(error.value)
    (tmp_path / "model.tflite").write_bytes(content[: archive // 2])
    with pytest.raises(UserError, match="damaged"):
        load(tmp_path / "model.tflite")


def test_flags_that_do_not_fit(classifier_folder, tmp_path):
    with pytest.raises(UserError, match="--hop_seconds: for models of others"):
        load(classifier_folder, hop_seconds=0.5)
    for options, message in [
        ({"quantization": "int8", "format": "tflite"}, "--quantization=int8 needs --calibration"),
        ({"quantization": "dynamic"}, "needs --format=tflite"),
        ({"quantization": "float16", "format": "onnx"}, "needs --format=tflite"),
        ({"head_classes": 2, "format": "onnx"}, "--head_classes needs --format=tflite"),
        ({"calibration": "clips"}, "--calibration needs --format"),
        ({"folds": (1,), "format": "tflite"}, "--folds are those of --calibration"),
    ]:
        with pytest.raises(UserError, match=message):
            ExportConfig(**options)
    with pytest.raises(UserError, match="this classifier has none"):
        export(build_tiny_classifier(False), tmp_path / "new", CLASS_NAMES, format="tflite", head_classes=2)
    export(build_tiny_classifier(False), tmp_path / "new", CLASS_NAMES, format="tflite")
    with pytest.raises(UserError, match="gives scores alone"):
        load(tmp_path / "new")


def test_an_operator_that_tflite_has_not_is_named(tmp_path):
    inputs = tf.keras.Input([96, 64])
    outputs = tf.keras.layers.Lambda(lambda x: tf.linalg.svd(x[:, :8, :8], compute_uv=False))(inputs)
    network = tf.keras.Model(inputs, tf.keras.layers.Dense(4)(outputs), name="odd")
    with pytest.raises(UserError, match="cannot be converted to TFLite: .*Svd"):
        export(network, tmp_path / "odd", format="tflite")
    assert not list(tmp_path.iterdir())


@needs_onnx
def test_an_onnx_file_gives_what_the_saved_model_gives(classifier_folder, tmp_path):
    written = export(build_tiny_classifier(), tmp_path / "model", CLASS_NAMES, format="onnx")
    assert written.agreement.keys() == {"embedding", "scores"}
    config = loaded_model.EmbeddingModelConfig(model=str(tmp_path / "model"))
    for kind in ("embeddings", "scores"):
        model = loaded_model.load(config, kind)
        other = loaded_model.load(loaded_model.EmbeddingModelConfig(model=str(classifier_folder)), kind)
        assert model.info == other.info and model.windows_per_call is None
        for one, another in zip(embed(model, RECORDING), embed(other, RECORDING)):
            np.testing.assert_allclose(one, another, atol=1e-5)
    content = (tmp_path / "model" / "model.onnx").read_bytes()
    for data, message in [(content[: len(content) // 2], "damaged"), (b"", "no ONNX file"), (b"text", "no ONNX file")]:
        (tmp_path / "bad.onnx").write_bytes(data)
        with pytest.raises(UserError, match=f"bad.onnx.*{message}"):
            load(tmp_path / "bad.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("format", ["tflite", pytest.param("onnx", marks=needs_onnx)])
def test_stereo_goes_through_with_bands_that_are_silent(format, tmp_path):
    tf.keras.utils.set_random_seed(1)  # how much the silent bands count depends on the weights
    name, size = "three_band_small-1s-stereo", 8
    config = EmbeddingNetworkConfig(
        front_end=name,
        architecture="esresnet",
        width=0.02,
        resnet=ResNetConfig(blocks=(1, 1, 1, 1)),
        embedding_size=size,
    )
    network, front_end = networks.build_embedding(config, networks.feature_shape(config)), registry.by_name(name)
    times = np.arange(2 * front_end.window_samples) / front_end.sample_rate_hz
    waveform = 0.3 * np.sin(2 * np.pi * np.stack([400 * times, 3000 * times], axis=1)).astype(np.float32)
    windows = waveform.reshape(2, -1, 2)
    # On noise it is equal to the network, else this raises; what float32 leaves in the silent bands is not the same.
    written = export(network, tmp_path / "model", windows=windows, front_end=registry.portable(name), format=format)
    assert written.agreement["embedding"].cosine > 0.999 and written.agreement["embedding"].difference > 1e-5

    model = load(tmp_path / "model")
    assert (model.num_channels, model.front_end_id) == (2, front_end.id)
    vectors, weights, starts = embed(model, waveform)
    assert vectors.shape == (2, size) and starts == [0, 1]
    assert np.sum(vectors * network(front_end.windows(waveform)).numpy(), axis=1).min() > 0.999
    quieter = embed(model, waveform * np.array([1, 0.01], np.float32))[0]
    assert np.abs(quieter - vectors).max() > 1e-3  # the second channel counts
    if format == "tflite":
        pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
        encoder = Encoder(str(tmp_path / "model"))
        np.testing.assert_allclose(encoder.embed(waveform), vectors, atol=1e-5)
        np.testing.assert_allclose(encoder.mean_squares(waveform) ** 0.25, weights, rtol=1e-3)


@needs_onnx
def test_onnx_files_of_others_are_refused(tmp_path):
    import onnx

    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 15600])
    same = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 15600])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [value], [same])
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), str(tmp_path / "other.onnx"))
    with pytest.raises(UserError, match="other.onnx is not from experiments.export_model"):
        load(tmp_path / "other.onnx")
