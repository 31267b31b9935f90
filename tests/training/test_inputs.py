"""What triplet training reads, from real records.

A pipeline takes a second to trace, most of it for front end and sampling: where a test is about neither, the pipeline
is that of an accelerator, which ends before them, and triplets are made of its batches.
"""

import contextlib
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.triplet import METHODS, LossConfig, SamplingConfig
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.training import inputs, pipeline
from tests import tiny_records
from tests.training.tiny_runs import tiny_config

NAMED = (2, 6, 9, 13)  # two clips of each of two classes


def as_arrays(batches):
    return [tf.nest.map_structure(lambda tensor: tensor.numpy(), batch) for batch in batches]


@tf.autograph.experimental.do_not_convert  # as in `loop.train`, to save time
def build(settings, clip_ids=None, feed=pipeline.ONE_PIPELINE):
    return inputs.triplet_batches(settings, clip_ids, feed)


def on_accelerator(settings):
    return dataclasses.replace(settings, sampling=dataclasses.replace(settings.sampling, sampling_device="accelerator"))


def window_batches(settings, clip_ids=None, feed=pipeline.ONE_PIPELINE):
    return build(on_accelerator(settings), clip_ids, feed)


def clip_ids_of(*numbers):
    return set(hash_ids([f"clip{number}" for number in numbers]).numpy().tolist())


def with_data(settings, **options):
    return dataclasses.replace(settings, data=dataclasses.replace(settings.data, **options))


@pytest.fixture(scope="module")
def settings(data):
    """Of the first fold, half of the clips."""
    of_all = dataclasses.replace(tiny_config(data, deterministic=True), loss=LossConfig(negatives="sampled"))
    return with_data(of_all, folds=(1,))


@pytest.fixture(scope="module")
def stream(settings):
    """Triplets of all methods together."""
    return build(settings)


@pytest.fixture(scope="module")
def joint(stream):
    """The first three batches."""
    return as_arrays(stream.take(3))


@pytest.fixture(scope="module")
def windows(settings):
    """The windows of the first four batches."""
    return list(window_batches(settings).take(4))


@pytest.fixture(scope="module")
def several_per_clip(data):
    """Settings with four windows of a clip, all with a positive window, and the first sixteen batches."""
    config = with_data(tiny_config(data, "proximity", deterministic=True), windows_per_clip=4)
    return config, list(window_batches(config).take(16))


@pytest.fixture(scope="module")
def labelled_pairs(data):
    """Settings with pairs by label, and the first batch of them from the clips of `NAMED`."""
    config = tiny_config(data, "labels")
    [batch] = window_batches(config, [f"clip{number}" for number in NAMED]).take(1)
    return config, batch


def check_triplets(batch, *methods):
    assert set(batch.method) == {METHODS.index(method) for method in methods}
    assert np.isfinite(batch.anchor).all() and np.isfinite(batch.positive).all()
    assert (batch.weight == 1).all()


def test_all_methods_together_read_records(joint):
    check_triplets(joint[0], *METHODS[:4])


@pytest.mark.parametrize("method", ["noise", "translation", "mixing"])
def test_every_method_makes_triplets_of_pairs_of_a_recording(data, windows, method):
    [batch] = as_arrays([inputs.to_triplets(tiny_config(data, method), windows[0])])
    check_triplets(batch, method)


def test_proximity_reads_records(several_per_clip):
    config, batches = several_per_clip
    [batch] = as_arrays([inputs.to_triplets(config, batches[0])])
    check_triplets(batch, "proximity")


def test_labels_read_records(labelled_pairs):
    config, pairs = labelled_pairs
    [batch] = as_arrays([inputs.to_triplets(config, pairs)])
    check_triplets(batch, "labels")


def test_the_input_has_the_named_clips_alone(labelled_pairs):
    _, pairs = labelled_pairs
    assert set(pairs.example_id.numpy().tolist()) <= clip_ids_of(*NAMED)


def test_clips_of_one_window_serve_all_methods_but_proximity(tmp_path):
    short = tiny_records.write(tmp_path / "short.tfrecord", [tiny_records.make_clip(i, seconds=0.5) for i in range(12)])
    mostly_proximity = dataclasses.replace(tiny_config(short), sampling=SamplingConfig(shares=(1, 1, 1, 2)))
    [drawn] = window_batches(tiny_config(short)).take(1)
    for config in (tiny_config(short), mostly_proximity):
        [batch] = as_arrays([inputs.to_triplets(config, drawn)])
        np.testing.assert_array_equal(batch.weight == 0, batch.method == METHODS.index("proximity"))


def test_the_input_is_the_same_for_a_seed_and_goes_on_where_it_was(settings, joint, windows):
    """With the seed of each batch, from which its triplets follow."""
    resumed = window_batches(settings, feed=pipeline.Feed(2)).take(2)
    for expected, batch in zip(windows[2:], resumed):
        for first, second in zip(expected, batch):
            np.testing.assert_array_equal(first, second)
    assert (joint[0].anchor != joint[1].anchor).any()


@tf.autograph.experimental.do_not_convert
def test_the_accelerator_makes_the_triplets_of_the_host(settings, joint, windows):
    sample = tf.function(lambda batch: inputs.to_triplets(on_accelerator(settings), batch), autograph=False)
    assert windows[0].pcm.dtype == tf.int16
    for expected, batch in zip(joint, windows):
        for first, second in zip(expected, sample(batch)):
            np.testing.assert_allclose(first, second, atol=1e-6)


def test_the_input_has_static_shapes(stream):
    spec = stream.element_spec
    assert spec.anchor.shape == spec.positive.shape == spec.negative.shape == [8, 96, 64]
    assert spec.weight.shape == spec.example_id.shape == [8]


def test_the_input_has_never_the_clips_of_other_folds(windows):
    clips = [clip for clip in tiny_records.make_clips() if clip.fold == 1]
    for ids, key in ((lambda batch: batch.group_ids[:, 0, 0], "recording_id"), (lambda b: b.example_id, "clip_id")):
        expected = {int(hash_ids(getattr(clip, key))) for clip in clips}
        assert {int(i) for batch in windows for i in ids(batch)} == expected


@pytest.mark.parametrize("shuffle_clips, are_read_again", [(16, False), (15, True)])
def test_clips_are_read_once_where_the_shuffle_buffer_holds_them_all(tmp_path, shuffle_clips, are_read_again):
    path = tmp_path / "all.tfrecord"
    config = with_data(tiny_config(tiny_records.write(path, tiny_records.make_clips())), shuffle_clips=shuffle_clips)
    batches = iter(window_batches(config))
    next(batches)
    path.unlink()
    expected = pytest.raises(tf.errors.NotFoundError) if are_read_again else contextlib.nullcontext()
    with expected:
        for _ in range(40):
            next(batches)


@pytest.mark.slow
def test_pipelines_share_the_clips_and_deliver_what_a_device_takes(settings):
    seen = []
    for which in range(2):
        context = tf.distribute.InputContext(2, which, num_replicas_in_sync=4)
        stream = window_batches(with_data(settings, folds=()), feed=pipeline.Feed(context=context))
        assert stream.element_spec.pcm.shape[0] == 2  # of eight rows, for four devices
        seen.append({example_id for batch in stream.take(16) for example_id in batch.example_id.numpy().tolist()})
    assert not seen[0] & seen[1] and seen[0] | seen[1] == clip_ids_of(*range(16))


def test_several_windows_of_a_clip_come_in_different_batches(several_per_clip):
    _, batches = several_per_clip
    anchors = np.concatenate([batch.pcm[:, 0] for batch in batches])
    assert len(np.unique(anchors, axis=0)) == 128  # every window is another one
    num_clips = [len(set(batch.example_id.numpy().tolist())) for batch in batches]
    assert np.mean(num_clips) > 5  # of 8 rows; one clip after the other would give 2
