"""What an exported model says of itself, in every format: model.json beside it, and inside a TFLite or ONNX file."""

import csv
import hashlib
import io
import json
from types import MappingProxyType
from typing import Any, Dict, Mapping

import numpy as np
import tensorflow as tf

from audioset_triplet import __version__
from audioset_triplet.export import parity
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.window_scores import ScoreInfo

# What is said of a model that does not give vectors of a kind.
LACKS = {
    StoreInfo.KIND: "is a classifier without a layer for an embedding (--bottleneck of train_classifier): it gives "
    "scores alone (--what=scores).",
    ScoreInfo.KIND: "gives embeddings alone: scores come from a classifier (train_classifier, or stage 4 of "
    "train_coincidence).",
}
_FRONT_END = ("sample_rate_hz", "num_channels", "window_samples", "hop_samples")


def model_id_of(network: tf.keras.Model, class_names: Mapping[int, str] = MappingProxyType({})) -> str:
    """A name that changes with the weights and the classes: the network's name, the sizes of its outputs, a digest."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    if class_names:
        digest.update(json.dumps(list(class_names.items())).encode())
    return f"{network.name}-{'-'.join(str(size) for size in sizes(network).values())}-{digest.hexdigest()[:12]}"


def sizes(network: tf.keras.Model) -> Dict[str, int]:
    """The size of a vector of each output."""
    return {name: shape[-1] for name, shape in sorted(parity.named(network.output_shape).items())}


def of_network(
    network: tf.keras.Model, model_id: str, front_end: FrontEnd, class_names: Mapping[int, str]
) -> Dict[str, Any]:
    """What JSON holds of a model: its id, what it takes, what it gives."""
    return {
        "model_id": model_id,
        "front_end_id": front_end.id,
        **front_end_values(front_end),
        **{f"{name}_size": size for name, size in sizes(network).items()},
        **({"classes": dict(class_names)} if class_names else {}),
        "code_version": __version__,
    }


def front_end_values(front_end: FrontEnd) -> Dict[str, int]:
    """The waveforms that a model takes and the windows that it makes of them."""
    return {name: getattr(front_end, name) for name in _FRONT_END}


def classes_csv(class_names: Mapping[int, str]) -> str:
    """The classes of the scores as a table: their place in the scores, their index in the records, their name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["score", "index", "display_name"])
    writer.writerows([place, index, name] for place, (index, name) in enumerate(class_names.items()))
    return text.getvalue()
