import dataclasses

import pytest

from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.models.networks import build_classifier
from audioset_triplet.models.registry import ARCHITECTURES
from tests.models.sizes import multiplications, num_weights


@pytest.mark.parametrize("name", [name for name, architecture in ARCHITECTURES.items() if architecture.published])
def test_an_architecture_has_the_published_size(name):
    published = ARCHITECTURES[name].published
    assert published is not None
    network = build_classifier(
        ClassifierNetworkConfig(architecture=name), published.feature_shape, published.num_outputs
    )
    # Papers give two digits.
    assert num_weights(network) == pytest.approx(published.weights, rel=0.025)
    assert multiplications(network) == pytest.approx(published.multiplications, rel=0.025)


def test_published_sizes_say_where_they_are_from():
    published = [architecture.published for architecture in ARCHITECTURES.values() if architecture.published]
    assert published and all(len(size.source) > 10 for size in published)
    assert all(value for size in published for value in dataclasses.astuple(size))
