"""Time and memory of mining semi-hard negatives, compared with tensorflow-addons.

    python -m experiments.benchmarks.mining --output=benchmark

measures loss and gradient of a batch of random unit vectors (128-d), compiled once, both windows of every pair as
anchors, as `tfa.losses.triplet_semihard_loss` takes them; the losses of both are compared. Each measurement has a
process of its own, whose memory is the highest while it works less what it was before. --pairs are measured both ways,
--pairs_alone (too many for tensorflow-addons) in ours alone; all of them where Python is newer than 3.11, for which
there is no tensorflow-addons.
"""

import sys
import time
from typing import Dict

from absl import flags

from audioset_triplet import command_line, compat
from audioset_triplet.errors import UserError
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_list("pairs", ["128", "256", "512"], "Sizes of batches that are measured both ways.")
flags.DEFINE_list("pairs_alone", ["4096", "16384"], "Sizes that are measured without tensorflow-addons.")

MODULE = "experiments.benchmarks.mining"  # also where it runs as a program
EMBEDDING_SIZE = 128
MARGIN = 0.1
MIN_SECONDS = 1.0  # short steps are repeated until this has passed


def measure(way: str, num_pairs: int) -> Dict[str, float]:
    """Seconds and MiB of one step, `ours` or `tensorflow-addons`, and the loss."""
    import tensorflow as tf  # not in the process that starts the others

    from audioset_triplet.losses import triplet

    embeddings = tf.math.l2_normalize(
        tf.random.stateless_normal([2 * num_pairs, EMBEDDING_SIZE], seed=[0, num_pairs]), axis=1
    )
    ids = tf.tile(tf.range(num_pairs, dtype=tf.int64), [2])

    def ours(embeddings: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        positives = tf.roll(embeddings, num_pairs, axis=0)
        distances = tf.reduce_sum(tf.square(embeddings - positives), axis=1)
        negatives, _ = triplet.semi_hard_distances(
            embeddings, distances, embeddings, lambda rows: tf.gather(ids, rows)[:, tf.newaxis] != ids
        )
        return tf.reduce_mean(triplet.hinge(distances, negatives, MARGIN))

    def theirs(embeddings: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        losses = compat.tensorflow_addons().losses  # type: ignore[union-attr]
        return losses.triplet_semihard_loss(ids, embeddings, margin=MARGIN, distance_metric="squared-L2")

    loss = {"ours": ours, "tensorflow-addons": theirs}[way]

    @tf.function
    def step(embeddings: tf.Tensor, ids: tf.Tensor) -> tuple:
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = loss(embeddings, ids)
        return value, tf.reduce_sum(tape.gradient(value, embeddings))

    compiled = step.get_concrete_function(embeddings, ids)
    before = shared.highest_memory()
    value, _ = compiled(embeddings, ids)
    memory = shared.highest_memory() - before
    num_steps, started = 0, time.monotonic()
    while not num_steps or time.monotonic() - started < MIN_SECONDS:
        compiled(embeddings, ids)[1].numpy()
        num_steps += 1
    return {"seconds": (time.monotonic() - started) / num_steps, "MiB": memory, "loss": float(value)}


def compare(num_pairs: int, with_addons: bool) -> Dict[str, float]:
    ours = shared.call(MODULE, "measure", "ours", num_pairs)
    theirs = {"seconds": float("nan"), "MiB": float("nan")}
    if with_addons:
        theirs = shared.call(MODULE, "measure", "tensorflow-addons", num_pairs)
        if abs(ours["loss"] - theirs["loss"]) > 1e-5:
            raise UserError(f"{num_pairs} pairs: the loss is {ours['loss']}, of tensorflow-addons {theirs['loss']}.")
    return {
        "ms": 1000 * ours["seconds"],
        "MiB": ours["MiB"],
        "tensorflow-addons: ms": 1000 * theirs["seconds"],
        "tensorflow-addons: MiB": theirs["MiB"],
        "times faster": theirs["seconds"] / ours["seconds"],
    }


def main() -> None:
    command_line.require_flags("output")
    if not compat.IS_REFERENCE:
        print("--pairs are measured alone: tensorflow-addons is for Python 3.9 to 3.11.", file=sys.stderr)
    with_addons = {"pairs": compat.IS_REFERENCE, "pairs_alone": False}
    sizes = {number: both for name, both in with_addons.items() for number in command_line.integers(name)}
    rows = {}
    with progress_bar(total=len(sizes) * FLAGS.repeats) as bar:
        for number, both in sizes.items():
            repeats = []
            for _ in range(FLAGS.repeats):
                repeats.append(compare(number, both))
                bar.update()
            rows[f"{number:,}"] = shared.medians(repeats)
    shared.write(rows, "pairs")


if __name__ == "__main__":
    command_line.run(main, writes="output")
