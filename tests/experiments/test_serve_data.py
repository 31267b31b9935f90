"""Batches from a tf.data service on this machine: a dispatcher and two workers, each a process."""

import contextlib
import dataclasses
import signal
import time

import pytest

from audioset_triplet.config.data import DataConfig
from audioset_triplet.errors import UserError
from audioset_triplet.media import decoding
from audioset_triplet.runs import metrics_log
from audioset_triplet.training import inputs, triplet
from tests import processes, tiny_records
from tests.training.tiny_runs import tiny_config

MODULE = "experiments.serve_data"


@pytest.fixture
def files(tmp_path):
    for number in range(4):
        made = [tiny_records.make_clip(4 * number + index) for index in range(4)]
        tiny_records.write(tmp_path / f"{number}.tfrecord", made)
    return str(tmp_path / "*.tfrecord")


@contextlib.contextmanager
def serving(*arguments):
    """The process, and the line on stderr with which it is ready."""
    process = processes.Program(MODULE, "--host=localhost", *arguments)
    try:
        while not process.output()[1].endswith("\n"):
            assert process.poll() is None, process.output()
            time.sleep(0.05)
        yield process, process.output()[1].strip()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGKILL), process.output()


@pytest.mark.slow
def test_two_workers_make_the_batches_and_one_may_go(tmp_path, files):
    with contextlib.ExitStack() as stack:
        _, line = stack.enter_context(serving("--role=dispatcher"))
        address = line.partition("=")[2]
        worker = ("--role=worker", f"--dispatcher={address[len('grpc://') :]}")
        first, _ = stack.enter_context(serving(*worker))
        stack.enter_context(serving(*worker))
        config = dataclasses.replace(
            tiny_config("", steps=30), data=DataConfig(data=files, data_service=address, shuffle_clips=4)
        )
        stream = inputs.triplet_batches(config)
        assert stream.element_spec.anchor.shape == [8, 96, 64]
        seen = {example_id for batch in stream.take(64) for example_id in batch.example_id.numpy().tolist()}
        assert len(seen) == 16  # every clip, whoever reads its file
        with pytest.raises(UserError, match="--deterministic needs batches in one order"):
            deterministic = dataclasses.replace(config.training, deterministic=True)
            triplet.train(dataclasses.replace(config, training=deterministic), str(tmp_path / "run"))
        first.send_signal(signal.SIGKILL)
        triplet.train(config, str(tmp_path / "run"))
    assert metrics_log.read(str(tmp_path / "run"))[-1]["step"] == 30
    with pytest.raises(UserError, match="nothing answers there"):  # what is trained still says where it looked
        triplet.train(config, str(tmp_path / "run"))


@pytest.mark.slow
@pytest.mark.skipif(decoding.DECODES_ANYWHERE, reason="in the reference lane a service decodes: test_decoding")
def test_encoded_audio_behind_samples_is_one_line_in_the_current_lane(tmp_path):
    made = [tiny_records.make_clip(0), tiny_records.make_encoded_clip(1)]
    data = tiny_records.write(tmp_path / "mixed.tfrecord", made * 4)
    with serving("--role=dispatcher") as (_, line), contextlib.ExitStack() as stack:
        address = line.partition("=")[2]
        stack.enter_context(serving("--role=worker", f"--dispatcher={address[len('grpc://') :]}"))
        sizes = dict(preset="small", blocks="1,1,1,1", width=0.0625, batch_size=4, steps=2)
        arguments = processes.flags(data=data, workdir=tmp_path / "run", data_service=address, **sizes)
        line = processes.error_of(processes.run("experiments.train_triplet", *arguments))
    assert "has encoded audio, which a tf.data service decodes on Python 3.9 to 3.11 only" in line


def test_a_worker_needs_a_dispatcher():
    line = processes.error_of(processes.run(MODULE, "--role=worker", "--dispatcher=localhost:1"))
    assert "no dispatcher answers" in line
