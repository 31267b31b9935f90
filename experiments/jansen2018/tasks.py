"""The evaluations of experiments.reproduce_jansen2018: every row and every training seed meets the same draws."""

import dataclasses
from typing import Dict, List, Tuple

from audioset_triplet.config import HeadConfig
from audioset_triplet.data import clips
from audioset_triplet.evaluation import classification, knn, retrieval, semi_supervised
from audioset_triplet.evaluation.metrics import ScoreMetrics

# Measure -> its value in each trial; class -> average precision.
Numbers = Tuple[Dict[str, List[float]], Dict[int, float]]

HEAD_OF_ROW = {"log_mel_fc4": 4}  # row -> hidden layers of its classifier, where they are not those of the others


@dataclasses.dataclass(frozen=True)
class Evaluations:
    """What is measured of a row's embeddings, and how."""

    head: HeadConfig
    labels_per_class: Tuple[int, ...]
    trials: int  # of drawing them
    draws: int = 5  # of retrieval
    neighbours: int = knn.K
    temperature: float = knn.TEMPERATURE
    seed: int = 0  # of draws and heads, not of the training

    def measure(self, row: str, task: str, train_folder: str, held_out_folder: str) -> Numbers:
        """Evaluates the embeddings of held-out clips; classifiers learn from those of the training clips."""
        folders = (train_folder, (), held_out_folder, ())
        head = dataclasses.replace(self.head, hidden_layers=HEAD_OF_ROW.get(row, self.head.hidden_layers))
        if task == "retrieval":
            result = retrieval.evaluate(clips.clip_vectors(held_out_folder), self.draws, self.seed)
            return {"map": [result.map], "prior": [result.prior]}, result.class_average_precision
        if task == "classification":
            return metric_numbers(classification.evaluate(*folders, head, self.seed))
        if task == "knn":
            return metric_numbers(knn.evaluate(*folders, self.neighbours, self.temperature))
        trials = semi_supervised.evaluate(*folders, head, self.labels_per_class, self.trials, self.seed)
        return few_label_numbers(trials), {}


def metric_numbers(metrics: ScoreMetrics) -> Numbers:
    names = ("map", "auc", "d_prime_of_mean_auc", "mean_d_prime", "eer", "accuracy", "prior")
    found = {name: getattr(metrics, name) for name in names}
    return {name: [value] for name, value in found.items() if value is not None}, metrics.class_average_precision


def few_label_numbers(trials: Dict[int, List[ScoreMetrics]]) -> Dict[str, List[float]]:
    """5/map -> the value of each trial with five labels per class."""
    values: Dict[str, List[float]] = {}
    for num_labels, several in trials.items():
        for metrics in several:
            for name, (value,) in metric_numbers(metrics)[0].items():
                values.setdefault(f"{num_labels}/{name}", []).append(value)
    return values
