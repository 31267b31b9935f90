"""The rows of the tables, and how their classifiers are trained.

One row is in several tables: that of `--architecture`, which learns from all clips with beta = 0 and without
refinement, is what the others are compared with.
"""

import dataclasses
from typing import Dict, List, Optional, Sequence

from audioset_triplet.config.classifier import ClassifierConfig, LabelConfig
from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.config.studies import AudioSet2017Config
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Row
from audioset_triplet.models import registry

FRAME_LABELS = "refined/frame_labels.parquet"  # in the folder of a row that learns from refined labels
FC = "fc"
REFINED, EMBEDDING = "refined", "embedding"
_TITLES = {
    FC: "FC",
    "alexnet": "AlexNet",
    "vgg19": "VGG",
    "inception_v3": "Inception V3",
    "mobilenet": "MobileNet",
}
BEYOND_PAPER = ("mobilenet",)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What the classifier of a row learns from, and how."""

    title: str
    config: Optional[ClassifierConfig]  # but for records, seed and steps; None: a head on embeddings
    share: float = 1.0  # of the training clips
    refined_by: str = ""  # the row whose scores refine the labels that it learns from; empty: labels of clips


Recipes = Dict[str, Recipe]


def share_name(share: float) -> str:
    """The row with a share of the training clips."""
    return f"clips_{share:g}"


def exponent_name(exponent: float) -> str:
    """The row with a beta."""
    return f"beta_{exponent:g}"


def refined_name(number: int) -> str:
    """The row with labels that are refined so many times."""
    return REFINED if number == 1 else f"{REFINED}_{number}"


def few_labels_name(row: str) -> str:
    """The row that learns from few labels what another one learns from all."""
    return f"{row}_labels"


def in_words(share: float) -> str:
    """0.1 -> 1/10, 0.3 -> 30%."""
    parts = round(1 / share)
    return f"1/{parts}" if abs(parts * share - 1) < 1e-9 else f"{100 * share:g}%"


def _title(network: NetworkConfig) -> str:
    if network.architecture == "resnet50":
        return f"ResNet-{network.resnet.num_layers}"
    return _TITLES.get(network.architecture, network.architecture)


def build(config: AudioSet2017Config, base: ClassifierConfig) -> Recipes:
    """All rows, in the order of the tables.

    Args:
        config: which rows there are.
        base: what they have in common; `labels.dropped_windows` is that of refined labels, `loss.weights_from` that of
            weights by prior.

    Raises:
        UserError: an unknown architecture, or --architecture is not among --architectures.
    """
    for name in config.architectures:
        registry.by_name(name)
    reference = base.network.architecture
    if reference not in config.architectures:
        raise UserError(
            f"--architecture={reference} is not among --architectures={','.join(config.architectures)}: its row is "
            "what the others are compared with."
        )
    unweighted = dataclasses.replace(base.loss, weights_from=0.0)
    plain = dataclasses.replace(base, labels=LabelConfig(clips=base.labels.clips), loss=unweighted)
    configs = {name: _with_architecture(plain, name) for name in config.architectures}
    recipes = {name: Recipe(_title(of_row.network), of_row) for name, of_row in configs.items()}
    own, title = configs[reference], recipes[reference].title
    for share in config.training_shares:
        recipes[share_name(share)] = Recipe(f"{title}, {in_words(share)} of the clips", own, share)
    for exponent in config.prior_exponents:
        loss = dataclasses.replace(base.loss, prior_exponent=exponent)
        recipes[exponent_name(exponent)] = Recipe(f"{title}, β = {exponent:g}", dataclasses.replace(own, loss=loss))
    labels = dataclasses.replace(base.labels, frame_labels=FRAME_LABELS)
    learned_from_refined = dataclasses.replace(own, labels=labels)
    refined_by = reference
    for number in range(1, config.refinements + 1):
        times = "" if number == 1 else f" ({number} times)"
        name = refined_name(number)
        recipes[name] = Recipe(f"{title}, refined labels{times}", learned_from_refined, refined_by=refined_by)
        refined_by = name
    if config.embedding_model:
        recipes[EMBEDDING] = Recipe("embedding, FC", None)
    for name in dict.fromkeys((FC, reference, EMBEDDING)):
        if name in recipes:
            few = dataclasses.replace(recipes[name], share=config.label_share)
            recipes[few_labels_name(name)] = dataclasses.replace(few, title=f"{few.title}, few labels")
    return recipes


def refining(recipes: Recipes, name: str) -> List[str]:
    """The rows that have to be trained before this one, since their scores refine its labels: in order."""
    refined_by = recipes[name].refined_by
    return [*refining(recipes, refined_by), refined_by] if refined_by else []


def table_rows(recipes: Recipes, tasks: Sequence[str], steps: Dict[str, Optional[int]]) -> Sequence[Row]:
    """The rows with their evaluations, and the steps of their training as far as they are known."""
    return [
        Row(name, recipe.title, tuple(tasks), beyond_paper=name in BEYOND_PAPER, steps=steps.get(name))
        for name, recipe in recipes.items()
    ]


def _with_architecture(config: ClassifierConfig, name: str) -> ClassifierConfig:
    return dataclasses.replace(config, network=dataclasses.replace(config.network, architecture=name))
