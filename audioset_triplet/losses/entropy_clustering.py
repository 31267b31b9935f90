"""Entropy-based clustering: assignments that are sure for each example and spread over the batch.

Jansen et al. 2020, section 3.2, and patent US11475236B2: a softmax head of K clusters on the embedding, trained to

    L = mean_i H(p_i) - gamma H(q),    q = mean_i p_i,    H(p) = -sum_k p_k log p_k,

means weighted and over the examples of all replicas. With gamma = 1 it is minus the mutual information between example
and cluster.

As terms of examples. Because sum_k q_k log q_k = mean_i sum_k p_ik log q_k, L is the mean of

    t_i = H(p_i) + gamma sum_k p_ik log q_k.

Its gradient is that of these terms with log q held fixed: what flows through log q is mean_i sum_k p_ik dq_k / q_k =
sum_k dq_k = 0, as q sums to one. With logits z_i = W e_i + b, l = log p = z - logsumexp(z), and the gradient u_i that
reaches t_i,

    dL / dz_ik = u_i r_ik,    r_ik = p_ik (gamma log q_k - l_ik - t_i).

Examples meet in q alone: the gradients of the parts of L on several replicas add up to that of L.

As sweeps. The matrix [B, K] never exists. A sweep makes the logits of a block of clusters, uses them and forgets them:

    1. logsumexp(z_i), with a running maximum;
    2. p, then q, H(p_i) and sum_k p_ik log q_k, as log q is known where a block ends; with several replicas q has to be
       summed over them first, and a sweep more makes this sum;
    3. r, and of it the gradients: of e_i: u_i sum_k r_ik W_k; of W_k: sum_i u_i r_ik e_i; of b_k: sum_i u_i r_ik.

That is five products of B x D x K where a matrix [B, K] needs three. The logits of the first clusters are kept from
sweep to sweep, as many as fit into a fixed memory: at K = 1,000,000 three quarters of them for B = 256, hence three and
a half products, and a fifth for B = 1024. Blocks of rows need four products for any B, but read and write all logits
and the gradient [K, D] once per block, which by estimate takes as long as the product that they save.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import tensorflow as tf

from audioset_triplet import distribution

XLA = ("parts", "whole", "none")  # what is compiled: what is done to each logit, the step that calls this, nothing
_BLOCK_LOGITS = 1 << 21  # 8 MiB. Products of fewer clusters are slower, more do not stay in the cache
_KEPT_LOGITS = 3 << 26  # 768 MiB
_LEAST = 1.2e-38  # the least normal float32: where a mean underflows, so does all that its logarithm is multiplied by

State = Sequence[tf.Tensor]


class ClusteringTerms(NamedTuple):
    """What a clustering head makes of a batch of B examples; gradients flow through `loss` alone."""

    loss: tf.Tensor  # [B], whose weighted mean over all replicas is L
    entropy: tf.Tensor  # [B], H(p_i) in nats, from 0 to ln K
    cross_entropy: tf.Tensor  # [B], -sum_k p_ik log q_k in nats, whose weighted mean over all replicas is H(q)
    mean_assignment: tf.Tensor  # [K], q, the same on all replicas; 0 where all weights are 0


def entropy_clustering(
    embeddings: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    weights: tf.Tensor,
    gamma: float,
    block_logits: int = _BLOCK_LOGITS,
    kept_logits: int = _KEPT_LOGITS,
    xla: str = "parts",
) -> ClusteringTerms:
    """The terms of the loss, without ever holding B x K logits. To be called in each replica.

    Their mean over all replicas with the same weights (`training.objective.part_of_mean`) is the loss, and the sum of
    the replicas' gradients is its gradient. There is no second derivative.

    Args:
        embeddings: float32 [B, D].
        kernel: float32 [K, D], a row per cluster, so that blocks of clusters are read and written where they lie.
        bias: float32 [K].
        weights: float32 [B], at least 0; an example of weight 0 does not count.
        gamma: what the entropy of the mean assignment is weighed with, at least 0.
        block_logits: how many logits are worked on at once, or those of one cluster if these are more.
        kept_logits: how many are kept until the gradient is there instead of being computed again.
        xla: `parts` compiles what is done to each logit: one pass instead of several, and all vector instructions of
            the processor. `whole`: the caller is compiled itself. `none`: no part is. The same result, to rounding.

    Raises:
        ValueError: `xla` is none of these.
    """
    if xla not in XLA:
        raise ValueError(f"xla is {xla!r}, not one of {', '.join(XLA)}.")
    total = distribution.sum_over_replicas(tf.reduce_sum(weights))
    shares = tf.stop_gradient(tf.math.divide_no_nan(weights, total))
    fixed = [tf.stop_gradient(tensor) for tensor in (embeddings, kernel, bias)]
    options = (block_logits, kept_logits, xla)
    norms, entropy, cross_entropy, mean, kept = _statistics(*fixed, shares, *options)
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        mean = distribution.sum_over_replicas(mean)
        cross_entropy = _cross_entropy(*fixed, norms, mean, kept, *options)

    @tf.custom_gradient
    def loss_of(embeddings: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> Tuple[tf.Tensor, Callable]:
        loss = entropy - gamma * cross_entropy

        def gradients(upstream: tf.Tensor) -> List[tf.Tensor]:
            pull = gamma * _log(mean)
            return _gradients(embeddings, kernel, bias, upstream, norms, loss, pull, kept, *options)

        return loss, gradients

    return ClusteringTerms(loss_of(embeddings, kernel, bias), entropy, cross_entropy, mean)


@tf.function
def assign(
    embeddings: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, block_logits: int = _BLOCK_LOGITS
) -> Tuple[tf.Tensor, tf.Tensor]:
    """The cluster of each example, and how sure it is, block by block as well.

    Args:
        embeddings, kernel, bias, block_logits: as for `entropy_clustering`.

    Returns:
        The most probable cluster, int32 [B] (the first of several), and its probability, float32 [B].
    """

    def step(start: tf.Tensor, logits: tf.Tensor, highest: tf.Tensor, total: tf.Tensor, cluster: tf.Tensor) -> State:
        best = start + tf.argmax(logits, axis=1, output_type=tf.int32)
        cluster = tf.where(tf.reduce_max(logits, axis=1) > highest, best, cluster)
        return [*_add_up("parts", logits, highest, total), cluster]

    start = [*_nothing_yet(embeddings), tf.zeros_like(embeddings[:, 0], tf.int32)]
    (_, total, cluster), _ = _Sweeps(embeddings, kernel, bias, block_logits, kept_logits=0).first(step, start)
    return cluster, 1.0 / total


@tf.function
def _statistics(
    embeddings: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    shares: tf.Tensor,
    block_logits: int,
    kept_logits: int,
    xla: str,
) -> Tuple[State, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """The first two sweeps: what makes logits log-probabilities, H(p_i), -sum_k p_ik log q_k and q of this replica,
    and the logits that are kept."""
    sweeps = _Sweeps(embeddings, kernel, bias, block_logits, kept_logits)
    (highest, total), kept = sweeps.first(lambda start, *state: _add_up(xla, *state), _nothing_yet(embeddings))
    norms = [highest, tf.math.log(total)]

    def step(start: tf.Tensor, logits: tf.Tensor, entropy: tf.Tensor, cross: tf.Tensor, mean: tf.Tensor) -> State:
        p = _each(_probabilities, xla)(logits, *norms)
        entropy += _each(_entropies, xla)(p, logits, *norms)
        mean_of_block = tf.linalg.matvec(p, shares, transpose_a=True)
        cross -= tf.linalg.matvec(p, _log(mean_of_block))
        return [entropy, cross, _written(mean, start, mean_of_block, xla)]

    zeros = tf.zeros_like(shares)
    entropy, cross_entropy, mean = sweeps.again(kept, step, [zeros, zeros, _to_be_written(bias)])
    return norms, entropy, cross_entropy, mean, kept


@tf.function
def _cross_entropy(
    embeddings: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    norms: State,
    mean: tf.Tensor,
    kept: tf.Tensor,
    block_logits: int,
    kept_logits: int,
    xla: str,
) -> tf.Tensor:
    """-sum_k p_ik log q_k where q is known beforehand."""

    def step(start: tf.Tensor, logits: tf.Tensor, cross: tf.Tensor) -> State:
        p = _each(_probabilities, xla)(logits, *norms)
        return [cross - tf.linalg.matvec(p, _log(tf.slice(mean, [start], [tf.shape(logits)[1]])))]

    sweeps = _Sweeps(embeddings, kernel, bias, block_logits, kept_logits)
    return sweeps.again(kept, step, [tf.zeros_like(norms[0])])[0]


@tf.function
def _gradients(
    embeddings: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    upstream: tf.Tensor,
    norms: State,
    loss: tf.Tensor,
    pull: tf.Tensor,
    kept: tf.Tensor,
    block_logits: int,
    kept_logits: int,
    xla: str,
) -> List[tf.Tensor]:
    """The last sweep: the gradients of embeddings, kernel and bias."""
    sweeps = _Sweeps(embeddings, kernel, bias, block_logits, kept_logits)
    weighted = upstream[:, tf.newaxis] * embeddings

    def step(start: tf.Tensor, logits: tf.Tensor, *gradients: tf.Tensor) -> State:
        of_embeddings, of_kernel, of_bias = gradients
        size = tf.shape(logits)[1]
        r = _each(_residuals, xla)(logits, *norms, tf.slice(pull, [start], [size]), loss)
        of_embeddings += tf.matmul(r, sweeps.rows_of_kernel(start, size))
        of_kernel = _written(of_kernel, start, tf.matmul(r, weighted, transpose_a=True), xla)
        of_bias = _written(of_bias, start, tf.linalg.matvec(r, upstream, transpose_a=True), xla)
        return [of_embeddings, of_kernel, of_bias]

    nothing = [tf.zeros_like(embeddings), _to_be_written(kernel), _to_be_written(bias)]
    of_embeddings, of_kernel, of_bias = sweeps.again(kept, step, nothing)
    return [upstream[:, tf.newaxis] * of_embeddings, of_kernel, of_bias]


class _Sweeps:
    """Goes through the clusters in blocks, whose logits are computed or, the first ones, kept.

    A step takes the first cluster of a block, its logits and a state, and returns the next state.
    """

    def __init__(
        self, embeddings: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, block_logits: int, kept_logits: int
    ) -> None:
        self._embeddings, self._kernel, self._bias = embeddings, kernel, bias
        # The rows of a worker are not known before it runs.
        num_rows, num_clusters = tf.maximum(tf.shape(embeddings)[0], 1), tf.shape(kernel)[0]
        self._size = tf.clip_by_value(block_logits // num_rows, 1, num_clusters)
        self._num_whole = (num_clusters - 1) // self._size
        self._last_size = num_clusters - self._num_whole * self._size  # at least 1: an empty block has no maximum
        self._num_kept = tf.minimum(kept_logits // (num_rows * self._size), self._num_whole)
        self._shape = tf.stack([tf.shape(embeddings)[0], self._size])

    def rows_of_kernel(self, start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        return tf.slice(self._kernel, [start, 0], [size, tf.shape(self._kernel)[1]])

    def first(self, step: Callable[..., State], state: State) -> Tuple[State, tf.Tensor]:
        """A sweep that keeps logits; and these, as a list of tensors that has no other use than `again`."""

        def keep(block: tf.Tensor, kept: tf.Tensor, *state: tf.Tensor) -> State:
            logits = self._logits(block * self._size, self._size)
            kept = tf.raw_ops.TensorListSetItem(input_handle=kept, index=block, item=logits)
            return [kept, *step(block * self._size, logits, *state)]

        room = tf.maximum(self._num_kept, 1)  # XLA ends the process over a list of none
        kept = tf.raw_ops.TensorListReserve(
            element_shape=self._shape, num_elements=room, element_dtype=self._embeddings.dtype
        )
        kept, *state = _loop(tf.constant(0), self._num_kept, keep, [kept, *state])
        return self._others(step, state), kept

    def again(self, kept: tf.Tensor, step: Callable[..., State], state: State) -> State:
        """A sweep after the first one, with what that has kept."""

        def take(block: tf.Tensor, *state: tf.Tensor) -> State:
            logits = tf.raw_ops.TensorListGetItem(
                input_handle=kept, index=block, element_shape=self._shape, element_dtype=self._embeddings.dtype
            )
            return step(block * self._size, logits, *state)

        return self._others(step, _loop(tf.constant(0), self._num_kept, take, state))

    def _others(self, step: Callable[..., State], state: State) -> State:
        """What is not kept."""

        def compute(block: tf.Tensor, *state: tf.Tensor) -> State:
            return step(block * self._size, self._logits(block * self._size, self._size), *state)

        state = _loop(self._num_kept, self._num_whole, compute, state)
        start = self._num_whole * self._size
        return step(start, self._logits(start, self._last_size), *state)

    def _logits(self, start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        products = tf.matmul(self._embeddings, self.rows_of_kernel(start, size), transpose_b=True)
        return tf.nn.bias_add(products, tf.slice(self._bias, [start], [size]))


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


def _log(probabilities: tf.Tensor) -> tf.Tensor:
    return tf.math.log(tf.maximum(probabilities, _LEAST))


def _to_be_written(like: tf.Tensor) -> tf.Tensor:
    # Not zeros: those may become a constant of the graph, which writing in place would change for good.
    return tf.raw_ops.Empty(shape=tf.shape(like), dtype=like.dtype)


def _written(tensor: tf.Tensor, start: tf.Tensor, rows: tf.Tensor, xla: str) -> tf.Tensor:
    """The tensor with rows of its own from `start` on, in the same memory."""
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
