"""A head that learns in the TFLite runtime: its steps, and ten clips of a new class without TensorFlow."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from audioset_triplet.config.export import ExportConfig, HeadLearningConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import device_export, device_learning, trainable_head
from audioset_triplet.export.device_runtime import Encoder, Head
from audioset_triplet.frontend import registry
from tests import processes
from tests.tiny_network import build_tiny_network

pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("device") / "model")
    config = ExportConfig(format="tflite", head_classes=3)
    device_export.export(build_tiny_network(), folder, registry.portable("log_mel"), {}, {}, config)
    return folder


def sound(pitch, seed, seconds=2.0):
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * 16000)) / 16000
    return 0.2 * np.sin(2 * np.pi * pitch * random.uniform(0.95, 1.05) * time) + random.normal(0, 0.01, len(time))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Ten clips of each of two classes to learn from, the second half of each of them silent, and five others."""
    root = tmp_path_factory.mktemp("clips")
    for name, pitch in (("high", 4000), ("low", 400)):
        for split, seeds in (("examples", range(10)), ("new", range(10, 15))):
            (root / split / name).mkdir(parents=True)
            for seed in seeds:
                waveform = np.concatenate([sound(pitch, seed), np.zeros(32000)])
                soundfile.write(root / split / name / f"{seed}.wav", waveform, 16000)
    return root


def steps_by_hand(embeddings, targets, rate, count):
    """Logistic regression by momentum 0.9, in float64: losses before each step, weights."""
    inputs = embeddings.astype(np.float64)
    kernel, bias = np.zeros([inputs.shape[1], targets.shape[1]]), np.zeros(targets.shape[1])
    kernel_momentum, bias_momentum, losses = 0.0, 0.0, []
    for _ in range(count):
        probabilities = 1 / (1 + np.exp(-(inputs @ kernel + bias)))
        losses.append(-np.mean(targets * np.log(probabilities) + (1 - targets) * np.log(1 - probabilities)))
        error = (probabilities - targets) / len(inputs)
        kernel_momentum = 0.9 * kernel_momentum + inputs.T @ error
        bias_momentum = 0.9 * bias_momentum + error.sum(axis=0)
        kernel, bias = kernel - rate * kernel_momentum, bias - rate * bias_momentum
    return losses, kernel, bias


def test_steps_are_those_of_logistic_regression(model):
    random = np.random.default_rng(0)
    embeddings = random.normal(size=[20, 8]).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    targets = (random.uniform(size=[20, 3]) < 0.4).astype(np.float32)
    head = Head(model)
    np.testing.assert_array_equal(head.infer(embeddings), 0.5)
    losses, kernel, bias = steps_by_hand(embeddings, targets, 1.0, 30)
    np.testing.assert_allclose([head.train(embeddings, targets, 1.0) for _ in range(30)], losses, rtol=1e-4)
    weights = head.get_weights()
    np.testing.assert_allclose(weights["kernel"], kernel, atol=1e-4)
    np.testing.assert_allclose(weights["bias"], bias, atol=1e-4)
    scores = head.infer(embeddings[:7])
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-(embeddings[:7] @ kernel + bias))), atol=1e-4)

    other = Head(model)  # another session of the app
    other.set_weights(**weights)
    np.testing.assert_array_equal(other.infer(embeddings[:7]), scores)
    head.set_weights(np.zeros([8, 3], np.float32), np.zeros(3, np.float32))  # forgets its momentum too
    assert [head.train(embeddings, targets, 1.0) for _ in range(3)] == pytest.approx(losses[:3], rel=1e-4)


def test_it_has_builtin_operators_alone():
    interpreter = tf.lite.Interpreter(model_content=trainable_head.convert(16, 2))
    names = {item["op_name"] for item in interpreter._get_ops_details()}
    assert names and not any(name.startswith(("Flex", "CUSTOM")) for name in names)
    assert interpreter.get_signature_list().keys() == {"train", "infer", "get_weights", "set_weights"}


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None
import json
from audioset_triplet.config.export import HeadLearningConfig
from audioset_triplet.export import device_learning
model, clips, output = sys.argv[1:]
learned = device_learning.learn(model, clips + "/examples", output, HeadLearningConfig())
print(json.dumps([learned._asdict(), dict(device_learning.recognize(model, clips + "/new", output))]))
"""


def test_a_class_is_learned_from_ten_clips_without_tensorflow(model, clips, tmp_path):
    arguments = [sys.executable, "-c", WITHOUT_TENSORFLOW, model, str(clips), str(tmp_path)]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=processes.ROOT)
    assert result.returncode == 0, result.stderr
    learned, scores = json.loads(result.stdout.splitlines()[-1])
    assert learned["num_clips"] == {"high": 10, "low": 10}
    assert 40 <= learned["num_windows"] <= 60  # of 80, the silent ones left out
    assert learned["first_loss"] == pytest.approx(np.log(2), rel=1e-4) and learned["last_loss"] < 0.3
    assert len(scores) == 10
    for clip, of_classes in scores.items():
        assert max(of_classes, key=of_classes.get) == clip.split("/")[0]
    with open(tmp_path / "scores.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["clip"]: row for row in csv.DictReader(file)}
    assert {clip: float(row["high"]) for clip, row in rows.items()} == pytest.approx(
        {clip: of_classes["high"] for clip, of_classes in scores.items()}, abs=1e-4
    )


def test_the_encoder_of_the_runtime_cuts_as_the_project_does(model):
    from tests.export.loaded import RECORDING, embed, load

    np.testing.assert_allclose(Encoder(model).embed(RECORDING), embed(load(model), RECORDING)[0], atol=1e-6)
    assert Encoder(model).embed(RECORDING[:100]).shape == (1, 8)


def test_what_cannot_be_learned_is_one_clear_line(model, clips, tmp_path):
    def learn(examples, folder=model):
        return device_learning.learn(folder, str(examples), str(tmp_path), HeadLearningConfig(steps=1))

    with pytest.raises(UserError, match="has 0 folders of examples, and the head .* has 3 classes"):
        learn(clips / "examples" / "low")
    (tmp_path / "examples" / "empty").mkdir(parents=True)
    with pytest.raises(UserError, match="examples of empty alone, from which nothing can be told apart: add a folder"):
        learn(tmp_path / "examples")
    (tmp_path / "examples" / "other").mkdir()
    with pytest.raises(UserError, match="no audio"):
        learn(tmp_path / "examples")
    (tmp_path / "examples" / "empty" / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match="a.wav"):
        learn(tmp_path / "examples")
    with pytest.raises(UserError, match="head.npz: there is none; learn first"):
        device_learning.recognize(model, str(clips / "new"), str(tmp_path))
    (tmp_path / "head.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(UserError, match="head.npz: damaged"):
        device_learning.recognize(model, str(clips / "new"), str(tmp_path))
    shutil.copy(f"{model}/model.tflite", tmp_path / "head.tflite")
    with pytest.raises(UserError, match="head.tflite does not learn"):
        Head(str(tmp_path))
    with pytest.raises(UserError, match="model.tflite: there is none; experiments.export_model --format=tflite"):
        learn(clips / "examples", str(tmp_path))
