"""How fast the clustering loss and its gradients are, and in how much memory, beside three bare products.

    python -m experiments.benchmarks.clustering --output=benchmark

takes random unit vectors and a head of --clusters, and measures, for each of --batches, loss and gradients of
embeddings, kernel and bias, in turn with the three products that no such head can do without (logits, gradients of
embeddings and of kernel, from a whole matrix of logits), and then a step of Adam with it. The memory of the loss is
what its process takes beyond weights and gradients, that of the step all that its process holds.
"""

import statistics
import timeit
from typing import Any, Callable, Dict, List

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_integer("clusters", 1_000_000, "Clusters of the head.", 2)
flags.DEFINE_list("batches", ["256", "1024"], "Sizes of batches.")
flags.DEFINE_integer("embedding_size", 128, "Numbers of an embedding.", 1)

MODULE = "experiments.benchmarks.clustering"  # also where it runs as a program
GAMMA = 1.1


def measure_memory(num_clusters: int, batch_size: int, embedding_size: int) -> Dict[str, float]:
    """MiB that loss and gradients take beyond weights and gradients."""
    import tensorflow as tf  # not in the process that starts the others; what it holds by itself does not count

    before = shared.highest_memory()
    values = _values(num_clusters, batch_size, embedding_size)
    results = tf.function(_loss_and_gradients)(*values)
    counted = sum(4 * value.shape.num_elements() for value in (*values, *results))
    return {"MiB": shared.highest_memory() - before - counted / (1 << 20)}


def measure_seconds(num_clusters: int, batch_size: int, embedding_size: int, repeats: int) -> Dict[str, float]:
    """Seconds of loss and gradients and of the three products."""
    import tensorflow as tf

    values = _values(num_clusters, batch_size, embedding_size)
    embeddings, kernel, *_ = values
    loss = tf.function(_loss_and_gradients)

    def products() -> None:
        logits = tf.matmul(embeddings, kernel, transpose_b=True)
        tf.matmul(logits, kernel)
        tf.matmul(logits, embeddings, transpose_a=True)

    return _medians_of_turns({"loss": lambda: loss(*values), "products": products}, repeats)


def measure_step(num_clusters: int, batch_size: int, embedding_size: int, repeats: int) -> Dict[str, float]:
    """Seconds of a step of Adam, and MiB of the whole process."""
    import tensorflow as tf

    from audioset_triplet.training import optimizers

    embeddings, kernel, bias, weights = _values(num_clusters, batch_size, embedding_size)
    variables = [tf.Variable(kernel), tf.Variable(bias)]
    del kernel, bias
    optimizer = optimizers.FusedAdam()
    optimizer.build(variables)

    @tf.function
    def step() -> None:
        _, _, *gradients = _loss_and_gradients(embeddings, variables[0], variables[1], weights)
        optimizer.apply_gradients(zip(gradients, variables))

    return {**_medians_of_turns({"step": step}, repeats), "MiB": shared.highest_memory()}


def _values(num_clusters: int, batch_size: int, embedding_size: int) -> List[Any]:
    """Embeddings, kernel, bias and weights, made without anything larger than they are."""
    import tensorflow as tf

    normal = tf.raw_ops.StatelessRandomNormal
    embeddings = tf.math.l2_normalize(normal(shape=[batch_size, embedding_size], seed=[0, 0]), axis=1)
    kernel = normal(shape=[num_clusters, embedding_size], seed=[0, 1])
    return [embeddings, kernel, normal(shape=[num_clusters], seed=[0, 2]), tf.ones([batch_size])]


def _loss_and_gradients(embeddings: Any, kernel: Any, bias: Any, weights: Any) -> List[Any]:
    """The loss, and the gradients of embeddings, kernel and bias."""
    import tensorflow as tf

    from audioset_triplet.losses import entropy_clustering

    with tf.GradientTape() as tape:
        tape.watch([embeddings, kernel, bias])
        terms = entropy_clustering.entropy_clustering(embeddings, kernel, bias, weights, GAMMA)
        loss = tf.reduce_sum(weights * terms.loss) / tf.reduce_sum(weights)
    return [loss, *tape.gradient(loss, [embeddings, kernel, bias])]


def _medians_of_turns(ways: Dict[str, Callable[[], Any]], repeats: int) -> Dict[str, float]:
    """Seconds of each, in turn, so that what else the machine does meets all of them; the first turn does not count."""
    seconds: Dict[str, List[float]] = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, way in ways.items():
            seconds[name].append(timeit.timeit(way, number=1))  # of a CPU: it returns when its result is there
    return {name: statistics.median(turns[1:]) for name, turns in seconds.items()}


def compare(batch_size: int) -> Dict[str, float]:
    shape = (FLAGS.clusters, batch_size, FLAGS.embedding_size)
    seconds, step = (shared.call(MODULE, f"measure_{what}", *shape, FLAGS.repeats) for what in ("seconds", "step"))
    return {
        "s": seconds["loss"],
        "three products: s": seconds["products"],
        "times three products": seconds["loss"] / seconds["products"],
        "MiB": shared.call(MODULE, "measure_memory", *shape)["MiB"],
        "step of Adam: s": step["step"],
        "step of Adam: MiB in all": step["MiB"],
    }


def main() -> None:
    command_line.require_flags("output")
    rows = {f"{number:,}": compare(number) for number in progress_bar(command_line.integers("batches"))}
    shared.write(rows, "batch")


if __name__ == "__main__":
    command_line.run(main, writes="output")
