"""The submodels of a stage of the curriculum of Jansen et al. 2020."""

from typing import Dict, Sequence

import tensorflow as tf

from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.models import heads, networks


def build_submodels(
    config: CoincidenceConfig, feature_shape: Sequence[int], num_classes: int = 0
) -> Dict[str, tf.keras.Model]:
    """The networks and heads of a stage, by their names in checkpoints.

    Args:
        config: the settings of the stage; a term of weight 0 has no submodels.
        feature_shape: of a window.
        num_classes: of the class head; 0: without it.
    """
    terms, size = config.terms, config.network.embedding_size
    submodels = {"network": networks.build_embedding(config.network, feature_shape)}
    if terms.av_weight:
        submodels["image_network"] = networks.build_image_embedding(
            config.network, config.image.image_size, config.image.image_stem_stride
        )
        submodels["av_head"] = heads.CoincidenceHead(size, terms.coincidence_units, name="av_head")
    if terms.aa_weight:
        submodels["aa_head"] = heads.CoincidenceHead(size, terms.coincidence_units, name="aa_head")
    if terms.cluster_weight:
        submodels[heads.CLUSTER_HEAD] = heads.ClusterHead(
            config.clustering.num_clusters, size, config.clustering.cluster_scale
        )
    if terms.class_weight and num_classes:
        submodels["class_head"] = heads.build_class_head(size, num_classes)
    return submodels
