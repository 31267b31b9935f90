import dataclasses
import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.triplet import LossConfig, SamplingConfig, TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models import networks
from audioset_triplet.presets import PRESETS
from audioset_triplet.records import clip_labels
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.sampling.triplets import TripletBatch
from audioset_triplet.training import inputs, optimizers, triplet
from audioset_triplet.training.triplet import Candidates, ContrastiveModel, RecordingModel, TripletModel
from tests import processes
from tests.reference import instance_discrimination as instances_reference
from tests.reference import nt_xent as nt_xent_reference
from tests.reference import triplet_loss as reference
from tests.tiny_network import build_tiny_network
from tests.training.tiny_runs import tiny_config


def batch_of(num_triplets=12, seed=0, with_negative=False, weights=None):
    random = np.random.default_rng(seed)
    recordings = random.integers(0, 6, num_triplets)
    distractors = np.where(random.random(num_triplets) < 0.5, recordings, random.integers(0, 6, num_triplets))

    def windows():
        return tf.constant(random.normal(size=[num_triplets, 96, 64]), tf.float32)

    return TripletBatch(
        anchor=windows(),
        positive=windows(),
        negative=windows() if with_negative else (),
        anchor_group_ids=tf.constant(recordings[:, None]),
        positive_group_ids=tf.constant(np.stack([recordings, distractors], 1)),
        anchor_shares=tf.ones([num_triplets, 1]),
        positive_shares=tf.tile([[0.75, 0.25]], [num_triplets, 1]),
        method=tf.zeros([num_triplets], tf.int32),
        weight=tf.ones([num_triplets]) if weights is None else tf.constant(weights, tf.float32),
        example_id=tf.range(num_triplets, dtype=tf.int64),
    )


def candidates_in(anchor_group_ids, positive_group_ids):
    pairs = tf.concat([anchor_group_ids, positive_group_ids], axis=1)
    return Candidates(tf.zeros([2 * len(pairs), 1]), anchor_group_ids, positive_group_ids, pairs)


def trained(network, config, batch, optimizer=None):
    if config.loss == "instances":
        names = list("abcdef")
        model, batch = instance_model(network, names), of_names(batch, names)
    else:
        model = (ContrastiveModel if config.loss == "nt_xent" else TripletModel)(network, config)
    model.compile(optimizer=optimizer or tf.keras.optimizers.SGD(0.1), run_eagerly=True)
    return model.train_step(batch)


@pytest.mark.parametrize("weighted", [False, True])
def test_mined_loss_of_a_step_equals_the_loop(weighted):
    network = build_tiny_network()
    weights = np.random.default_rng(1).integers(0, 2, 12) if weighted else None
    batch = batch_of(weights=weights)
    anchors, positives = network(batch.anchor).numpy(), network(batch.positive).numpy()
    logs = trained(network, LossConfig(margin=0.5), batch)
    contents = (
        [set(row) for row in batch.anchor_group_ids.numpy()],
        [set(row) for row in batch.positive_group_ids.numpy()],
    )
    expected = reference.semi_hard_loss(anchors, positives, *contents, 0.5, weights)
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-5)
    assert expected > 0


def test_loss_with_the_triplet_s_own_negative():
    network = build_tiny_network()
    batch = batch_of(with_negative=True)
    a, p, n = (network(x).numpy() for x in (batch.anchor, batch.positive, batch.negative))
    expected = np.maximum(((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 0.5, 0).mean()
    logs = trained(network, LossConfig(margin=0.5, negatives="sampled"), batch)
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_nt_xent_of_a_step_equals_the_loop(weighted):
    network = build_tiny_network()
    weights = np.random.default_rng(1).integers(0, 2, 12) if weighted else np.ones(12)
    batch = batch_of(weights=weights)
    anchors, positives = network(batch.anchor).numpy(), network(batch.positive).numpy()
    logs = trained(network, LossConfig(loss="nt_xent", temperature=0.2), batch)
    is_negative = candidates_in(batch.anchor_group_ids, batch.positive_group_ids).is_negative(tf.range(12)).numpy()
    rows = [row for row in range(12) if weights[row] and is_negative[row].any()]
    losses = [nt_xent_reference.pair_loss(row, anchors, positives, is_negative[row], 0.2) for row in rows]
    assert float(logs["loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
    cosines = anchors @ np.concatenate([anchors, positives]).T
    nearest = [cosines[row, 12 + row] >= cosines[row][is_negative[row]].max() for row in rows]
    assert float(logs["accuracy"]) == pytest.approx(np.mean(nearest))
    assert 0 < np.mean(nearest) < 1


def instance_model(network, names, temperature=0.2):
    """A model that tells recordings of these names apart."""
    return RecordingModel(network, LossConfig(loss="instances", temperature=temperature), names)


def of_names(batch, names):
    """The batch, whose recordings are numbers, with the hashes of their names in place of these."""
    hashes = hash_ids(tf.constant(names))
    ids = {name: tf.gather(hashes, getattr(batch, name)) for name in ("anchor_group_ids", "positive_group_ids")}
    return batch._replace(**ids)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_of_instances_of_a_step_equals_the_loop(weighted):
    names, network = ["e", "c", "a", "b", "f", "d"], build_tiny_network()  # in another order than their hashes
    weights = np.random.default_rng(1).integers(0, 2, 12) if weighted else np.ones(12)
    batch = batch_of(weights=weights)
    embeddings = network(batch.anchor).numpy(), network(batch.positive).numpy()
    model = instance_model(network, names)
    vectors = model.submodels["instance_head"].vectors().numpy()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    before = model.submodels["instance_head"].kernel.numpy()
    model.compile(tf.keras.optimizers.SGD(0.1), run_eagerly=True)
    logs = model.train_step(of_names(batch, names))
    contents = [
        (batch.anchor_group_ids.numpy(), batch.anchor_shares.numpy()),
        (batch.positive_group_ids.numpy(), batch.positive_shares.numpy()),
    ]
    expected = [
        np.mean(
            [
                sum(share * instances_reference.softmax_loss(x[row], vectors, i, 0.2) for i, share in zip(*of_window))
                for x, of_windows in zip(embeddings, contents)
                for of_window in [[values[row] for values in of_windows]]
            ]
        )
        for row in range(12)
    ]
    assert float(logs["loss"]) == pytest.approx(np.average(expected, weights=weights), rel=1e-4)
    nearest = [
        np.mean([(vectors @ x[row]).argmax() == ids[row, 0] for x, (ids, _) in zip(embeddings, contents)])
        for row in range(12)
    ]
    assert float(logs["accuracy"]) == pytest.approx(np.average(nearest, weights=weights), abs=1e-6)
    assert (model.submodels["instance_head"].kernel.numpy() != before).any()


def test_a_run_on_other_recordings_does_not_resume(data, tmp_path):
    config = dataclasses.replace(tiny_config(data), loss=LossConfig(loss="instances"))
    triplet.train(config, str(tmp_path / "run"))
    noted = json.loads((tmp_path / "run" / "instances.json").read_text())
    recordings = sorted({clip.recording_id for clip in clip_labels.read(data, ())})
    assert noted == {"recording_ids": recordings}
    with pytest.raises(UserError, match="one recording alone is told from no other"):
        first = next(clip.clip_id for clip in clip_labels.read(data, ()))
        triplet.train(config, str(tmp_path / "one"), [first])
    (tmp_path / "run" / "instances.json").write_text(json.dumps({"recording_ids": recordings[1:]}))
    with pytest.raises(UserError, match="other recordings"):
        triplet.train(config, str(tmp_path / "run"))


def test_labels_make_no_instances():
    with pytest.raises(UserError, match="--loss=instances takes no labels"):
        TripletConfig(sampling=SamplingConfig(method="labels"), loss=LossConfig(loss="instances"))


@pytest.mark.parametrize("loss", ["triplet", "nt_xent"])
def test_the_gradient_norm_is_that_of_the_step(loss):
    network = build_tiny_network()
    before = network.get_weights()
    logs = trained(network, LossConfig(loss=loss, margin=0.5), batch_of(), tf.keras.optimizers.SGD(0.1))
    steps = [(old - new) / 0.1 for old, new in zip(before, network.get_weights())]
    assert float(logs["gradient_norm"]) == pytest.approx(np.sqrt(sum((step**2).sum() for step in steps)), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["triplet", "nt_xent"])
def test_a_step_that_is_compiled_with_xla_is_the_same(loss):
    def steps(jit_compile):
        network = build_tiny_network()
        config = LossConfig(loss=loss, margin=0.5)
        model = (ContrastiveModel if loss == "nt_xent" else TripletModel)(network, config)
        model.compile(tf.keras.optimizers.SGD(0.1), jit_compile=jit_compile)
        model.fit(tf.data.Dataset.from_tensors(batch_of()).repeat(3), verbose=0)
        return network.get_weights()

    for compiled, plain in zip(steps(True), steps(False)):
        np.testing.assert_allclose(compiled, plain, atol=1e-5)


@pytest.mark.slow
def test_sampling_in_a_step_that_is_compiled_with_xla_gives_the_losses_of_the_host(data, monkeypatch):
    """Front end, sampling, mining and update in one program of static shapes: what a TPU needs."""

    def losses(sampling_device, jit_compile, spectrum):
        monkeypatch.setattr("audioset_triplet.frontend.log_mel.fastest_spectrum", lambda: spectrum)
        config = tiny_config(data, "joint", deterministic=True)
        sampling = dataclasses.replace(config.sampling, sampling_device=sampling_device)
        config = dataclasses.replace(config, sampling=sampling, loss=LossConfig(margin=0.5))
        model = triplet.build_model(config)
        model.compile(tf.keras.optimizers.SGD(0.1), jit_compile=jit_compile)
        return model.fit(inputs.triplet_batches(config), steps_per_epoch=4, verbose=0).history

    monkeypatch.setattr(networks, "build_embedding", lambda *_: build_tiny_network())
    expected, compiled = losses("host", False, "fft"), losses("accelerator", True, "product")
    assert expected["loss"][0] > 0.1
    for name, values in expected.items():
        assert compiled[name] == pytest.approx(values, rel=1e-4), name


def test_a_step_goes_down_the_gradient():
    network, batch = build_tiny_network(), batch_of()
    model = TripletModel(network, LossConfig(margin=0.5))
    model.compile(optimizer=tf.keras.optimizers.SGD(0.5), run_eagerly=True)
    losses = []
    for _ in range(20):
        losses.append(float(model.train_step(batch)["loss"]))
        model.reset_metrics()
    assert losses[-1] < 0.7 * losses[0]


def test_candidates_exclude_everything_that_is_heard_in_the_triplet():
    # Rows: recordings 0, 1, 2; the positive of row 0 is a mixture with recording 1.
    anchor = tf.constant([[0], [1], [2]], tf.int64)
    positive = tf.constant([[0, 1], [1, 1], [2, 2]], tf.int64)
    expected = [  # anchors 0, 1, 2, then positives 0, 1, 2
        [False, False, True, False, False, True],  # the distractor's recording is no negative of the mixture
        [True, False, True, False, False, True],  # nor is a mixture that holds the anchor's recording
        [True, True, False, True, True, False],
    ]
    candidates = candidates_in(anchor, positive)
    np.testing.assert_array_equal(candidates.is_negative(tf.range(3)), expected)
    np.testing.assert_array_equal(candidates.is_negative(tf.constant([2, 0])), [expected[2], expected[0]])


@functools.cache
def built(config):
    """A network and its initial weights: presets that only differ in the loss share it."""
    tf.keras.utils.set_random_seed(0)  # with some weights neither of two triplets is active
    network = networks.build_embedding(config, (96, 64))
    return network, network.get_weights()


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_builds_and_takes_a_step(name):
    config = PRESETS[name]()
    network, weights = built(config.network)
    network.set_weights(weights)
    before = network.get_layer("embedding").kernel.numpy()
    logs = trained(network, config.loss, batch_of(2), optimizers.build(config.training))
    assert np.isfinite(float(logs["loss"]))
    assert (network.get_layer("embedding").kernel.numpy() != before).any()


def assert_same_update(first, second, cases):
    for case in cases:
        with np.load(first / f"{case}.npz") as one, np.load(second / f"{case}.npz") as two:
            assert one.keys() == two.keys() and {"loss", "gradient_norm", "arr_0"} <= one.keys()
            for name in one:
                # Batch normalization after a layer amplifies its rounding errors.
                atol = 2e-4 if case == "synchronised" else 2e-6
                np.testing.assert_allclose(one[name], two[name], rtol=1e-4, atol=atol, err_msg=f"{case} {name}")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_devices_and_two_workers_make_the_update_of_one(tmp_path):
    module = "tests.training.replicas"
    of_devices = ("sampled", "mined", "nt_xent", "synchronised", "softmax", "sigmoids", "recipe", "instances")
    of_devices += ("noise_contrastive", "recordings")
    of_workers = ("mined", "synchronised", "noise_contrastive")
    result = processes.run(module, "one,mirrored", tmp_path, *of_devices)
    assert result.returncode == 0, result.stderr
    assert_same_update(tmp_path / "one", tmp_path / "mirrored", of_devices)
    processes.run_workers(2, module, "multi_worker", tmp_path, *of_workers)
    for worker in ("worker0", "worker1"):
        assert_same_update(tmp_path / "one", tmp_path / worker, of_workers)
