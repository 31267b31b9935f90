"""How fast triplets are made of records, beside reading the records alone and beside a first version in librosa.

    python -m experiments.benchmarks.input --output=benchmark

measures, each in a process of its own on the same synthesised records of int16 samples (noises of ten seconds):

* reading: the records' bytes, and nothing done with them;
* ours: the pipeline of a training, to triplets of all four methods (`training.inputs`), at each of --windows_per_clip,
  reading the records in every epoch, and with one window per clip from the second epoch on, where the shuffle buffer
  holds all clips;
* librosa: the same work as a user's first version has it: one clip after the other through tf.py_function, windows,
  mel spectrograms by librosa, and the four ways to make a positive in NumPy.
"""

import tempfile
import time
from typing import Any, Dict, Iterator

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_integer("clips", 1024, "How many clips of ten seconds the records hold; above 256.", 257)
flags.DEFINE_float("seconds", 8.0, "Of each measurement.")
flags.DEFINE_integer("warm_up_batches", 20, "Batches before each measurement: they fill the buffers.", 0)
flags.DEFINE_list("windows_per_clip", ["1", "4"], "How many examples are cut from a clip each time it is read.")

MODULE = "experiments.benchmarks.input"  # also where it runs as a program
BATCH_SIZE = 128
SHUFFLE_CLIPS = 256  # where records are read in every epoch: of more clips


def _rate(batches: Iterator[Any], warm_up_batches: int, seconds: float) -> Dict[str, float]:
    for _ in range(warm_up_batches):
        next(batches)
    count, started = 0, time.monotonic()
    while time.monotonic() - started < seconds:
        next(batches)
        count += BATCH_SIZE
    return {"rate": count / (time.monotonic() - started)}


def reading(folder: str, warm_up_batches: int, seconds: float) -> Dict[str, float]:
    """Records per second."""
    from audioset_triplet.records import globs, reading

    records = reading.read_records(globs.expand(f"{folder}/*.tfrecord"), deterministic=False)
    return _rate(iter(records.repeat().batch(BATCH_SIZE).prefetch(2)), warm_up_batches, seconds)


def ours(
    folder: str, warm_up_batches: int, seconds: float, windows_per_clip: int, shuffle_clips: int
) -> Dict[str, float]:
    """Triplets per second."""
    from audioset_triplet.config.data import DataConfig
    from audioset_triplet.config.training import TrainingConfig
    from audioset_triplet.config.triplet import TripletConfig
    from audioset_triplet.records import globs, skipping
    from audioset_triplet.training import inputs, pipeline

    data = DataConfig(data=f"{folder}/*.tfrecord", windows_per_clip=windows_per_clip, shuffle_clips=shuffle_clips)
    config = TripletConfig(data=data, training=TrainingConfig(batch_size=BATCH_SIZE))
    skipped = skipping.SkippedRecords(globs.expand(data.data))
    return _rate(iter(inputs.triplet_batches(config, feed=pipeline.Feed(skipped=skipped))), warm_up_batches, seconds)


def librosa_and_numpy(folder: str, warm_up_batches: int, seconds: float) -> Dict[str, float]:
    """Triplets per second."""
    from experiments.benchmarks import librosa_triplets

    return _rate(iter(librosa_triplets.batches(f"{folder}/*.tfrecord", BATCH_SIZE)), warm_up_batches, seconds)


def main() -> None:
    command_line.require_flags("output")
    cuts = command_line.integers("windows_per_clip")
    ways = {str(number): (number, SHUFFLE_CLIPS) for number in cuts}
    ways["1, clips held"] = (1, FLAGS.clips)
    repeats: Dict[str, list] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder, progress_bar(total=FLAGS.repeats * (len(ways) + 2)) as bar:
        shared.call("experiments.benchmarks.shared", "write_records", folder, FLAGS.clips)
        # The first epoch, in which all records are read, is before the measurement.
        how = (folder, max(FLAGS.warm_up_batches, -(-FLAGS.clips // BATCH_SIZE)), FLAGS.seconds)
        for _ in range(FLAGS.repeats):
            read = shared.call(MODULE, "reading", *how)["rate"]
            bar.update()
            theirs = shared.call(MODULE, "librosa_and_numpy", *how)["rate"]
            bar.update()
            for name, way in ways.items():
                made = shared.call(MODULE, "ours", *how, *way)["rate"]
                bar.update()
                repeats[name].append(
                    {
                        "records read/s": read,
                        "triplets/s": made,
                        "of reading": made / read,
                        "librosa: triplets/s": theirs,
                        "times librosa": made / theirs,
                    }
                )
    shared.write({name: shared.medians(rows) for name, rows in repeats.items()}, "windows per clip")


if __name__ == "__main__":
    command_line.run(main, writes="output")
