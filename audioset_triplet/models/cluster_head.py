"""The softmax head of K clusters on an embedding (Jansen et al. 2020, section 3.2): its weights, and where they are.

The head has no `call`: its logits, [B, K], would not fit. `losses.entropy_clustering` takes kernel and bias instead.
"""

import dataclasses
import json
import math
import os
from typing import Any, Dict

import numpy as np
import tensorflow as tf

from audioset_triplet.config import options
from audioset_triplet.config.clustering import ClusteringConfig
from audioset_triplet.errors import UserError
from audioset_triplet.runs import checkpoints

PART = "cluster_head"  # its name in the checkpoints of every training
_OUTWEIGHS = 5.0  # what a logit of cosine 1 has over ln K: its probability is 0.99 where all other cosines are 0


class ClusterHead(tf.keras.Model):
    """K clusters for unit embeddings of D dimensions, in float32 whatever the precision of the run.

    Attributes:
        kernel: float32 [K, D], a row per cluster; in the beginning directions at random, of the length `scale`.
        bias: float32 [K], in the beginning 0.
    """

    def __init__(self, num_clusters: int, embedding_size: int, scale: float) -> None:
        """
        Args:
            num_clusters, embedding_size: K and D.
            scale: `ClusteringConfig.cluster_scale`.
        """
        super().__init__(dtype=tf.float32, name=PART)
        self.num_clusters, self.embedding_size = num_clusters, embedding_size
        self.scale = scale or math.log(num_clusters) + _OUTWEIGHS

        def directions(shape: Any, dtype: Any = None, **_: Any) -> tf.Tensor:
            return self.scale * tf.math.l2_normalize(tf.random.normal(shape, dtype=dtype), axis=1)

        self.kernel = self.add_weight("kernel", [num_clusters, embedding_size], tf.float32, directions)
        self.bias = self.add_weight("bias", [num_clusters], tf.float32, "zeros")
        self.built = True  # there is nothing else to build: Keras may copy and count the weights

    def begin_with(self, directions: np.ndarray) -> None:
        """Sets the rows to unit vectors [K, D], times `scale`."""
        self.kernel.assign(self.scale * directions)

    def get_config(self) -> Dict[str, Any]:
        return {name: getattr(self, name) for name in ("num_clusters", "embedding_size", "scale")}


@dataclasses.dataclass(frozen=True)
class TrainedHead:
    """The head of a work directory, and what is known of it."""

    head: ClusterHead
    path: str  # of the checkpoint
    method: str  # entropy or kmeans
    unit: str  # what it was trained on: windows or clips
    model_id: str  # whose embeddings it was trained on; empty: of the network that was trained with it


def restore_head(workdir: str) -> TrainedHead:
    """The trained head of a work directory, of a joint training or of `training.frozen_clusters`.

    Its weights are the moving averages where the run keeps them.

    Raises:
        UserError: there is no run, it has no head or no checkpoint yet, or a file is damaged.
    """
    config, data = _read_json(checkpoints.config_path(workdir)), _read_json(os.path.join(workdir, "data.json"))
    if "clustering" not in config:
        raise UserError(f"{workdir}: its run has no clusters; train with experiments.cluster --task=train.")
    settings = options.from_mapping(ClusteringConfig, config["clustering"])
    latest = checkpoints.latest(workdir)
    with checkpoints.damage_named(latest):
        shapes = tf.train.load_checkpoint(latest).get_variable_to_shape_map()
    kernels = {name: f"{name}/kernel/.ATTRIBUTES/VARIABLE_VALUE" for name in (checkpoints.average_of(PART), PART)}
    name = next((name for name, kernel in kernels.items() if kernel in shapes), None)
    if name is None:
        raise UserError(f"{latest}: holds no {PART}; train with experiments.cluster --task=train.")
    num_clusters, embedding_size = shapes[kernels[name]]
    head = ClusterHead(num_clusters, embedding_size, settings.cluster_scale)
    status = checkpoints.restore(tf.train.Checkpoint(**{name: head}), latest)
    status.expect_partial().assert_existing_objects_matched()
    unit = config["data"].get("unit", "windows")
    return TrainedHead(head, latest, config.get("method", "entropy"), unit, data.get("model_id", ""))


def _read_json(path: str) -> Dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError as error:
        raise UserError(
            f"{os.path.dirname(path)} is no work directory of a training run: it has no {os.path.basename(path)}."
        ) from error
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}); train in another --workdir.") from error
