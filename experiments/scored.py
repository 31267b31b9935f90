"""What programs that train classifiers leave of their judgement of other clips."""

import json
import os

import audioset_triplet
from audioset_triplet import files
from audioset_triplet.evaluation import metrics
from audioset_triplet.frontend.constants import FRONT_END_ID
from audioset_triplet.store import scores
from audioset_triplet.store.scores import ClipScores


def write(folder: str, judged: ClipScores, seed: int) -> None:
    """Writes scores.parquet, what is said of each clip, and results.json, the metrics of that; prints a headline."""
    measured = metrics.measure(judged)
    scores.write(os.path.join(folder, "scores.parquet"), judged)
    numbers = metrics.flat_numbers(measured, metrics.class_titles(judged.class_names), "classification")
    run = {"front_end_id": FRONT_END_ID, "code_version": audioset_triplet.__version__, "seed": seed}
    files.write_text(os.path.join(folder, "results.json"), json.dumps({**numbers, **run}, indent=2) + "\n")
    accuracy = "" if measured.accuracy is None else f", accuracy {measured.accuracy:.3f}"
    print(f"{measured.num_clips} clips: mAP {measured.map:.3f}, AUC {measured.auc:.3f}{accuracy}")
    print(f"wrote {folder}/scores.parquet and results.json")
