"""Dropout whose draws depend on the seed and the step alone, so that neither devices nor restarts change them."""

import tensorflow as tf

from audioset_triplet.sampling import draws


def drop(features: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Sets a share of the features to 0 and divides the others by 1 - rate (Srivastava et al. 2014).

    To be called in each replica: it draws for the batch of all replicas and takes its own rows.

    Args:
        features: float32 [B, D] of a replica.
        rate: the share, below 1.
        seed: int [2], the same on all replicas.
    """
    num_replicas = tf.distribute.get_strategy().num_replicas_in_sync
    shape = tf.concat([[num_replicas], tf.shape(features)], 0)
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    is_kept = draws.uniform(shape, seed)[replica] >= rate
    return tf.where(is_kept, features / (1.0 - rate), 0.0)
