import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.instances import InstanceConfig, InstanceLossConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.waveforms import WaveformConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models.memory_bank import MemoryBank
from audioset_triplet.presets import INSTANCE_PRESETS
from audioset_triplet.records import clip_labels
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.runs import metrics_log, trained_networks
from audioset_triplet.sampling import draws
from audioset_triplet.training import inputs, instances, optimizers
from audioset_triplet.training.epoch_log import Epochs
from audioset_triplet.training.inputs import InstanceBatch
from audioset_triplet.training.instances import InstanceModel
from tests import processes, tiny_records
from tests.reference import instance_discrimination as reference
from tests.tiny_network import build_tiny_network
from tests.training.tiny_runs import check_killed_run, saved_weights

MODULE = "experiments.train_instances"
AUGMENTED = WaveformConfig(time_scale=1.25, random_padding=True, reversed_share=0.5)


def batch_of(num_windows=8, num_instances=12, seed=0):
    random = np.random.default_rng(seed)
    return InstanceBatch(
        windows=tf.constant(random.normal(size=[num_windows, 96, 64]), tf.float32),
        instances=tf.constant(random.integers(0, num_instances, num_windows), tf.int32),
        example_id=tf.range(num_windows, dtype=tf.int64),
    )


def config_of(data, num_negatives=0, **training):
    options = dict(batch_size=8, steps=6, log_every_steps=2, checkpoint_every_steps=2, learning_rate=1e-2)
    return InstanceConfig(
        data=DataConfig(data=data),
        waveforms=AUGMENTED,
        loss=InstanceLossConfig(num_negatives=num_negatives),
        network=EmbeddingNetworkConfig(architecture="toy", embedding_size=8),
        training=TrainingConfig(**{**options, **training}),
    )


def trained(config, workdir, **options):
    clips = clip_labels.read(config.data.data, config.data.folds)
    instances.train(config, clips, str(workdir), **options)
    return workdir


@pytest.mark.parametrize("num_negatives", [0, 5, 64])
def test_a_step_equals_the_loops_and_then_the_bank_moves(num_negatives):
    network, bank, batch = build_tiny_network(), MemoryBank(12, 8, seed=0), batch_of()
    before, embeddings, numbers = bank.values(), network(batch.windows).numpy(), batch.instances.numpy()
    model = InstanceModel(network, bank, InstanceLossConfig(num_negatives=num_negatives), seed=7)
    model.compile(tf.keras.optimizers.SGD(0.1), run_eagerly=True)
    logs = model.train_step(batch)
    if num_negatives:
        drawn = draws.integers([8, num_negatives], tf.constant([7, 0], tf.int64), 0, 12).numpy()
        rows = np.c_[numbers, drawn]
        normalizer = reference.normalizer(embeddings, before, rows, 0.4)
        losses = [
            reference.noise_contrastive_loss(embedding, before, of_window, 0.4, normalizer)
            for embedding, of_window in zip(embeddings, rows)
        ]
        np.testing.assert_allclose(bank.normalizer, normalizer, rtol=1e-5)
    else:
        losses = [reference.softmax_loss(one, before, row, 0.4) for one, row in zip(embeddings, numbers)]
        assert float(bank.normalizer) == 0
    assert float(logs["loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
    similarity = (embeddings * before[numbers]).sum(axis=1).mean()
    assert float(logs["similarity"]) == pytest.approx(similarity, rel=1e-4)
    np.testing.assert_allclose(bank.values(), reference.updated(before, numbers, embeddings, 0.5), atol=1e-6)
    assert len(model.trainable_variables) == len(network.trainable_variables)
    model.train_step(batch_of(seed=1))
    if num_negatives:
        np.testing.assert_allclose(bank.normalizer, normalizer, rtol=1e-5)  # that of the first batch


@pytest.mark.parametrize("num_negatives", [0, 64])
def test_a_few_clips_are_learned(num_negatives):
    network, bank, batch = build_tiny_network(), MemoryBank(6, 8, seed=0), batch_of(6, 6)
    batch = batch._replace(instances=tf.range(6))
    model = InstanceModel(network, bank, InstanceLossConfig(num_negatives=num_negatives), seed=0)
    model.compile(tf.keras.optimizers.SGD(0.5), run_eagerly=True)
    losses = []
    for _ in range(30):
        losses.append(float(model.train_step(batch)["loss"]))
        model.reset_metrics()
    assert losses[-1] < losses[0] - 0.8
    cosines = network(batch.windows).numpy() @ bank.values().T
    np.testing.assert_array_equal(cosines.argmax(axis=1), np.arange(6))


@pytest.mark.parametrize("name", sorted(INSTANCE_PRESETS))
def test_every_preset_takes_a_step(name):
    config = INSTANCE_PRESETS[name]()
    model = InstanceModel(build_tiny_network(), MemoryBank(12, 8, seed=0), config.loss, seed=0)
    model.compile(optimizers.build(config.training), run_eagerly=True)
    assert np.isfinite(float(model.train_step(batch_of())["loss"]))
    assert config.training.drops == (0.6, 0.8) and config.training.optimizer == "sgd"


def test_a_batch_has_windows_of_clips_of_a_tenth_of_a_second_and_of_half_a_minute(tmp_path):
    lengths = [0.1, 30.0, 2.5]
    clips = [tiny_records.make_clip(index, seconds=seconds) for index, seconds in enumerate(lengths)]
    config = config_of(tiny_records.write(tmp_path / "clips.tfrecord", clips), batch_size=12, deterministic=True)
    config = dataclasses.replace(config, waveforms=WaveformConfig(time_scale=1.25, reversed_share=1.0))
    clip_ids = ["clip2", "clip0", "clip1"]
    [batch] = inputs.instance_batches(config, clip_ids).take(1)
    windows, numbers = batch.windows.numpy(), batch.instances.numpy()
    assert windows.shape == (12, 96, 64) and np.isfinite(windows).all()
    np.testing.assert_array_equal(hash_ids(tf.constant(clip_ids)).numpy()[numbers], batch.example_id)
    assert sorted(numbers) == [0] * 4 + [1] * 4 + [2] * 4  # four epochs
    # Of the short clip the silence after it comes first.
    loudness = windows.mean(axis=2)
    assert (loudness[numbers == 1, :80] < -4.5).all() and (loudness[numbers == 1, -3:] > -4).all()
    assert (loudness[numbers != 1] > -4).all()


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A run with two measures of its state."""
    states = []

    def measure(networks, state):
        states.append(state["memory_bank"].values())
        return {"size": float(len(networks["network"].weights))}

    folder = tmp_path_factory.mktemp("instances") / "run"
    trained(config_of(data, num_negatives=64), folder, epochs=Epochs(measure, every_epochs=2))
    return folder, states


def test_a_run_leaves_the_bank_and_its_clips(data, finished):
    folder, states = finished
    clip_ids = json.loads((folder / "instances.json").read_text())["clip_ids"]
    assert clip_ids == sorted(f"clip{index}" for index in range(16))
    saved = saved_weights(folder)
    bank, normalizer = (saved[f"memory_bank/{name}/.ATTRIBUTES/VARIABLE_VALUE"] for name in ("rows", "normalizer"))
    np.testing.assert_allclose(np.linalg.norm(bank, axis=1), 1, atol=1e-5)  # each clip was drawn: three epochs
    assert normalizer > 16 * 0.5
    lines = metrics_log.read(str(folder), metrics_log.EPOCHS)  # an epoch is two steps
    assert [(line["epoch"], line["step"]) for line in lines] == [(2, 4), (3.0, 6)]
    assert lines[0]["size"] == len(trained_networks.restore_embedding(str(folder))[0].weights)
    num_moved = (states[0] != states[1]).any(axis=1).sum()
    # A pass has all 16 clips, but a run that is not --deterministic may draw some of the next pass early.
    assert num_moved > 4 and (states[1] == bank).all()
    trained(config_of(data, num_negatives=64), folder)  # is trained: nothing to do


def test_a_run_on_other_clips_is_refused(data, finished, tmp_path):
    folder, _ = finished
    config = config_of(data, num_negatives=64)
    clips = clip_labels.read(data, [])
    with pytest.raises(UserError, match="holds a run on other clips or records .*clips: 16, now 15"):
        instances.train(config, clips[:-1], str(folder))
    grown = tiny_records.write(tmp_path / "all-00000-of-00001.tfrecord", tiny_records.make_clips(17))
    with pytest.raises(UserError, match="holds a run on other clips or records .*clips: 16, now 17"):
        trained(config_of(grown, num_negatives=64), folder)
    (folder / "data.json").rename(tmp_path / "data.json")
    try:
        with pytest.raises(UserError, match="data.json is missing"):
            trained(config, folder)
    finally:
        (tmp_path / "data.json").rename(folder / "data.json")


def test_one_clip_is_refused(tmp_path):
    data = tiny_records.write(tmp_path / "one.tfrecord", [tiny_records.make_clip(0)])
    with pytest.raises(UserError, match="one clip alone is told from no other"):
        trained(config_of(data), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_clips_of_evaluated_recordings_are_left_out_unless_asked_for(capsys):
    clips = [ClipInfo(f"clip{index}", f"recording{index // 2}") for index in range(6)]
    evaluated = [ClipInfo("other", "recording1")]
    assert instances.learned_clips(clips, evaluated, transductive=False) == clips[:2] + clips[4:]
    assert "2 of 6 clips are of evaluated recordings: left out." in capsys.readouterr().err
    assert instances.learned_clips(clips, evaluated, transductive=True) == clips
    assert "learned from too, without labels" in capsys.readouterr().err
    with pytest.raises(UserError, match="every clip to learn from is of a recording that is evaluated"):
        instances.learned_clips(clips[2:4], evaluated, transductive=False)
    assert instances.learned_clips(clips[2:4], evaluated, transductive=True) == clips[2:4]


@pytest.mark.slow
@pytest.mark.parametrize("num_negatives", [0, 64])
def test_killed_and_resumed_ends_with_the_weights_and_the_bank_of_a_run_left_alone(data, tmp_path, num_negatives):
    options = dict(preset="small_instances", architecture="toy", embedding_size=8, batch_size=8, steps=30)
    options.update(num_negatives=num_negatives, deterministic=True, checkpoint_every_steps=3, log_every_steps=2)
    arguments = [MODULE, *processes.flags(**options, data=data, folds="1,2", eval_folds="2", transductive=True)]
    killed = check_killed_run("tests.toy_network", arguments, tmp_path, killed_at=(3, 9))
    assert "memory_bank/rows/.ATTRIBUTES/VARIABLE_VALUE" in saved_weights(killed)
    alone, resumed = (metrics_log.read(str(tmp_path / name), metrics_log.EPOCHS) for name in ("alone", "killed"))
    assert alone == resumed and [line["epoch"] for line in alone] == list(range(1, 16))
