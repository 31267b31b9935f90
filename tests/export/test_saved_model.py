import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.export import model_record, saved_model
from audioset_triplet.frontend import registry
from audioset_triplet.models.networks import build_flat_features
from tests.reference import log_mel as reference
from tests.tiny_network import CLASS_NAMES, build_tiny_classifier, build_tiny_network

LOG_MEL = registry.FRONT_ENDS["log_mel"]


@pytest.fixture(scope="module")
def network():
    return build_tiny_network()


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("models") / "tiny")
    saved_model.export(network, folder, LOG_MEL, {"weights": "test"})
    return folder


@pytest.fixture(scope="module")
def classifier():
    return build_tiny_classifier()


@pytest.fixture(scope="module")
def exported_classifier(classifier, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("models") / "tiny_classifier")
    saved_model.export(classifier, folder, LOG_MEL, {"weights": "test"}, CLASS_NAMES)
    return folder


def waveforms(batch, seconds, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, [batch, round(seconds * 16000)]).astype(np.float32)


def by_hand(network, waveform):
    """Window embeddings, their weights and the clip's vector, a window at a time, from the front end's oracle."""
    embeddings, weights = windows_by_hand(network, waveform)
    total = weights @ embeddings
    return embeddings, weights, total / np.linalg.norm(total)


def scores_by_hand(classifier, waveform):
    """Window scores and the clip's scores."""
    scores, weights = windows_by_hand(lambda *args, **options: classifier(*args, **options)["scores"], waveform)
    return scores, np.average(scores, axis=0, weights=weights)


def windows_by_hand(network, waveform):
    """The network's vectors of the windows of a waveform, and the weights of the windows."""
    padded = np.pad(waveform, (0, max(0, LOG_MEL.window_samples - len(waveform))))
    frames = reference.log_mel(padded).astype(np.float32)
    windows = [frames[start : start + 96] for start in range(0, len(frames) - 95, 96)]
    embeddings = np.stack([network(window[None], training=False)[0] for window in windows])
    cut = np.lib.stride_tricks.sliding_window_view(padded.astype(float), LOG_MEL.window_samples)[:: LOG_MEL.hop_samples]
    squares = np.square(cut[:, : 97 * 160])  # whole blocks of 10 ms
    return embeddings, np.sqrt(np.maximum(np.sqrt(squares.mean(axis=1)), 1e-5))


PLAIN_LOADING = """
import sys
sys.path[:] = [path for path in sys.path if path]  # not from the current folder
import numpy as np, tensorflow as tf
model, classifier = (tf.saved_model.load(folder) for folder in sys.argv[1:3])
waveform = np.load(sys.argv[3])
result, classes = classifier(waveform), classifier.classes()
names = [name.decode() for name in classes["names"].numpy()]
outputs = {"scores": result["scores"], "embedding": result["embedding"], "indices": classes["indices"], "names": names}
np.savez(sys.argv[4], of_network=model(waveform)["embedding"], **outputs)
assert not any(name.split(".")[0] == "audioset_triplet" for name in sys.modules)
"""


def test_loads_without_the_project_and_computes_the_same(network, exported, classifier, exported_classifier, tmp_path):
    waveform = waveforms(2, 3.0)
    np.save(tmp_path / "waveform.npy", waveform)
    files = [exported, exported_classifier, tmp_path / "waveform.npy", tmp_path / "outputs.npz"]
    arguments = [sys.executable, "-c", PLAIN_LOADING, *files]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    result = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    outputs = np.load(tmp_path / "outputs.npz")
    expected = np.stack([by_hand(network, clip)[-1] for clip in waveform])
    np.testing.assert_allclose(outputs["of_network"], expected, atol=1e-5)
    np.testing.assert_allclose(outputs["embedding"], expected, atol=1e-5)  # the classifier has the network's weights
    expected = np.stack([scores_by_hand(classifier, clip)[-1] for clip in waveform])
    np.testing.assert_allclose(outputs["scores"], expected, atol=1e-5)
    assert outputs["indices"].dtype == np.int64 and outputs["indices"].tolist() == list(CLASS_NAMES)
    assert outputs["names"].tolist() == list(CLASS_NAMES.values())


def test_lengths_are_respected(network, exported):
    model = tf.saved_model.load(exported)
    waveform = waveforms(4, 4.0)
    num_samples = [64000, 20000, 7000, 0]
    result = model.signatures["serving_default"](
        waveform=tf.constant(waveform), num_samples=tf.constant(num_samples, tf.int32)
    )
    assert result["num_windows"].numpy().tolist() == [4, 1, 1, 1]
    np.testing.assert_allclose(result["window_start_seconds"], np.arange(4) * LOG_MEL.hop_seconds, rtol=1e-6)
    for index, count in enumerate(num_samples):
        windows, weights, vector = by_hand(network, waveform[index, :count])
        np.testing.assert_allclose(result["window_weights"][index, : len(windows)], weights, rtol=1e-5)
        assert not result["window_weights"][index, len(windows) :].numpy().any()
        np.testing.assert_allclose(result["window_embeddings"][index, : len(windows)], windows, atol=1e-5)
        assert not result["window_embeddings"][index, len(windows) :].numpy().any()
        np.testing.assert_allclose(result["embedding"][index], vector, atol=1e-5)


def test_scores_of_windows_and_clips_respect_lengths_and_loudness(classifier, exported_classifier):
    waveform = waveforms(4, 4.0)
    waveform[0, 20000:] *= 0.01  # 40 dB less
    num_samples = [64000, 20000, 40000, 0]
    result = tf.saved_model.load(exported_classifier)(tf.constant(waveform), tf.constant(num_samples, tf.int32))
    assert result["window_scores"].shape == [4, 4, 4] and result["scores"].shape == [4, 4]
    for index, count in enumerate(num_samples):
        windows, scores = scores_by_hand(classifier, waveform[index, :count])
        np.testing.assert_allclose(result["window_scores"][index, : len(windows)], windows, atol=1e-5)
        assert not result["window_scores"][index, len(windows) :].numpy().any()
        np.testing.assert_allclose(result["scores"][index], scores, atol=1e-5)
    mean = result["window_scores"][0].numpy().mean(axis=0)
    assert np.abs(result["scores"][0] - mean).max() > 0.01  # the mean by loudness is another


def test_a_classifier_without_an_embedding_gives_scores_alone(tmp_path, classifier, exported_classifier):
    folder = str(tmp_path / "model")
    saved_model.export(build_tiny_classifier(has_embedding=False), folder, LOG_MEL, {}, CLASS_NAMES)
    waveform = waveforms(1, 2.0)
    result, both = (tf.saved_model.load(path)(waveform) for path in (folder, exported_classifier))
    assert set(both) - set(result) == {"embedding", "window_embeddings"}
    np.testing.assert_allclose(result["scores"], both["scores"], atol=1e-6)


def test_loud_windows_weigh_more_and_those_of_a_silent_clip_the_same(network, exported):
    model = tf.saved_model.load(exported)
    waveform = waveforms(4, 4.0)
    waveform[0, 20000:] = 0  # sound in the first two windows of four
    waveform[1, 40000:] *= 0.01  # 40 dB less in the last two, and for the most part in the second
    waveform[2] *= 1e-6
    waveform[3] = 0
    result = model(waveform)
    for index, clip in enumerate(waveform):
        windows, weights, vector = by_hand(network, clip)
        np.testing.assert_allclose(result["window_embeddings"][index], windows, atol=1e-5)
        np.testing.assert_allclose(result["window_weights"][index], weights, rtol=1e-5)
        np.testing.assert_allclose(result["embedding"][index], vector, atol=1e-5)
    weights = result["window_weights"].numpy()
    assert weights[0, 2] / weights[0, 0] == pytest.approx(1e-5**0.5 / 0.1**0.5, rel=0.02)
    assert weights[1, 3] / weights[1, 0] == pytest.approx(0.1, rel=0.02)
    np.testing.assert_array_equal(weights[2:], np.float32(1e-10**0.25))
    short = model(waveform, tf.constant([64000, 64000, 64000, 8000], tf.int32))
    np.testing.assert_allclose(short["embedding"][:3], result["embedding"][:3], atol=1e-6)


def test_one_waveform_without_a_batch_is_a_batch_of_one(exported):
    model = tf.saved_model.load(exported)
    waveform = waveforms(1, 2.0)
    np.testing.assert_allclose(model(waveform[0])["embedding"], model(waveform)["embedding"], atol=1e-6)
    short = model(waveform[0, :5])
    assert short["embedding"].shape == [1, 8]
    np.testing.assert_allclose(tf.norm(short["embedding"], axis=1), 1, atol=1e-5)


def operations(model):
    graph = model.signatures["serving_default"].graph
    nodes = (node for function in graph.as_graph_def().library.function for node in function.node_def)
    return {op.type for op in graph.get_operations()} | {node.op for node in nodes}


def test_a_model_without_fft_computes_the_same(network, exported, tmp_path):
    saved_model.export(network, str(tmp_path / "product"), registry.by_name("log_mel", "product"), {})
    waveform = waveforms(1, 2.0)
    with_fft, without = tf.saved_model.load(exported), tf.saved_model.load(str(tmp_path / "product"))
    np.testing.assert_allclose(with_fft(waveform)["embedding"], without(waveform)["embedding"], atol=1e-5)
    assert "RFFT" in operations(with_fft) and "RFFT" not in operations(without)


CLASSIFIERS = [(1, CLASS_NAMES), (2, CLASS_NAMES), (1, {**CLASS_NAMES, 9: "snow"}), (1, dict(CLASS_NAMES))]


def test_ids_name_the_weights_the_classes_and_the_front_end(network, exported):
    model = tf.saved_model.load(exported)
    other = build_tiny_network()
    other.set_weights([2 * weights for weights in network.get_weights()])
    model_id = model.model_id().numpy().decode()
    assert model_id == model_record.model_id_of(network) != model_record.model_id_of(other)
    ids = {model_record.model_id_of(build_tiny_classifier(seed=seed), names) for seed, names in CLASSIFIERS}
    assert len(ids) == 3 and all(one.startswith("tiny_classifier-8-4-") for one in ids)
    record = json.loads(open(os.path.join(exported, "model.json")).read())
    assert record["model_id"] == model_id and record["weights"] == "test"
    assert record["front_end_id"] == model.front_end_id().numpy().decode()


def test_log_mel_is_a_model_too_which_replaces_an_older_one(exported, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    saved_model.export(build_flat_features(LOG_MEL.feature_shape, "log_mel"), str(folder), LOG_MEL, {})
    waveform = waveforms(1, 1.0)
    result = tf.saved_model.load(str(folder))(waveform)
    expected = reference.log_mel(waveform[0])[:96].ravel()
    np.testing.assert_allclose(result["embedding"][0], expected / np.linalg.norm(expected), atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_other_folders_are_left_alone(network, tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").write_text("important")
    with pytest.raises(UserError, match="no exported model"):
        saved_model.export(network, str(tmp_path / "papers"), LOG_MEL, {})
    with pytest.raises(UserError, match="is a file"):
        saved_model.export(network, str(tmp_path / "papers" / "thesis.txt"), LOG_MEL, {})
    assert (tmp_path / "papers" / "thesis.txt").read_text() == "important"


def test_a_model_says_what_it_takes(exported):
    front_end = {name: int(value) for name, value in tf.saved_model.load(exported).front_end().items()}
    assert front_end == {"sample_rate_hz": 16000, "num_channels": 1, "window_samples": 15600, "hop_samples": 15360}


def test_windows_overlap_with_another_hop(network, tmp_path):
    folder = str(tmp_path / "overlapping")
    saved_model.export(network, folder, LOG_MEL.with_hop(0.24), {"weights": "test"})
    model, waveform = tf.saved_model.load(folder), waveforms(1, 1.5)[0]
    result = model(waveform)
    assert int(model.front_end()["hop_samples"]) == 3840
    np.testing.assert_allclose(result["window_start_seconds"], [0.0, 0.24, 0.48], rtol=1e-6)
    for index, start in enumerate((0, 3840, 7680)):
        embeddings, weights = windows_by_hand(network, waveform[start : start + LOG_MEL.window_samples])
        np.testing.assert_allclose(result["window_embeddings"][0, index], embeddings[0], atol=1e-5)
        assert float(result["window_weights"][0, index]) == pytest.approx(weights[0], rel=1e-4)


def test_a_difference_is_found(network, tmp_path, monkeypatch):
    def wrong(module):
        class Wrong(module):
            def _compute(self, waveform, num_samples):
                return super()._compute(waveform * 1.01, num_samples)

        return Wrong

    for name in ("WaveformModule", "ClassifierModule"):
        monkeypatch.setattr(saved_model, name, wrong(getattr(saved_model, name)))
    with pytest.raises(RuntimeError, match="embedding of the exported model differs"):
        saved_model.export(network, str(tmp_path / "wrong"), LOG_MEL, {})
    with pytest.raises(RuntimeError, match="scores of the exported model differs"):
        saved_model.export(build_tiny_classifier(False), str(tmp_path / "wrong"), LOG_MEL, {}, CLASS_NAMES)
    assert not list(tmp_path.iterdir())


def test_stereo_is_taken_as_samples_by_channels(tmp_path):
    front_end = registry.by_name("three_band_small-0.5s-stereo")
    network = build_flat_features(front_end.feature_shape, "bands")
    folder = str(tmp_path / "stereo")
    saved_model.export(network, folder, front_end, {"weights": "test"})  # it compares two clips with the network
    model = tf.saved_model.load(folder)
    assert {name: int(value) for name, value in model.front_end().items()}["num_channels"] == 2
    clip = np.random.default_rng(0).normal(0, 0.1, [20000, 2]).astype(np.float32)
    expected = network(front_end.windows(clip))
    for result in (model(clip), model(clip[np.newaxis]), model(clip[np.newaxis], tf.constant([20000]))):
        np.testing.assert_allclose(result["window_embeddings"][0], expected, atol=1e-5)
    silenced = np.concatenate([clip[:9000], np.zeros([11000, 2], np.float32)])
    expected = network(front_end.windows(silenced))[:1]
    result = model(clip[np.newaxis], tf.constant([9000]))
    np.testing.assert_allclose(result["window_embeddings"][0, :1], expected, atol=1e-5)
    assert result["num_windows"].numpy() == [1] and (result["window_embeddings"][0, 1:].numpy() == 0).all()
