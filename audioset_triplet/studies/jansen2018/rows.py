"""The rows of the table, and how their networks are trained."""

import dataclasses
from typing import Dict, List, Tuple, Union

from audioset_triplet import presets
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.triplet import COMPOSABLE_METHODS, UNSUPERVISED_METHODS, TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Row

Configs = Dict[str, Union[TripletConfig, ClassifierConfig]]  # row -> how its network is trained

EMBEDDINGS = (
    Row("log_mel", "log-mel, the input", has_seed=False),
    Row("untrained", "untrained network"),
    Row("noise", "Gaussian noise"),
    Row("translation", "translation"),
    Row("mixing", "example mixing"),
    Row("proximity", "temporal proximity"),
    Row("joint", "joint"),
    Row("topline", "topline: labels"),
)
WITH_LABELS = ("classification", "semi_supervised")
LOG_MEL_FC4 = Row("log_mel_fc4", "log-mel, FC 4×512", tasks=WITH_LABELS, has_seed=False)
RESNET50 = "resnet50"


def build(base: TripletConfig, few_labels_from_scratch: bool = False) -> Tuple[List[Row], Configs]:
    """All rows, and how the networks of those that have one are trained.

    Args:
        base: the budget, and everything that the rows have in common.
        few_labels_from_scratch: whether the ResNet-50 is trained for every draw of few labels too.

    Raises:
        UserError: `base` is not about triplets, which the rows of the paper are.
    """
    if base.loss.loss != "triplet":
        raise UserError(
            f"the rows of the paper are trained with --loss=triplet, not {base.loss.loss}: give a preset of that kind; "
            "the contrastive row is added to it."
        )
    tasks = WITH_LABELS if few_labels_from_scratch else WITH_LABELS[:1]
    resnet50 = Row(RESNET50, f"log-mel, ResNet-{base.network.resnet.num_layers}", tasks=tasks)
    beyond = beyond_paper(base)
    rows = [_titled(row, base) for row in EMBEDDINGS] + [LOG_MEL_FC4, resnet50]
    rows += [Row(name, name.replace("_", " "), beyond_paper=True) for name in beyond]
    configs: Configs = {**triplet_configs(base), RESNET50: presets.from_scratch(base), **beyond}
    return [_with_steps(row, configs) for row in rows], configs


def is_trained(row: str, configs: Configs) -> bool:
    return row in configs and row != "untrained"


def _with_steps(row: Row, configs: Configs) -> Row:
    steps = configs[row.name].training.steps if is_trained(row.name, configs) else None
    return dataclasses.replace(row, steps=steps)


def _titled(row: Row, base: TripletConfig) -> Row:
    """The row with a title that names its departure from the paper."""
    if base.sampling.combination == "composed" and row.name in ("joint", "topline"):
        return dataclasses.replace(row, title=f"{row.title}, all constraints at once")
    return row


def triplet_configs(base: TripletConfig) -> Dict[str, TripletConfig]:
    """The rows of the paper; `untrained` is the initial network of the others."""
    methods = {"untrained": "joint", **{name: name for name in (*UNSUPERVISED_METHODS, "joint")}}
    unsupervised = {name: _with_method(base, method) for name, method in methods.items()}
    return {**unsupervised, "topline": presets.topline(base)}


def _with_method(base: TripletConfig, method: str) -> TripletConfig:
    combination = base.sampling.combination if method in COMPOSABLE_METHODS else "single"
    return dataclasses.replace(
        base, sampling=dataclasses.replace(base.sampling, method=method, combination=combination)
    )


def beyond_paper(base: TripletConfig) -> Dict[str, TripletConfig]:
    """Rows that the paper does not have, trained as long as the topline."""
    return {"contrastive": presets.contrastive(base)}
