import math
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.models import heads
from audioset_triplet.runs import metrics_log
from audioset_triplet.training import callbacks, clustering_terms, objective
from tests.reference import entropy_clustering as reference


class Batch(NamedTuple):
    vectors: tf.Tensor
    weights: tf.Tensor
    example_id: tf.Tensor


class Model(objective.ObjectiveModel):
    """Trains a head of 5 clusters alone."""

    def __init__(self, head):
        super().__init__({heads.CLUSTER_HEAD: head}, clustering_terms.METRICS)

    def terms(self, batch):
        head = self.submodels[heads.CLUSTER_HEAD]
        return clustering_terms.terms(batch.vectors, batch.weights, head, 1.2, bool(self.jit_compile))


@pytest.fixture(scope="module")
def batch():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(12, 4)).astype(np.float32)
    weights = random.uniform(size=12).astype(np.float32)
    weights[3] = 0
    return Batch(*map(tf.constant, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True), weights, 0)))


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_step_goes_down_the_loss_of_the_reference(batch, jit_compile):
    tf.keras.utils.set_random_seed(0)
    head = heads.ClusterHead(5, 4, scale=2.0)
    model = Model(head)
    model.compile(tf.keras.optimizers.SGD(0.5), jit_compile=jit_compile)
    kernel, bias = head.kernel.numpy(), head.bias.numpy()
    logs = model.fit(tf.data.Dataset.from_tensors(batch), verbose=0).history

    def loss(kernel, bias):
        return reference.clustering_loss(batch.vectors.numpy(), kernel, bias, batch.weights.numpy(), 1.2)

    assert logs["loss"][0] == pytest.approx(loss(kernel, bias), rel=1e-5)
    assert logs["entropy"][0] - 1.2 * logs["cross_entropy"][0] == pytest.approx(logs["loss"][0], rel=1e-5)
    gradient = reference.numeric_gradient(lambda values: loss(values, bias), kernel)
    np.testing.assert_allclose(head.kernel, kernel - 0.5 * gradient, rtol=1e-4, atol=1e-5)


def test_a_line_of_metrics_has_what_follows_from_the_entropies_and_a_collapse_is_a_warning(tmp_path, capsys):
    sizes, steps = dict(num_clusters=64, num_examples=16), callbacks.Steps(0, 9)
    model = tf.keras.Sequential([])
    model.compile(tf.keras.optimizers.SGD(0.0))
    used = [
        callbacks.MetricsWriter(
            str(tmp_path), steps, 1, lambda means: clustering_terms.derived_metrics(means, **sizes)
        ),
        callbacks.WarningPrinter(steps, 1, lambda means: clustering_terms.warning(means, **sizes), warmup_steps=2),
    ]
    collapsed, spread = (1e-3, math.log(2)), (1e-3, math.log(16))
    for callback in used:
        callback.set_model(model)
        for batch, (entropy, cross_entropy) in enumerate([collapsed] * 4 + [spread] + [collapsed] * 3):
            callback.on_train_batch_end(batch, {"loss": 0.0, "entropy": entropy, "cross_entropy": cross_entropy})
    lines = metrics_log.read(str(tmp_path))
    assert [round(line["effective_clusters"]) for line in lines] == [2] * 4 + [16] + [2] * 3
    assert lines[4]["entropy_of_mean_ratio"] == pytest.approx(1)
    warnings = [line for line in capsys.readouterr().err.splitlines() if "has collapsed" in line]
    assert [line.split(":")[0] for line in warnings] == ["step 3", "step 6"]
