"""Audio-visual batches and small networks for them, the same every time."""

import numpy as np
import tensorflow as tf

from audioset_triplet.config.clustering import ClusteringConfig
from audioset_triplet.config.coincidence import (
    CoincidenceConfig,
    CoincidenceTermsConfig,
    EmbeddingNetworkConfig,
    ImageConfig,
)
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.models.heads import CLUSTER_HEAD, ClusterHead, CoincidenceHead, build_class_head
from audioset_triplet.training.coincidence import CoincidenceModel
from audioset_triplet.training.inputs import AudioVisualBatch
from tests.tiny_network import build_tiny_network

BATCH_SIZE, SIZE, CLASSES, CLUSTERS, EMBEDDING_SIZE = 8, 32, 3, 5, 8
ALL_TERMS = dict(av_weight=1.0, aa_weight=0.7, cluster_weight=0.5, class_weight=0.3)


def config_of(**weights):
    """Settings with these weights of terms, and 0 for all others."""
    terms = {**dict.fromkeys(ALL_TERMS, 0.0), **weights}
    return CoincidenceConfig(
        image=ImageConfig(image_size=SIZE),
        terms=CoincidenceTermsConfig(**terms, coincidence_seconds=5.0, coincidence_units=6),
        clustering=ClusteringConfig(num_clusters=CLUSTERS, gamma=1.2, cluster_scale=3.0),
        network=EmbeddingNetworkConfig(embedding_size=EMBEDDING_SIZE),
        training=TrainingConfig(batch_size=BATCH_SIZE),
    )


def batch_of(config, seed=0):
    """Eight pairs of seven recordings: two of one recording, near each other; some parts do not exist."""
    rng = np.random.default_rng(seed)
    terms = config.terms
    targets = np.eye(CLASSES)[rng.integers(0, CLASSES, BATCH_SIZE)] * (np.arange(BATCH_SIZE) % 4 > 0)[:, np.newaxis]
    num_windows = 2 if terms.aa_weight else 1
    pictures = rng.integers(0, 256, [BATCH_SIZE, SIZE, SIZE, 3])
    has_picture = np.arange(BATCH_SIZE) != 6
    shown = {
        "images": tf.constant(pictures, tf.uint8),
        "has_image": tf.constant(has_picture),
        "image_seconds": tf.constant(rng.uniform(0, 3, BATCH_SIZE), tf.float32),
    }
    return AudioVisualBatch(
        windows=tf.constant(rng.normal(size=[BATCH_SIZE, num_windows, 96, 64]), tf.float32),
        has_positive_window=tf.constant(np.arange(BATCH_SIZE) != 1),
        recordings=tf.constant([3, 1, 2, 3, 4, 5, 6, 7], tf.int64),
        seconds=tf.constant(rng.uniform(0, 3, [BATCH_SIZE, 2]), tf.float32),
        **(shown if terms.av_weight else dict.fromkeys(shown, ())),
        targets=tf.constant(targets, tf.float32) if terms.class_weight else (),
        example_id=tf.zeros([BATCH_SIZE], tf.int64),
    )


def build_tiny_image_network():
    inputs = tf.keras.Input([SIZE, SIZE, 3], dtype=tf.uint8)
    x = tf.keras.layers.AveragePooling2D(8)(tf.keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs))
    x = tf.keras.layers.Dense(EMBEDDING_SIZE, kernel_initializer=tf.keras.initializers.GlorotUniform(1))(
        tf.keras.layers.Flatten()(x)
    )
    return tf.keras.Model(inputs, tf.keras.layers.UnitNormalization()(x))


def build_model(config, class_loss="softmax", **options):
    """The model of a stage on small networks without batch normalisation; the same weights every time."""
    tf.keras.utils.set_random_seed(0)
    terms = config.terms
    parts = {"network": build_tiny_network(EMBEDDING_SIZE)}
    if terms.av_weight:
        parts["image_network"] = build_tiny_image_network()
        parts["av_head"] = CoincidenceHead(EMBEDDING_SIZE, terms.coincidence_units, name="av_head")
    if terms.aa_weight:
        parts["aa_head"] = CoincidenceHead(EMBEDDING_SIZE, terms.coincidence_units, name="aa_head")
    if terms.cluster_weight:
        parts[CLUSTER_HEAD] = ClusterHead(CLUSTERS, EMBEDDING_SIZE, config.clustering.cluster_scale)
    if terms.class_weight:
        parts["class_head"] = build_class_head(EMBEDDING_SIZE, CLASSES)
    return CoincidenceModel(parts, config, class_loss, **options)
