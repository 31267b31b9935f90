"""What the clustering loss and its gradients hold: `python -m tests.losses.clustering_memory CLUSTERS BATCH_SIZE`.

A process of its own, as nothing else may weigh on its memory.
"""

import sys

import tensorflow as tf

from audioset_triplet.losses.entropy_clustering import Blocks, entropy_clustering
from experiments.benchmarks import shared

SIZE = 32
BLOCKS = Blocks(block_logits=1 << 20, kept_logits=1 << 24)


def measure(num_clusters, batch_size):
    """MiB beyond what TensorFlow, the weights and the gradients take."""
    before = shared.highest_memory()
    kernel, bias = tf.ones([num_clusters, SIZE]), tf.zeros([num_clusters])

    @tf.function
    def gradients(embeddings):
        watched = [embeddings, kernel, bias]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            terms = entropy_clustering(*watched, tf.ones([batch_size]), 1.1, BLOCKS)
            loss = tf.reduce_mean(terms.loss)
        return tape.gradient(loss, watched)

    gradients(tf.random.stateless_normal([batch_size, SIZE], seed=[0, 0]))
    return shared.highest_memory() - before - 2 * 4 * num_clusters * (SIZE + 1) / (1 << 20)


if __name__ == "__main__":
    print(measure(*map(int, sys.argv[1:])))
