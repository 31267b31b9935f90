"""What stands on embeddings in the curriculum of Jansen et al. 2020: do two coincide, and of which class is one?"""

import math
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.models import cluster_head
from audioset_triplet.models.resnet import build_picture_resnet50, build_resnet50

# Activations that are held at once: 64 MB.
_BLOCK_UNITS = 1 << 24
# How far the first scores are apart: that of two equal embeddings is 4 above that of two at right angles.
_FIRST_CONTRAST = 10.0

layers = tf.keras.layers


def build_parts(config: CoincidenceConfig, num_classes: int = 0) -> Dict[str, tf.keras.Model]:
    """The networks of a stage, as checkpoints name them; `num_classes` matters where the stage classifies."""
    terms, size = config.terms, config.network.embedding_size
    parts = {"network": build_resnet50(config.network)}
    if terms.av_weight:
        pictures = config.image
        parts["picture_network"] = build_picture_resnet50(
            config.network, pictures.image_size, pictures.image_stem_stride
        )
        parts["av_head"] = CoincidenceHead(size, terms.coincidence_units, name="av_head")
    if terms.aa_weight:
        parts["aa_head"] = CoincidenceHead(size, terms.coincidence_units, name="aa_head")
    if terms.cluster_weight:
        parts[cluster_head.PART] = cluster_head.ClusterHead(
            config.clustering.num_clusters, size, config.clustering.cluster_scale
        )
    if terms.class_weight:
        parts["class_head"] = build_class_head(size, num_classes)
    return parts


class CoincidenceHead(tf.keras.Model):
    """Scores all pairs of A embeddings with B others (section 3.1): a hidden layer of H units with ReLU, linear output.

    The hidden layer sees the two embeddings one behind the other. Its product is the sum of a product with the first
    and one with the second, so that A + B of them serve A x B pairs.

    Embeddings of unit length are scaled to unit variance first; without that the first scores are next to constant.

    It begins as a measure of similarity (BUILD_NOTES.md). Units come in pairs of opposite weights w and -w, the same
    for both embeddings, and relu(w(x + y)) + relu(-w(x + y)) is |w(x + y)|, the larger the more alike x and y are.
    """

    def __init__(self, embedding_size: int, num_units: int, name: str = "coincidence_head") -> None:
        super().__init__(name=name, dtype="float32")
        self._scale = math.sqrt(embedding_size)
        # Unit variance of w(x + y), whose mean magnitude is then sqrt(2 / pi).
        half = tf.random.normal([embedding_size, -(-num_units // 2)], stddev=math.sqrt(0.5 / embedding_size)).numpy()
        alike = tf.constant_initializer(np.concatenate([half, -half], axis=1)[:, :num_units])
        weight = tf.constant_initializer(2 * _FIRST_CONTRAST / num_units / math.sqrt(2 / math.pi))
        bias = tf.constant_initializer(-_FIRST_CONTRAST)
        self._first = layers.Dense(num_units, kernel_initializer=alike, name="first", dtype="float32")
        self._second = layers.Dense(num_units, use_bias=False, kernel_initializer=alike, name="second", dtype="float32")
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


@tf.custom_gradient
def scores_of_sums(first: tf.Tensor, second: tf.Tensor, weights: tf.Tensor) -> Tuple[tf.Tensor, Callable[..., Any]]:
    """sum_h w_h relu(x_ih + y_jh): [A, H], [B, H], [H] -> [A, B].

    The A x B x H activations are made, used and forgotten for some rows at a time, and made again for the gradient.
    """
    num_rows, num_columns, num_units = tf.shape(first)[0], tf.shape(second)[0], first.shape[1]
    block_rows = tf.clip_by_value(_BLOCK_UNITS // (num_columns * num_units), 1, num_rows)
    num_blocks = -(-num_rows // block_rows)

    def rows_of(block: tf.Tensor) -> tf.Tensor:
        return block * block_rows + tf.range(block_rows)  # of the last block some may be too many

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
