"""What triplet training reads, from real records."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import METHODS, LossConfig, SamplingConfig, TripletConfig
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.training import inputs, pipeline
from tests import tiny_records
from tests.training.tiny_runs import tiny_config


def batches(settings, count, first_step=0, clip_ids=None):
    for batch in inputs.triplet_batches(settings, clip_ids, pipeline.Feed(first_step)).take(count):
        yield tf.nest.map_structure(lambda tensor: tensor.numpy(), batch)


@pytest.mark.parametrize("method", ["joint", "noise", "translation", "mixing", "proximity", "labels"])
def test_every_method_reads_records(data, method):
    (batch,) = batches(tiny_config(data, method), 1)
    expected = range(4) if method == "joint" else [METHODS.index(method)]
    assert set(batch.method) == set(expected)
    assert np.isfinite(batch.anchor).all() and np.isfinite(batch.positive).all()
    assert (batch.weight == 1).all()


def test_clips_of_one_window_serve_all_methods_but_proximity(tmp_path):
    short = tiny_records.write(tmp_path / "short.tfrecord", [tiny_records.make_clip(i, seconds=0.5) for i in range(12)])
    mostly_proximity = dataclasses.replace(tiny_config(short), sampling=SamplingConfig(shares=(1, 1, 1, 2)))
    for settings in (tiny_config(short), mostly_proximity):
        (batch,) = batches(settings, 1)
        np.testing.assert_array_equal(batch.weight == 0, batch.method == METHODS.index("proximity"))


def test_the_input_is_the_same_for_a_seed_and_goes_on_where_it_was(data):
    settings = tiny_config(data, deterministic=True)
    whole, resumed = list(batches(settings, 4)), list(batches(settings, 2, first_step=2))
    for expected, batch in zip(whole[2:], resumed):
        for first, second in zip(expected, batch):
            np.testing.assert_array_equal(first, second)
    assert (whole[0].anchor != whole[1].anchor).any()


def test_the_accelerator_makes_the_triplets_of_the_host(data):
    settings = tiny_config(data, deterministic=True)
    on_accelerator = dataclasses.replace(
        settings, sampling=dataclasses.replace(settings.sampling, sampling_device="accelerator")
    )
    sample = tf.function(lambda batch: inputs.to_triplets(on_accelerator, batch))
    made = inputs.triplet_batches(on_accelerator).take(3)
    assert made.element_spec.pcm.dtype == tf.int16
    for expected, batch in zip(batches(settings, 3), made):
        for first, second in zip(expected, sample(batch)):
            np.testing.assert_allclose(first, second, atol=1e-6)


def test_the_input_has_static_shapes(data):
    spec = inputs.triplet_batches(tiny_config(data)).element_spec
    assert spec.anchor.shape == spec.positive.shape == [8, 96, 64]
    assert spec.weight.shape == [8]
    own = TripletConfig(
        data=DataConfig(data), loss=LossConfig(negatives="sampled"), training=TrainingConfig(batch_size=8)
    )
    assert inputs.triplet_batches(own).element_spec.negative.shape == [8, 96, 64]


def test_the_model_never_sees_the_clips_of_other_folds(data):
    settings = TripletConfig(
        data=DataConfig(data=data, folds=(1,)), training=TrainingConfig(batch_size=8, deterministic=True)
    )
    made = [clip for clip in tiny_records.make_clips() if clip.fold == 1]
    expected = {int(hash_ids(clip.recording_id)) for clip in made}
    assert {int(i) for batch in batches(settings, 8) for i in batch.anchor_group_ids[:, 0]} == expected


def test_pipelines_share_the_clips_and_deliver_what_a_device_takes(data):
    settings = tiny_config(data, deterministic=True)
    seen = []
    for which in range(2):
        context = tf.distribute.InputContext(2, which, num_replicas_in_sync=4)
        stream = inputs.triplet_batches(settings, feed=pipeline.Feed(context=context))
        assert stream.element_spec.anchor.shape == [2, 96, 64]  # of eight rows, for four devices
        seen.append({example_id for batch in stream.take(16) for example_id in batch.example_id.numpy().tolist()})
    assert not seen[0] & seen[1] and len(seen[0] | seen[1]) == 16


def test_several_cuts_of_a_clip_are_shuffled_apart(data):
    settings = tiny_config(data, deterministic=True)
    settings = dataclasses.replace(settings, data=dataclasses.replace(settings.data, windows_per_clip=4))
    made = list(batches(settings, 16))
    anchors = np.concatenate([batch.anchor for batch in made])
    assert len(np.unique(anchors.reshape(len(anchors), -1), axis=0)) == 128  # every cut is another one
    num_clips = [len(set(batch.example_id.tolist())) for batch in made]
    assert np.mean(num_clips) > 5  # of 8 rows; one clip behind the other would give 2


def test_the_model_sees_the_named_clips_alone(data):
    settings = tiny_config(data, deterministic=True)
    expected = {int(hash_ids(f"recording{i}")) for i in (1, 6)}
    seen = batches(settings, 4, clip_ids=["clip6", "clip1"])
    assert {int(i) for batch in seen for i in batch.anchor_group_ids[:, 0]} == expected
