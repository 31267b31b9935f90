"""Instance discrimination: every clip is a class of its own (Wu et al. 2018, NPID; Hornauer et al. 2021, equation 1).

The weights of the classes are the rows of a memory bank, earlier embeddings of the clips, or are learned themselves
(Cao et al. 2020, PIC). Of a window v of clip i

    P(i|v) = exp(v_i.v / tau) / sum_j exp(v_j.v / tau),

and the loss is -log P(i|v): over all n instances (`softmax`, `mixture_softmax`), or estimated from K others
(`noise_contrastive`), for which the sum is a constant Z (Wu et al. 2018, section 3.2).

Departures: no proximal term (the paper of Wu et al. has one, the code that they released does without), and nothing is
added to denominators (1e-7 in that code, which is 0.2 in the loss of two million clips).

Shapes: B windows, n instances, D embedding size, K negatives.
"""

from typing import NamedTuple

import tensorflow as tf


class InstanceTerms(NamedTuple):
    """Of each window: its loss, its similarity to the row of its own clip, and whether no compared row is nearer."""

    loss: tf.Tensor  # float32 [B]
    similarity: tf.Tensor  # float32 [B]
    is_nearest: tf.Tensor  # float32 [B], 0 or 1


def softmax(embeddings: tf.Tensor, bank: tf.Tensor, instances: tf.Tensor, temperature: float) -> InstanceTerms:
    """-log P(i|v) over all rows of the bank.

    Args:
        embeddings: float32 [B, D], of unit length.
        bank: float32 [n, D].
        instances: int32 [B], the rows of the windows' clips.
        temperature: tau, above 0.
    """
    similarities = tf.matmul(embeddings, bank, transpose_b=True)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(instances, similarities / temperature)
    own = tf.gather(similarities, instances, axis=1, batch_dims=1)
    return InstanceTerms(loss, own, _at_least_all(own, similarities))


def mixture_softmax(
    embeddings: tf.Tensor, vectors: tf.Tensor, instances: tf.Tensor, shares: tf.Tensor, temperature: float
) -> InstanceTerms:
    """The cross-entropy with the shares of M instances in each window, -sum_m share_m log P(instance_m|v).

    Of one instance it is `softmax`; of a mixture the target is that of mixup (Zhang et al. 2018), without labels i-Mix
    (Lee et al. 2021).

    Args:
        embeddings: float32 [B, D], of unit length.
        vectors: float32 [n, D], of unit length.
        instances: int32 [B, M], rows of `vectors`; the first is the window's own.
        shares: float32 [B, M], at least 0; the sum of a row is 1.
        temperature: tau, above 0.
    """
    similarities = tf.matmul(embeddings, vectors, transpose_b=True)
    of_instances = tf.gather(similarities, instances, axis=1, batch_dims=1)  # [B, M]
    normalizer = tf.reduce_logsumexp(similarities / temperature, axis=1)
    loss = normalizer - tf.reduce_sum(shares * of_instances, axis=1) / temperature
    return InstanceTerms(loss, of_instances[:, 0], _at_least_all(of_instances[:, 0], similarities))


def similarities_to(embeddings: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """[B, D], [B, K + 1, D] -> [B, K + 1]: the products of each window with rows of its own."""
    return tf.einsum("bd,bkd->bk", embeddings, rows)


def noise_contrastive(
    similarities: tf.Tensor, num_instances: int, temperature: float, normalizer: tf.Tensor
) -> InstanceTerms:
    """The loss of telling the own clip from K that are drawn evenly from all n (Wu et al. 2018, equations 5 to 7).

    With P = exp(s / tau) / Z and P_n = 1 / n it is -log P_0 / (P_0 + K P_n) - sum_k log K P_n / (P_k + K P_n):
    the cross-entropies of sigmoids of log P / (K P_n).

    Args:
        similarities: float32 [B, K + 1], s; the first is that to the own clip. A negative may be the own clip again.
        num_instances: n.
        temperature: tau, above 0.
        normalizer: float32 [], Z.
    """
    noise = (similarities.shape[1] - 1) / num_instances
    logits = similarities / temperature - tf.math.log(noise * normalizer)
    loss = tf.nn.softplus(-logits[:, 0]) + tf.reduce_sum(tf.nn.softplus(logits[:, 1:]), axis=1)
    return InstanceTerms(loss, similarities[:, 0], _at_least_all(similarities[:, 0], similarities))


def _at_least_all(own: tf.Tensor, similarities: tf.Tensor) -> tf.Tensor:
    return tf.cast(own >= tf.reduce_max(similarities, axis=1), tf.float32)
