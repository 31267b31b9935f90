"""Where the time of the input pipeline goes: the CPU time of a triplet, up to each of its steps.

    python -m experiments.benchmarks.input_stages --output=benchmark

measures, each in a process of its own on the same synthesised records of int16 samples (noises of ten seconds), a
quarter of which the shuffle buffer holds: the records' bytes; parsed, with damage noted; windows cut, one pair from a
clip; triplets of all four methods, which is all of it. CPU time is that of all threads of the process.
"""

import itertools
import tempfile
import time
from typing import Dict

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_integer("clips", 1024, "How many clips of ten seconds the records hold.", 64)
flags.DEFINE_float("seconds", 5.0, "Of each measurement.")
flags.DEFINE_integer("warm_up_batches", 10, "Batches before each measurement.", 0)

MODULE = "experiments.benchmarks.input_stages"  # also where it runs as a program
STAGES = ("records read", "parsed", "windows cut", "triplets")
BATCH_SIZE = 128


def measure(folder: str, stage: str, num_clips: int, warm_up_batches: int, seconds: float) -> Dict[str, float]:
    """CPU milliseconds of a row of the batches that a pipeline up to some stage gives."""
    import tensorflow as tf

    from audioset_triplet.config.data import DataConfig
    from audioset_triplet.config.training import TrainingConfig
    from audioset_triplet.config.triplet import SamplingConfig, TripletConfig
    from audioset_triplet.records import globs, reading, skipping
    from audioset_triplet.training import inputs, pipeline

    files = globs.expand(f"{folder}/*.tfrecord")
    skipped = skipping.SkippedRecords(files)

    def batches() -> tf.data.Dataset:
        if stage == "records read":
            return reading.read_records(files, deterministic=False).repeat().batch(BATCH_SIZE)
        if stage == "parsed":
            clips = skipping.read_clips(files, (), deterministic=False, skipped=skipped)
            return clips.repeat().map(lambda clip: tf.size(clip["pcm"])).batch(BATCH_SIZE)
        config = TripletConfig(
            data=DataConfig(data=f"{folder}/*.tfrecord", shuffle_clips=num_clips // 4),
            sampling=SamplingConfig(sampling_device="host" if stage == "triplets" else "accelerator"),
            training=TrainingConfig(batch_size=BATCH_SIZE),
        )
        return inputs.triplet_batches(config, feed=pipeline.Feed(skipped=skipped))

    elements = iter(batches())
    for _ in itertools.islice(elements, warm_up_batches):
        pass
    started, cpu_started, count = time.monotonic(), time.process_time(), 0
    while time.monotonic() - started < seconds:
        next(elements)
        count += BATCH_SIZE
    return {"ms": 1000 * (time.process_time() - cpu_started) / count}


def main() -> None:
    command_line.require_flags("output")
    spent: Dict[str, list] = {stage: [] for stage in STAGES}
    with tempfile.TemporaryDirectory() as folder, progress_bar(total=FLAGS.repeats * len(STAGES)) as bar:
        shared.call("experiments.benchmarks.shared", "write_records", folder, FLAGS.clips)
        for _ in range(FLAGS.repeats):
            for stage in STAGES:
                spent[stage].append(
                    shared.call(MODULE, "measure", folder, stage, FLAGS.clips, FLAGS.warm_up_batches, FLAGS.seconds)
                )
                bar.update()
    rows, before = {}, 0.0
    for stage, several in spent.items():
        up_to_here = shared.medians(several)["ms"]
        rows[stage] = {"CPU ms up to here": up_to_here, "of this stage": up_to_here - before}
        before = up_to_here
    shared.write(rows, "stage")


if __name__ == "__main__":
    command_line.run(main, writes="output")
