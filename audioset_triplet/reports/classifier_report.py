"""The evaluation of a trained classifier in its run directory: scores.parquet, results.json, and a headline."""

import os

from audioset_triplet import results
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.evaluation import metrics
from audioset_triplet.frontend import registry
from audioset_triplet.plurals import counted
from audioset_triplet.runs import run_config
from audioset_triplet.store import scores as stored_scores
from audioset_triplet.store.scores import ClipScores


def write(folder: str, scores: ClipScores, front_end_id: str, seed: int) -> str:
    """Writes the scores of the evaluated clips and their metrics, and returns the headline.

    Args:
        folder: for scores.parquet and results.json (the keys of experiments.evaluate --task=classification).
        scores: of the evaluated clips.
        front_end_id: of the classifier.
        seed: of its training.
    """
    measured = metrics.measure(scores)
    stored_scores.write(os.path.join(folder, "scores.parquet"), scores)
    numbers = metrics.flat_numbers(measured, metrics.class_titles(scores.class_names), "classification")
    results.write(folder, numbers, front_end_id=front_end_id, seed=seed)
    accuracy = "" if measured.accuracy is None else f", accuracy {measured.accuracy:.3f}"
    return (
        f"{counted(measured.num_clips, 'clip')}: mAP {measured.map:.3f}, AUC {measured.auc:.3f}{accuracy}\n"
        f"wrote {folder}/scores.parquet and results.json"
    )


def write_of_run(folder: str, scores: ClipScores, workdir: str) -> str:
    """The same for the classifier of a run directory; of clips without labels only the scores."""
    if not scores.targets.any():
        path = os.path.join(folder, "scores.parquet")
        stored_scores.write(path, scores)
        return f"{counted(len(scores.clip_ids), 'clip')}, none with labels: wrote {path}"
    config = run_config.read_as(workdir, ClassifierConfig, CoincidenceConfig)
    return write(folder, scores, registry.by_name(config.network.front_end).id, config.training.seed)
