"""Entropy-based clustering (`losses.dense_entropy_clustering`) for millions of clusters: no matrix [B, K] exists.

Gradients. With logits z_i = W e_i + b, l = log p = z - logsumexp(z), and the gradient u_i that reaches the term
t_i = H(p_i) + gamma sum_k p_ik log q_k,

    dL / dz_ik = u_i r_ik,    r_ik = p_ik (gamma log q_k - l_ik - t_i).

Sweeps. A sweep makes the logits of a block of clusters, uses them and forgets them:

    1. logsumexp(z_i), with a running maximum;
    2. p, then q, H(p_i) and sum_k p_ik log q_k, as log q is known where a block ends; with several replicas q has to be
       summed over them first, and another sweep makes this sum;
    3. r, and of it the gradients: of e_i: u_i sum_k r_ik W_k; of W_k: sum_i u_i r_ik e_i; of b_k: sum_i u_i r_ik.

That is five products of B x D x K where a matrix [B, K] needs three. The logits of the first clusters are kept from
sweep to sweep, as many as fit into a fixed memory: at K = 1,000,000 three quarters of them for B = 256, hence three and
a half products, and a fifth for B = 1024. Blocks of rows need four products for any B, but read and write all logits
and the gradient [K, D] once per block, which by estimate takes as long as the product that they save.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.losses.dense_entropy_clustering import ClusteringTerms, log_probability

XLA = ("parts", "whole", "none")

State = Sequence[tf.Tensor]


class Inputs(NamedTuple):
    """Embeddings and a head: logits are embeddings @ kernel.T + bias."""

    embeddings: tf.Tensor  # float32 [B, D]
    kernel: tf.Tensor  # float32 [K, D], a row per cluster, so that blocks of clusters are read and written in place
    bias: tf.Tensor  # float32 [K]


class Blocks(NamedTuple):
    """How the work is divided; the result is the same, to rounding."""

    # How many logits are worked on at once, or those of one cluster if these are more. 8 MiB: products of fewer
    # clusters are slower, more do not stay in the cache.
    block_logits: int = 1 << 21
    # How many are kept until the gradient is there instead of being computed again: 768 MiB.
    kept_logits: int = 3 << 26
    # `parts` compiles what is done to each logit: one pass instead of several, and all vector instructions of the
    # processor. `whole`: the caller is compiled itself. `none`: nothing is.
    xla: str = "parts"


DEFAULT_BLOCKS = Blocks()


def entropy_clustering(
    embeddings: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    weights: tf.Tensor,
    gamma: float,
    blocks: Blocks = DEFAULT_BLOCKS,
) -> ClusteringTerms:
    """The terms of the loss, without ever holding B x K logits. To be called in each replica.

    Their mean over all replicas with the same weights (`training.objective.part_of_mean`) is the loss, and the sum of
    the replicas' gradients is its gradient. Gradients flow through `loss` alone; there is no second derivative.

    Args:
        embeddings, kernel, bias: as in `Inputs`.
        weights: float32 [B], at least 0; an example of weight 0 does not count.
        gamma: weight of the entropy of the mean assignment, at least 0.
        blocks: how the work is divided.

    Raises:
        ValueError: `blocks.xla` is not one of XLA.
    """
    if blocks.xla not in XLA:
        raise ValueError(f"xla is {blocks.xla!r}, not one of {', '.join(XLA)}.")
    total = distribution.sum_over_replicas(tf.reduce_sum(weights))
    shares = tf.stop_gradient(tf.math.divide_no_nan(weights, total))
    fixed = Inputs(*map(tf.stop_gradient, (embeddings, kernel, bias)))
    norms, entropy, cross_entropy, mean, kept = _statistics(fixed, shares, blocks)
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        mean = distribution.sum_over_replicas(mean)
        cross_entropy = _cross_entropy(fixed, norms, mean, kept, blocks)

    @tf.custom_gradient
    def loss_of(embeddings: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> Tuple[tf.Tensor, Callable]:
        loss = entropy - gamma * cross_entropy

        def gradients(upstream: tf.Tensor) -> List[tf.Tensor]:
            pull = gamma * log_probability(mean)
            return _gradients(Inputs(embeddings, kernel, bias), upstream, norms, loss, pull, kept, blocks)

        return loss, gradients

    return ClusteringTerms(loss_of(embeddings, kernel, bias), entropy, cross_entropy, mean)


@tf.function(autograph=False)
def assign(
    embeddings: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, blocks: Blocks = DEFAULT_BLOCKS
) -> Tuple[tf.Tensor, tf.Tensor]:
    """The cluster of each example and its probability, block by block as well.

    Args:
        embeddings, kernel, bias, blocks: as for `entropy_clustering`; no logits are kept.

    Returns:
        The most probable cluster, int32 [B] (the first of several), and its probability, float32 [B].
    """

    def step(start: tf.Tensor, logits: tf.Tensor, highest: tf.Tensor, total: tf.Tensor, cluster: tf.Tensor) -> State:
        best = start + tf.argmax(logits, axis=1, output_type=tf.int32)
        cluster = tf.where(tf.reduce_max(logits, axis=1) > highest, best, cluster)
        return [*_add_up(blocks.xla, logits, highest, total), cluster]

    start = [*_nothing_yet(embeddings), tf.zeros_like(embeddings[:, 0], tf.int32)]
    sweeps = _Sweeps(Inputs(embeddings, kernel, bias), blocks._replace(kept_logits=0))
    (_, total, cluster), _ = sweeps.first(step, start)
    return cluster, 1.0 / total


@tf.function(autograph=False)
def _statistics(
    inputs: Inputs, shares: tf.Tensor, blocks: Blocks
) -> Tuple[State, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """The first two sweeps.

    Returns:
        What makes logits log-probabilities (the highest logit and the log of the sum, [B] each), H(p_i), -sum_k p_ik
        log q_k and q of this replica, and the logits that are kept.
    """
    sweeps = _Sweeps(inputs, blocks)
    (highest, total), kept = sweeps.first(
        lambda start, *state: _add_up(blocks.xla, *state), _nothing_yet(inputs.embeddings)
    )
    norms = [highest, tf.math.log(total)]

    def step(start: tf.Tensor, logits: tf.Tensor, entropy: tf.Tensor, cross: tf.Tensor, mean: tf.Tensor) -> State:
        p = _each(_probabilities, blocks.xla)(logits, *norms)
        entropy += _each(_entropies, blocks.xla)(p, logits, *norms)
        mean_of_block = tf.linalg.matvec(p, shares, transpose_a=True)
        cross -= tf.linalg.matvec(p, log_probability(mean_of_block))
        return [entropy, cross, _written(mean, start, mean_of_block, blocks.xla)]

    zeros = tf.zeros_like(shares)
    entropy, cross_entropy, mean = sweeps.again(kept, step, [zeros, zeros, _to_be_written(inputs.bias)])
    return norms, entropy, cross_entropy, mean, kept


@tf.function(autograph=False)
def _cross_entropy(inputs: Inputs, norms: State, mean: tf.Tensor, kept: tf.Tensor, blocks: Blocks) -> tf.Tensor:
    """-sum_k p_ik log q_k where q is known beforehand."""

    def step(start: tf.Tensor, logits: tf.Tensor, cross: tf.Tensor) -> State:
        p = _each(_probabilities, blocks.xla)(logits, *norms)
        return [cross - tf.linalg.matvec(p, log_probability(tf.slice(mean, [start], [tf.shape(logits)[1]])))]

    return _Sweeps(inputs, blocks).again(kept, step, [tf.zeros_like(norms[0])])[0]


@tf.function(autograph=False)
def _gradients(
    inputs: Inputs,
    upstream: tf.Tensor,
    norms: State,
    loss: tf.Tensor,
    pull: tf.Tensor,
    kept: tf.Tensor,
    blocks: Blocks,
) -> List[tf.Tensor]:
    """The last sweep: the gradients of embeddings, kernel and bias; `pull` is gamma log q, [K]."""
    sweeps = _Sweeps(inputs, blocks)
    weighted = upstream[:, tf.newaxis] * inputs.embeddings

    def step(start: tf.Tensor, logits: tf.Tensor, *gradients: tf.Tensor) -> State:
        of_embeddings, of_kernel, of_bias = gradients
        size = tf.shape(logits)[1]
        r = _each(_residuals, blocks.xla)(logits, *norms, tf.slice(pull, [start], [size]), loss)
        of_embeddings += tf.matmul(r, sweeps.rows_of_kernel(start, size))
        of_kernel = _written(of_kernel, start, tf.matmul(r, weighted, transpose_a=True), blocks.xla)
        of_bias = _written(of_bias, start, tf.linalg.matvec(r, upstream, transpose_a=True), blocks.xla)
        return [of_embeddings, of_kernel, of_bias]

    nothing = [tf.zeros_like(inputs.embeddings), _to_be_written(inputs.kernel), _to_be_written(inputs.bias)]
    of_embeddings, of_kernel, of_bias = sweeps.again(kept, step, nothing)
    return [upstream[:, tf.newaxis] * of_embeddings, of_kernel, of_bias]


class _Sweeps:
    """Goes through the clusters in blocks, whose logits are computed or, the first ones, kept.

    A step takes the first cluster of a block, its logits and a state, and returns the next state.
    """

    def __init__(self, inputs: Inputs, blocks: Blocks) -> None:
        self._inputs = inputs
        # The rows of a worker are not known before it runs.
        num_rows, num_clusters = tf.maximum(tf.shape(inputs.embeddings)[0], 1), tf.shape(inputs.kernel)[0]
        self._size = tf.clip_by_value(blocks.block_logits // num_rows, 1, num_clusters)
        self._num_whole = (num_clusters - 1) // self._size
        self._last_size = num_clusters - self._num_whole * self._size  # at least 1: an empty block has no maximum
        self._num_kept = tf.minimum(blocks.kept_logits // (num_rows * self._size), self._num_whole)
        self._shape = tf.stack([tf.shape(inputs.embeddings)[0], self._size])

    def rows_of_kernel(self, start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        return tf.slice(self._inputs.kernel, [start, 0], [size, tf.shape(self._inputs.kernel)[1]])

    def first(self, step: Callable[..., State], state: State) -> Tuple[State, tf.Tensor]:
        """A sweep that keeps logits; and these, as a list of tensors that has no use but `again`."""

        def keep(block: tf.Tensor, kept: tf.Tensor, *state: tf.Tensor) -> State:
            logits = self._logits(block * self._size, self._size)
            kept = tf.raw_ops.TensorListSetItem(input_handle=kept, index=block, item=logits)
            return [kept, *step(block * self._size, logits, *state)]

        room = tf.maximum(self._num_kept, 1)  # XLA ends the process over a list of none
        kept = tf.raw_ops.TensorListReserve(
            element_shape=self._shape, num_elements=room, element_dtype=self._inputs.embeddings.dtype
        )
        kept, *state = _loop(tf.constant(0), self._num_kept, keep, [kept, *state])
        return self._not_kept(step, state), kept

    def again(self, kept: tf.Tensor, step: Callable[..., State], state: State) -> State:
        """A sweep after the first one, with the logits that it has kept."""

        def take(block: tf.Tensor, *state: tf.Tensor) -> State:
            logits = tf.raw_ops.TensorListGetItem(
                input_handle=kept, index=block, element_shape=self._shape, element_dtype=self._inputs.embeddings.dtype
            )
            return step(block * self._size, logits, *state)

        return self._not_kept(step, _loop(tf.constant(0), self._num_kept, take, state))

    def _not_kept(self, step: Callable[..., State], state: State) -> State:
        """A sweep over the blocks that are not kept."""

        def compute(block: tf.Tensor, *state: tf.Tensor) -> State:
            return step(block * self._size, self._logits(block * self._size, self._size), *state)

        state = _loop(self._num_kept, self._num_whole, compute, state)
        start = self._num_whole * self._size
        return step(start, self._logits(start, self._last_size), *state)

    def _logits(self, start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        products = tf.matmul(self._inputs.embeddings, self.rows_of_kernel(start, size), transpose_b=True)
        return tf.nn.bias_add(products, tf.slice(self._inputs.bias, [start], [size]))


def _loop(begin: tf.Tensor, end: tf.Tensor, step: Callable[..., State], state: State) -> State:
    """step(number of a block, *state) -> state, one block after the other: memory is that of one."""
    return tf.while_loop(
        lambda block, *_: block < end,
        lambda block, *state: [block + 1, *step(block, *state)],
        [begin, *state],
        parallel_iterations=1,
    )[1:]


def _nothing_yet(embeddings: tf.Tensor) -> State:
    zeros = tf.zeros_like(embeddings[:, 0])
    return [zeros + zeros.dtype.min, zeros]


def _add_up(xla: str, logits: tf.Tensor, highest: tf.Tensor, total: tf.Tensor) -> State:
    """The highest logit so far, [B], and the sum of the exponentials of all, over that of the highest, [B]."""
    now = tf.maximum(highest, tf.reduce_max(logits, axis=1))
    exponentials = _each(_exponentials, xla)(logits, now)
    return [now, total * tf.exp(highest - now) + tf.reduce_sum(exponentials, axis=1)]


def _to_be_written(like: tf.Tensor) -> tf.Tensor:
    # Not zeros: those may become a constant of the graph, which writing in place would change for good.
    return tf.raw_ops.Empty(shape=tf.shape(like), dtype=like.dtype)


def _written(tensor: tf.Tensor, start: tf.Tensor, rows: tf.Tensor, xla: str) -> tf.Tensor:
    """The tensor with these rows from `start` on, in the same memory."""
    indices = start + tf.range(tf.shape(rows)[0])
    if xla == "whole":  # XLA has no InplaceUpdate, and needs none; without it a scatter copies the tensor each time
        return tf.tensor_scatter_nd_update(tensor, indices[:, tf.newaxis], rows)
    return tf.raw_ops.InplaceUpdate(x=tensor, i=indices, v=rows)


# What is done to each logit of a block, [B, k].


def _exponentials(logits: tf.Tensor, highest: tf.Tensor) -> tf.Tensor:
    return tf.exp(logits - highest[:, tf.newaxis])


def _log_probabilities(logits: tf.Tensor, highest: tf.Tensor, log_total: tf.Tensor) -> tf.Tensor:
    # In this order large logits keep their digits: near the highest one the first difference is exact.
    return (logits - highest[:, tf.newaxis]) - log_total[:, tf.newaxis]


def _probabilities(logits: tf.Tensor, highest: tf.Tensor, log_total: tf.Tensor) -> tf.Tensor:
    return tf.exp(_log_probabilities(logits, highest, log_total))


def _entropies(p: tf.Tensor, logits: tf.Tensor, highest: tf.Tensor, log_total: tf.Tensor) -> tf.Tensor:
    return -tf.reduce_sum(p * _log_probabilities(logits, highest, log_total), axis=1)


def _residuals(
    logits: tf.Tensor, highest: tf.Tensor, log_total: tf.Tensor, pull: tf.Tensor, loss: tf.Tensor
) -> tf.Tensor:
    log_p = _log_probabilities(logits, highest, log_total)
    return tf.exp(log_p) * (pull - log_p - loss[:, tf.newaxis])


_COMPILED: Dict[Callable, Any] = {
    function: tf.function(function, jit_compile=True)
    for function in (_exponentials, _probabilities, _entropies, _residuals)
}


def _each(function: Callable[..., tf.Tensor], xla: str) -> Callable[..., tf.Tensor]:
    return _COMPILED[function] if xla == "parts" else function
