"""The rows of the table that experiments.reproduce_jansen2018 makes, and how their networks are trained."""

import dataclasses
from typing import Dict, List, Tuple

from audioset_triplet.config import UNSUPERVISED_METHODS, TripletConfig
from audioset_triplet.evaluation.cells import Row

PAPER_ROWS = (
    Row("log_mel", "log-mel, the input", has_seed=False),
    Row("untrained", "untrained network"),
    Row("noise", "Gaussian noise"),
    Row("translation", "translation"),
    Row("mixing", "example mixing"),
    Row("proximity", "temporal proximity"),
    Row("joint", "joint"),
    Row("topline", "topline: labels"),
    Row("log_mel_fc4", "log-mel, FC 4×512", tasks=("classification", "semi_supervised"), has_seed=False),
)


def triplet_configs(base: TripletConfig) -> Dict[str, TripletConfig]:
    """The row's name -> how its network is trained; `untrained` is the network that the others start from."""
    methods = {"untrained": "joint", **{name: name for name in (*UNSUPERVISED_METHODS, "joint")}, "topline": "labels"}
    return {
        name: dataclasses.replace(base, sampling=dataclasses.replace(base.sampling, method=method))
        for name, method in methods.items()
    }


def beyond_paper(base: TripletConfig) -> Dict[str, TripletConfig]:
    """Rows that the paper does not have, under the same budget: name -> how the network is trained."""
    return {}


def build(base: TripletConfig) -> Tuple[List[Row], Dict[str, TripletConfig]]:
    """All rows of the table, and how the networks of those that have one are trained."""
    beyond = beyond_paper(base)
    rows = [*PAPER_ROWS, *(Row(name, name.replace("_", " "), beyond_paper=True) for name in beyond)]
    return rows, {**triplet_configs(base), **beyond}
