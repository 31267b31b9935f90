import dataclasses

import pytest

from audioset_triplet.config.description import DescriptionConfig
from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import network_sizes
from audioset_triplet.models.registry import ARCHITECTURES
from audioset_triplet.models.sizes import Size
from audioset_triplet.reports import network_sizes_page
from tests.toy_network import TOY

CONFIG = DescriptionConfig(("fc",), seconds=0.01, batch_size=2)
# 96 x 64 values, three layers of 1000 units and 3087 classes.
FC = Size(4, 11_231_000, 11_231_000)


def test_a_network_that_is_published_is_beside_its_published_size():
    (fc,) = network_sizes.describe(CONFIG)
    assert (fc.architecture, fc.num_classes, fc.size) == ("fc", 3087, FC) and fc.windows_per_second > 0
    numbers = network_sizes.numbers([fc])
    assert numbers.pop("sizes/fc/windows_per_second") == fc.windows_per_second
    assert numbers == {
        "sizes/fc/layers": 4,
        "sizes/fc/weights": 11_231_000,
        "sizes/fc/multiplications": 11_231_000,
        "sizes/fc/num_classes": 3087,
        "sizes/fc/published_weights": 11.2e6,
        "sizes/fc/published_multiplications": 11.2e6,
    }
    report = network_sizes_page.report(CONFIG, [fc])
    title, row = report.headline.splitlines()
    assert title.split()[:3] == ["architecture", "layers", "weights"]
    assert row.split()[:-1] == ["fc", "4", "11.23M", "11.2M", "1.003", "11.23M", "11.2M", "1.003"]
    page = report.pages["report.html"]
    assert "<td>11.23M</td><td>11.2M</td><td>1.003</td>" in page and "Speed on this machine" in page
    assert "http" not in page


@pytest.mark.parametrize("other", [dict(width=0.1), dict(bottleneck=16)])
def test_another_network_has_no_published_size_beside_it(other):
    config = dataclasses.replace(CONFIG, network=ClassifierNetworkConfig(**other), windows_per_second=False)
    (fc,) = network_sizes.describe(config)
    assert fc.published is None and fc.windows_per_second is None and fc.size.weights != FC.weights
    report = network_sizes_page.report(config, [fc])
    title, _ = report.headline.splitlines()
    assert title.split() == ["architecture", "layers", "weights", "multiplications"]
    assert "Speed on this machine" not in report.pages["report.html"]


def test_more_classes_are_another_network(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "toy", TOY)
    config = dataclasses.replace(CONFIG, windows_per_second=False, network=ClassifierNetworkConfig(width=0.01))
    for num_classes, counted in ((0, 527), (50, 50)):
        described = network_sizes.describe(dataclasses.replace(config, architectures=("toy",), num_classes=num_classes))
        assert [(one.num_classes, one.size.weights) for one in described] == [(counted, 64 * 4 + 4 * counted)]


def test_an_unknown_architecture_is_named_before_any_work():
    with pytest.raises(UserError, match="--architecture=vgg is not known; the architectures are fc, alexnet"):
        network_sizes.describe(dataclasses.replace(CONFIG, architectures=("fc", "vgg")))


@pytest.mark.parametrize(
    "count, text", [(37_338_464, "37.34M"), (5_437_980_672, "5.438B"), (69_165_056, "69.17M"), (1200, "1.2K"), (7, "7")]
)
def test_a_count_has_four_digits(count, text):
    assert network_sizes_page.short(count) == text
