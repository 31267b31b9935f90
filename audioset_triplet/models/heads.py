"""Heads on embeddings: coincidence of two of them, classes, clusters (Jansen et al. 2020)."""

import math
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import tensorflow as tf

CLUSTER_HEAD = "cluster_head"  # its name in the checkpoints of every run
INSTANCE_HEAD = "instance_head"

# Activations of the coincidence head that are held at once: 64 MB.
_BLOCK_UNITS = 1 << 24
# The initial score of two equal embeddings is 0.4 times this above that of two at right angles.
_INITIAL_CONTRAST = 10.0
# Initial advantage of a logit of cosine 1 over ln K: its probability is 0.99 where all other cosines are 0.
_INITIAL_MARGIN = 5.0

layers = tf.keras.layers


class CoincidenceHead(tf.keras.Model):
    """Scores all pairs of A embeddings with B others (Jansen et al. 2020, section 3.1).

    A hidden layer of H units with ReLU on the concatenated embeddings, then a linear output. The product of the hidden
    layer is the sum of a product with the first embedding and one with the second: A + B products serve A x B pairs.

    Embeddings of unit length are scaled to unit variance first; without that the initial scores are almost constant.

    Departure: the initial weights make it a measure of similarity (BUILD_NOTES.md). Units come in pairs of opposite
    weights w and -w, the same for both embeddings, and relu(w(x + y)) + relu(-w(x + y)) is |w(x + y)|, the larger the
    more similar x and y are.
    """

    def __init__(self, embedding_size: int, num_units: int, name: str = "coincidence_head") -> None:
        super().__init__(name=name, dtype="float32")
        self._scale = math.sqrt(embedding_size)
        # Unit variance of w(x + y), whose mean magnitude is then sqrt(2 / pi).
        half = tf.random.normal([embedding_size, -(-num_units // 2)], stddev=math.sqrt(0.5 / embedding_size)).numpy()
        similarity = tf.constant_initializer(np.concatenate([half, -half], axis=1)[:, :num_units])
        weight = tf.constant_initializer(2 * _INITIAL_CONTRAST / num_units / math.sqrt(2 / math.pi))
        bias = tf.constant_initializer(-_INITIAL_CONTRAST)
        self._first = layers.Dense(num_units, kernel_initializer=similarity, name="first", dtype="float32")
        self._second = layers.Dense(
            num_units, use_bias=False, kernel_initializer=similarity, name="second", dtype="float32"
        )
        self._output = layers.Dense(1, kernel_initializer=weight, bias_initializer=bias, name="score", dtype="float32")
        for layer, size in ((self._first, embedding_size), (self._second, embedding_size), (self._output, num_units)):
            layer.build([None, size])
        self.built = True

    def call(self, inputs: Tuple[tf.Tensor, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Unit embeddings [A, D] and [B, D] -> scores [A, B], whose sigmoids are probabilities of coincidence."""
        first, second = inputs
        hidden = self._first(self._scale * first), self._second(self._scale * second)
        return scores_of_sums(*hidden, self._output.kernel[:, 0]) + self._output.bias


def build_class_head(embedding_size: int, num_classes: int) -> tf.keras.Model:
    """Unit embeddings [B, D] -> one logit per class, [B, C]: a linear layer on inputs of unit variance."""
    inputs = tf.keras.Input([embedding_size], name="embedding")
    x = layers.Rescaling(math.sqrt(embedding_size), name="scale", dtype="float32")(inputs)
    return tf.keras.Model(inputs, layers.Dense(num_classes, name="logits", dtype="float32")(x), name="class_head")


class ClusterHead(tf.keras.Model):
    """The softmax head of K clusters on unit embeddings of D dimensions (Jansen et al. 2020, section 3.2).

    It has no `call`: its logits, [B, K], would not fit. `losses.entropy_clustering` takes kernel and bias instead. Its
    weights are float32 whatever the precision of the run.

    Attributes:
        kernel: float32 [K, D], a row per cluster; initially random directions of the length `scale`.
        bias: float32 [K], initially 0.
    """

    def __init__(self, num_clusters: int, embedding_size: int, scale: float) -> None:
        """
        Args:
            num_clusters, embedding_size: K and D.
            scale: `ClusteringConfig.cluster_scale`.
        """
        super().__init__(dtype=tf.float32, name=CLUSTER_HEAD)
        self.num_clusters, self.embedding_size = num_clusters, embedding_size
        self.scale = scale or math.log(num_clusters) + _INITIAL_MARGIN

        def random_rows(shape: Any, dtype: Any = None, **_: Any) -> tf.Tensor:
            return self.scale * tf.math.l2_normalize(tf.random.normal(shape, dtype=dtype), axis=1)

        self.kernel = self.add_weight("kernel", [num_clusters, embedding_size], tf.float32, random_rows)
        self.bias = self.add_weight("bias", [num_clusters], tf.float32, "zeros")
        self.built = True  # there is nothing else to build: Keras may copy and count the weights

    def set_rows(self, unit_vectors: np.ndarray) -> None:
        """Sets the kernel to unit vectors [K, D], times `scale`."""
        self.kernel.assign(self.scale * unit_vectors)

    def get_config(self) -> Dict[str, Any]:
        return {name: getattr(self, name) for name in ("num_clusters", "embedding_size", "scale")}


class InstanceHead(tf.keras.Model):
    """A learned vector for each of n instances, the classes of instance discrimination (Cao et al. 2020, PIC).

    Attributes:
        kernel: float32 [n, D]; initially of about unit length.
    """

    def __init__(self, num_instances: int, embedding_size: int) -> None:
        super().__init__(dtype=tf.float32, name=INSTANCE_HEAD)
        self.num_instances, self.embedding_size = num_instances, embedding_size
        initial = tf.keras.initializers.RandomNormal(stddev=1 / math.sqrt(embedding_size))
        self.kernel = self.add_weight("kernel", [num_instances, embedding_size], tf.float32, initial)
        self.built = True  # there is nothing else to build: Keras may copy and count the weights

    def vectors(self) -> tf.Tensor:
        """float32 [n, D], of unit length."""
        return tf.math.l2_normalize(self.kernel, axis=1)

    def get_config(self) -> Dict[str, Any]:
        return {"num_instances": self.num_instances, "embedding_size": self.embedding_size}


@tf.custom_gradient
def scores_of_sums(first: tf.Tensor, second: tf.Tensor, weights: tf.Tensor) -> Tuple[tf.Tensor, Callable[..., Any]]:
    """sum_h w_h relu(x_ih + y_jh): [A, H], [B, H], [H] -> [A, B].

    Computes the A x B x H activations for a block of rows at a time, and again for the gradient, to save memory.
    """
    num_rows, num_columns, num_units = tf.shape(first)[0], tf.shape(second)[0], first.shape[1]
    block_rows = tf.clip_by_value(_BLOCK_UNITS // (num_columns * num_units), 1, num_rows)
    num_blocks = -(-num_rows // block_rows)

    def rows_of(block: tf.Tensor) -> tf.Tensor:
        return block * block_rows + tf.range(block_rows)  # the last block may reach beyond the last row

    def activations(rows: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(tf.gather(first, tf.minimum(rows, num_rows - 1))[:, tf.newaxis] + second)

    scores = tf.map_fn(
        lambda block: tf.tensordot(activations(rows_of(block)), weights, 1),
        tf.range(num_blocks),
        fn_output_signature=tf.TensorSpec([None, second.shape[0]], first.dtype),
        parallel_iterations=1,
    )

    def gradients(upstream: tf.Tensor) -> List[tf.Tensor]:
        upstream = tf.pad(upstream, [[0, num_blocks * block_rows - num_rows], [0, 0]])

        def step(block: tf.Tensor, of_first: tf.TensorArray, of_second: tf.Tensor, of_weights: tf.Tensor) -> List[Any]:
            rows = rows_of(block)
            active = activations(rows)
            flow = tf.gather(upstream, rows)[..., tf.newaxis]  # [b, B, 1]
            through = tf.where(active > 0, flow * weights, 0.0)
            of_first = of_first.write(block, tf.reduce_sum(through, axis=1))
            of_weights += tf.reduce_sum(flow * active, axis=[0, 1])
            return [block + 1, of_first, of_second + tf.reduce_sum(through, axis=0), of_weights]

        blocks = tf.TensorArray(first.dtype, num_blocks, element_shape=[None, num_units])
        _, blocks, of_second, of_weights = tf.while_loop(
            lambda block, *_: block < num_blocks,
            step,
            [tf.constant(0), blocks, tf.zeros_like(second), tf.zeros_like(weights)],
            parallel_iterations=1,
        )
        return [tf.reshape(blocks.stack(), [-1, num_units])[:num_rows], of_second, of_weights]

    return tf.reshape(scores, [-1, num_columns])[:num_rows], gradients
