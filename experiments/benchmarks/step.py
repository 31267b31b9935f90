"""How long the training step waits for its input: fed by records, beside the same step on one batch that is kept.

    python -m experiments.benchmarks.step --output=benchmark

measures the full ResNet-50 and the network of the preset `small`, joint triplets of synthesised records of ten seconds,
in processes of their own. Where the shuffle buffer holds all clips, records are read in the first epoch alone. Both
feeds take turns, which are long beside what is prepared ahead while the other has its turn.
"""

import dataclasses
import tempfile
import time
from typing import Dict, List, Sequence

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.data import DataConfig
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_integer("full_batch_size", 16, "Triplets per step of the full ResNet-50.", 2)
flags.DEFINE_integer("small_batch_size", 64, "Triplets per step of `small`.", 2)
flags.DEFINE_list("blocks", [], "Blocks of the four stages of both networks; empty: those of the presets.")
flags.DEFINE_integer("clips", 1024, "How many clips of ten seconds the records hold.", 64)
flags.DEFINE_integer(
    "shuffle_clips",
    DataConfig.shuffle_clips,
    "Clips in the shuffle buffer; below --clips, all are read in every epoch.",
    1,
)
flags.DEFINE_float("seconds", 45.0, "Of measuring each network with each feed, at least.")

MODULE = "experiments.benchmarks.step"  # also where it runs as a program
TURNS = 3


def measure(
    preset: str, folder: str, batch_size: int, blocks: Sequence[int], shuffle_clips: int, seconds: float
) -> Dict[str, float]:
    """Seconds of a step on real and on kept batches."""
    import tensorflow as tf

    from audioset_triplet.presets import PRESETS
    from audioset_triplet.records import globs, skipping
    from audioset_triplet.training import inputs, optimizers, pipeline, triplet

    config = PRESETS[preset]()
    if blocks:
        network = dataclasses.replace(
            config.network, resnet=dataclasses.replace(config.network.resnet, blocks=tuple(blocks))
        )
        config = dataclasses.replace(config, network=network)
    config = dataclasses.replace(
        config,
        data=DataConfig(data=f"{folder}/*.tfrecord", shuffle_clips=shuffle_clips),
        training=dataclasses.replace(config.training, batch_size=batch_size),
    )
    skipped = skipping.SkippedRecords(globs.expand(config.data.data))
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0" if not tf.config.list_logical_devices("GPU") else "/gpu:0")
    with strategy.scope():
        model = triplet.build_model(config)
        model.compile(optimizers.build(config.training))
    real = strategy.distribute_datasets_from_function(
        lambda context: inputs.triplet_batches(config, feed=pipeline.Feed(0, context, skipped))
    )
    kept = strategy.experimental_distribute_dataset(
        tf.data.Dataset.from_tensors(next(iter(inputs.triplet_batches(config)))).cache().repeat()
    )
    step, feeds = model.make_train_function(), {"real": iter(real), "kept": iter(kept)}
    spent: Dict[str, List[float]] = {name: [] for name in feeds}

    def turn(name: str, least_seconds: float) -> List[float]:
        times: List[float] = []
        while sum(times) < least_seconds:
            started = time.monotonic()
            float(step(feeds[name])["loss"])
            times.append(time.monotonic() - started)
        return times

    for name in feeds:
        turn(name, min(1.0, seconds))  # traces
    for _ in range(TURNS):
        for name in feeds:
            spent[name] += turn(name, seconds / TURNS)
    return {name: sum(times) / len(times) for name, times in spent.items()}


def main() -> None:
    command_line.require_flags("output")
    blocks = command_line.integers("blocks")
    sizes = {"jansen2018": FLAGS.full_batch_size, "small": FLAGS.small_batch_size}
    repeats: Dict[str, list] = {preset: [] for preset in sizes}
    with tempfile.TemporaryDirectory() as folder, progress_bar(total=FLAGS.repeats * len(sizes)) as bar:
        shared.call("experiments.benchmarks.shared", "write_records", folder, FLAGS.clips)
        for _ in range(FLAGS.repeats):
            for preset, batch_size in sizes.items():
                how = (batch_size, blocks, FLAGS.shuffle_clips, FLAGS.seconds)
                spent = shared.call(MODULE, "measure", preset, folder, *how)
                bar.update()
                row = {"batch": batch_size, "kept batch: ms": 1000 * spent["kept"], "records: ms": 1000 * spent["real"]}
                repeats[preset].append({**row, "slower by %": 100 * (spent["real"] / spent["kept"] - 1)})
    shared.write({name: shared.medians(rows) for name, rows in repeats.items()}, "network")


if __name__ == "__main__":
    command_line.run(main, writes="output")
