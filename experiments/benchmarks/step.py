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
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_integer("full_batch_size", 16, "Triplets per step of the full ResNet-50.", 2)
flags.DEFINE_integer("small_batch_size", 64, "Triplets per step of `small`.", 2)
flags.DEFINE_list("precisions", ["float32"], "Values of --precision of train_triplet, a row of each preset for each.")
flags.DEFINE_bool("jit_compile", False, "Compile the steps with XLA.")
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
    preset: str,
    folder: str,
    batch_size: int,
    blocks: Sequence[int],
    num_clips: int,
    shuffle_clips: int,
    seconds: float,
    precision: str = TrainingConfig.precision,
    jit_compile: bool = False,
) -> Dict[str, float]:
    """Seconds of a step on real and on kept batches."""
    import tensorflow as tf

    from audioset_triplet.presets import PRESETS
    from audioset_triplet.records import globs, skipping
    from audioset_triplet.training import inputs, optimizers, pipeline, triplet
    from audioset_triplet.training.precision import precision as policy

    config = PRESETS[preset]()
    if blocks:
        network = dataclasses.replace(
            config.network, resnet=dataclasses.replace(config.network.resnet, blocks=tuple(blocks))
        )
        config = dataclasses.replace(config, network=network)
    config = dataclasses.replace(
        config,
        data=DataConfig(data=f"{folder}/*.tfrecord", shuffle_clips=shuffle_clips),
        training=dataclasses.replace(
            config.training, batch_size=batch_size, precision=precision, jit_compile=jit_compile
        ),
    )
    skipped = skipping.SkippedRecords(globs.expand(config.data.data))
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0" if not tf.config.list_logical_devices("GPU") else "/gpu:0")
    with policy(precision), strategy.scope():
        model = triplet.build_model(config)
        model.compile(optimizers.build(config.training), jit_compile=jit_compile)
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
    for _ in range(-(-num_clips // batch_size)):  # the rest of the first epoch
        next(feeds["real"])
    for _ in range(TURNS):
        for name in feeds:
            spent[name] += turn(name, seconds / TURNS)
    return {name: sum(times) / len(times) for name, times in spent.items()}


def main() -> None:
    command_line.require_flags("output")
    blocks = command_line.integers("blocks")
    sizes = {"jansen2018": FLAGS.full_batch_size, "small": FLAGS.small_batch_size}
    rows = {f"{preset}, {precision}": (preset, precision) for preset in sizes for precision in FLAGS.precisions}
    repeats: Dict[str, list] = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as folder, progress_bar(total=FLAGS.repeats * len(rows)) as bar:
        shared.call("experiments.benchmarks.shared", "write_records", folder, FLAGS.clips)
        for _ in range(FLAGS.repeats):
            for name, (preset, precision) in rows.items():
                how = (blocks, FLAGS.clips, FLAGS.shuffle_clips, FLAGS.seconds, precision, FLAGS.jit_compile)
                spent = shared.call(MODULE, "measure", preset, folder, sizes[preset], *how)
                bar.update()
                kept, real = 1000 * spent["kept"], 1000 * spent["real"]
                row = {"batch": sizes[preset], "kept batch: ms": kept, "records: ms": real}
                repeats[name].append({**row, "slower by %": 100 * (real / kept - 1)})
    shared.write({name: shared.medians(row) for name, row in repeats.items()}, "network, precision")


if __name__ == "__main__":
    command_line.run(main, writes="output")
