"""The clustering loss on one device and on two: `python -m tests.losses.clustering_replicas OUTPUT`

OUTPUT, a .npz, has NAME/what for each of the cases of `main`: loss, entropy_of_mean and gradients,
summed over replicas, and what each replica knows of all.
"""

import sys

import numpy as np
import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.losses.dense_entropy_clustering import dense_entropy_clustering
from audioset_triplet.losses.entropy_clustering import Blocks, entropy_clustering
from audioset_triplet.training.objective import part_of_mean
from tests.losses.test_entropy_clustering import head

BATCH_SIZE, GAMMA = 8, 1.3


def run(name, xla):
    strategy = distribution.build_strategy(name)
    rows = BATCH_SIZE // strategy.num_replicas_in_sync
    embeddings, kernel, bias, weights = head(40, BATCH_SIZE)

    def own(tensor):
        def part(context):
            begin = rows * context.replica_id_in_sync_group
            return tensor[begin : begin + rows]

        return strategy.experimental_distribute_values_from_function(part)

    def on_replica(embeddings, weights):
        watched = [embeddings, kernel, bias]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            if xla:
                terms = entropy_clustering(*watched, weights, GAMMA, Blocks(7 * rows, 21 * rows, xla))
            else:
                logits = tf.matmul(embeddings, kernel, transpose_b=True) + bias
                terms = dense_entropy_clustering(logits, weights, GAMMA)
            loss = part_of_mean(terms.loss, weights)
        of_embeddings, *shared = tape.gradient(loss, watched)
        parts = [loss, part_of_mean(terms.cross_entropy, weights), *shared]
        names = ("loss", "entropy_of_mean", "of_kernel", "of_bias")
        return {
            **dict(zip(names, distribution.sum_over_replicas(parts))),
            "of_embeddings": distribution.gather(of_embeddings),
            "mean_assignment": terms.mean_assignment,
        }

    results = tf.function(lambda *parts: strategy.run(on_replica, parts))(own(embeddings), own(weights))
    return {what: strategy.experimental_local_results(value)[-1].numpy() for what, value in results.items()}


def main(output):
    [cpu] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    cases = {
        "one": ("one", "parts"),
        "mirrored": ("mirrored", "parts"),
        "mirrored_uncompiled": ("mirrored", "none"),
        "dense": ("one", ""),
        "mirrored_dense": ("mirrored", ""),
    }
    values = {case: run(*how) for case, how in cases.items()}
    np.savez(output, **{f"{case}/{what}": value for case, results in values.items() for what, value in results.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
