"""The numbers of the papers, on YouTube-100M and on AudioSet."""

from typing import Dict, NamedTuple


class Ranked(NamedTuple):
    """Means over classes."""

    auc: float
    d_prime: float
    map: float


class Rated(NamedTuple):
    """On explicit hard negatives, with a mean prior of 0.282."""

    eer: float
    map: float


# Hershey et al. 2017, Table 2: 3,087 labels of YouTube-100M, 5 million steps.
ARCHITECTURES: Dict[str, Ranked] = {
    "fc": Ranked(0.851, 1.471, 0.058),
    "alexnet": Ranked(0.894, 1.764, 0.115),
    "vgg19": Ranked(0.911, 1.909, 0.161),
    "inception_v3": Ranked(0.918, 1.969, 0.181),
    "resnet50": Ranked(0.916, 1.952, 0.182),
}
# Table 4: a ResNet-50 on 70 million videos, and on shares of them, 16 million steps.
SHARES: Dict[float, Ranked] = {
    1.0: Ranked(0.923, 2.019, 0.206),
    0.1: Ranked(0.922, 2.006, 0.202),
    0.01: Ranked(0.921, 1.997, 0.203),
    0.001: Ranked(0.909, 1.883, 0.162),
}
# The talk of 2017: row -> with all labels of AudioSet, and with 0.5% of them. The embedding is the bottleneck of a
# classifier on YouTube-100M with all labels, and that of triplets without labels with few.
ALL_LABELS: Dict[str, Rated] = {
    "fc": Rated(0.333, 0.445),
    "resnet50": Rated(0.245, 0.605),
    "embedding": Rated(0.257, 0.580),
}
FEW_LABELS: Dict[str, Rated] = {
    "fc": Rated(0.406, 0.338),
    "resnet50": Rated(0.377, 0.385),
    "embedding": Rated(0.340, 0.429),
}
