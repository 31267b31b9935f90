"""How large the architectures are, and how fast here, beside what is published of them."""

import dataclasses
import statistics
import time
from typing import Any, Dict, List, Optional

import tensorflow as tf

from audioset_triplet.config.description import DescriptionConfig
from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.models import networks, registry, sizes
from audioset_triplet.models.registry import Published
from audioset_triplet.models.sizes import Size
from audioset_triplet.progress_bars import progress_bar

_AUDIOSET_CLASSES = 527


@dataclasses.dataclass(frozen=True)
class Description:
    """A classifier of one architecture."""

    architecture: str
    num_classes: int
    size: Size
    published: Optional[Published]  # None where nothing is, or of another network than this
    windows_per_second: Optional[float]  # None where it was not measured


def describe(config: DescriptionConfig) -> List[Description]:
    """Builds the classifiers, counts and times them; a progress bar on stderr.

    Raises:
        UserError: an unknown architecture, or one that does not take the windows of the front end.
    """
    names = config.architectures or tuple(registry.ARCHITECTURES)
    for name in names:
        registry.by_name(name)
    progress = progress_bar(names, unit="networks", leave=False)
    descriptions = []
    for name in progress:
        progress.set_description(name)
        descriptions.append(_describe(config, dataclasses.replace(config.network, architecture=name)))
        tf.keras.backend.clear_session()
    return descriptions


def numbers(descriptions: List[Description]) -> Dict[str, Any]:
    """Flat keys (sizes/vgg19/weights) -> values, for results.json."""
    flat: Dict[str, Any] = {}
    for one in descriptions:
        values = {**dataclasses.asdict(one.size), "num_classes": one.num_classes}
        if one.published:
            values["published_weights"] = sizes.number_of(one.published.weights)
            values["published_multiplications"] = sizes.number_of(one.published.multiplications)
        if one.windows_per_second is not None:
            values["windows_per_second"] = one.windows_per_second
        flat.update({f"sizes/{one.architecture}/{name}": value for name, value in values.items()})
    return flat


def _describe(config: DescriptionConfig, network_config: ClassifierNetworkConfig) -> Description:
    published = registry.by_name(network_config.architecture).published
    shape = networks.feature_shape(network_config)
    num_classes = config.num_classes or (published.num_outputs if published else _AUDIOSET_CLASSES)
    network = networks.build_classifier(network_config, shape, num_classes)
    if published and not _is_published(published, network_config, num_classes):
        published = None
    rate = _windows_per_second(network, config) if config.windows_per_second else None
    return Description(network_config.architecture, num_classes, sizes.of(network), published, rate)


def _is_published(published: Published, config: ClassifierNetworkConfig, num_classes: int) -> bool:
    """Whether a classifier is the one whose size is published."""
    default = ClassifierNetworkConfig(config.front_end, config.architecture, batch_norm=config.batch_norm)
    shape = networks.feature_shape(config)
    return (config, shape, num_classes) == (default, published.feature_shape, published.num_outputs)


def _windows_per_second(network: tf.keras.Model, config: DescriptionConfig) -> float:
    """By the median of its calls, after a first one."""
    compute = tf.function(lambda windows: network(windows, training=False), autograph=False)
    windows = tf.random.stateless_normal([config.batch_size, *network.input_shape[1:]], [0, 0])
    compute(windows).numpy()
    durations: List[float] = []
    until = time.monotonic() + config.seconds
    while not durations or time.monotonic() < until:
        started = time.monotonic()
        compute(windows).numpy()
        durations.append(time.monotonic() - started)
    return config.batch_size / statistics.median(durations)
