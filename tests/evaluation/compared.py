"""Every evaluation on embeddings of the same clips by a good model and by a poor one."""

import pathlib
from typing import Any, Dict

from audioset_triplet.config.evaluation import (
    ClassificationConfig,
    EvaluationConfig,
    HeadConfig,
    KnnConfig,
    RetrievalConfig,
    SemiSupervisedConfig,
)
from audioset_triplet.evaluation import comparisons
from audioset_triplet.evaluation.comparisons import Comparison
from tests import example_clips

_HEAD = HeadConfig(hidden_units=16, head_epochs=1, head_min_steps=40, head_learning_rate=1e-2)
_SIDES: Any = {"folds": (2,), "train_folds": (1,), "seed": 3}

CONFIGS: Dict[str, EvaluationConfig] = {
    "classification": ClassificationConfig(head=_HEAD, **_SIDES),
    "knn": KnnConfig(**_SIDES),
    "retrieval": RetrievalConfig(folds=(2,), seed=3),
    "semi_supervised": SemiSupervisedConfig(head=_HEAD, labels_per_class=(4, 1, 20), trials=2, **_SIDES),
}


def write_good_and_poor(root: pathlib.Path) -> pathlib.Path:
    """Writes the embeddings to root/good and root/poor."""
    infos = example_clips.make_infos(80, 4)
    example_clips.write(root / "good", infos, noise=0.5, model_id="good-model")
    example_clips.write(root / "poor", infos, noise=5.0, model_id="poor-model")
    return root


def compare_all(root: pathlib.Path) -> Dict[str, Comparison]:
    """Task -> its comparison of the two."""
    sets = comparisons.embedding_sets(str(root / "good"), compared={"poor one": str(root / "poor")})
    return {name: comparisons.compare(config, sets) for name, config in CONFIGS.items()}
