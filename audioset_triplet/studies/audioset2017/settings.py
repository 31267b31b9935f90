"""The settings of the tables: rows, sets and seeds may be added to them, but their settings cannot change."""

import dataclasses
import os
from typing import Any, Dict

from audioset_triplet import files
from audioset_triplet.clips import digest
from audioset_triplet.studies.audioset2017.budgets import Budget
from audioset_triplet.studies.audioset2017.classifiers import Classifiers
from audioset_triplet.studies.audioset2017.evaluation_sets import EvaluationSet
from audioset_triplet.studies.audioset2017.rows import Recipe
from audioset_triplet.studies.settings import describe_records, describe_training


def describe(shared: Classifiers) -> Dict[str, Any]:
    """Everything that decides the results of the tables, nested.

    The clips to train on are part of it: a set that is added later must not have recordings that were learned from.
    """
    config, budget = shared.config, shared.budget
    learned = [clip.clip_id for clip in shared.clips]
    described: Dict[str, Any] = {
        "train": {**describe_records(shared.data), "clips": len(learned), "clips_digest": digest(learned)},
        "sets": {name: _describe_set(one) for name, one in shared.sets.items()},
        "rows": {name: _describe_row(recipe, budget) for name, recipe in shared.recipes.items()},
        "refinement": dataclasses.asdict(config.refinement),
        "window_weights": "loudness",
    }
    if budget.core_minutes:
        described["budget"] = {"core_minutes": budget.core_minutes, "cores": budget.cores}
    if config.embedding_model:
        described["head"] = dataclasses.asdict(config.head)
        described["embedding_model"] = _model_id(config.embedding_model)
    return described


def _model_id(path: str) -> str:
    """The id of a model of experiments.export_model; of another one its name."""
    record = os.path.join(path, "model.json")
    if os.path.exists(record):
        return str(files.read_json_object(record).get("model_id"))
    return os.path.basename(os.path.normpath(path))


def _describe_row(recipe: Recipe, budget: Budget) -> Dict[str, Any]:
    if recipe.config is None:
        return {"share": recipe.share}
    training = describe_training(recipe.config)
    if budget.core_minutes:
        del training["training"]["steps"]  # the budget decides
    return {"share": recipe.share, **training}


def _describe_set(one: EvaluationSet) -> Dict[str, Any]:
    paths = {"ratings": one.files.ratings, "strong_labels": one.files.strong_labels}
    sizes = {f"bytes_of_{name}": os.path.getsize(path) for name, path in paths.items() if path}
    return {**describe_records(one.data), **sizes}
