"""The evaluations of the table: the same draws for every row and every training seed."""

import dataclasses
from typing import Dict, List, Sequence, Tuple

from audioset_triplet.clips import digest
from audioset_triplet.config.evaluation import (
    ClassificationConfig,
    HeadConfig,
    KnnConfig,
    RetrievalConfig,
    SemiSupervisedConfig,
)
from audioset_triplet.evaluation import classification, knn, metrics, retrieval, semi_supervised, splits
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.evaluation.table import Measurement
from audioset_triplet.store import stored_clips as stored

# Measure -> its value in each trial; class -> average precision.
Numbers = Tuple[Dict[str, List[float]], Dict[int, float]]

MEASURES = ("map", "auc", "d_prime_of_mean_auc", "mean_d_prime", "eer", "accuracy", "prior")
HIDDEN_LAYERS = {"log_mel_fc4": 4}  # row -> hidden layers of its classifier, if other than in the other rows


@dataclasses.dataclass(frozen=True)
class Evaluations:
    """How the embeddings of a row are evaluated."""

    head: HeadConfig
    labels_per_class: Tuple[int, ...]
    trials: int  # of drawing them
    hop_seconds: float = 0.0  # from a window that is embedded to the next; 0: that of the front end
    draws: int = 5  # of retrieval
    neighbours: int = KnnConfig.neighbours
    temperature: float = KnnConfig.temperature
    seed: int = 0  # of draws and heads, not of the training

    def measure(self, row: str, task: str, train_folder: str, held_out_folder: str) -> Measurement:
        """Evaluates the embeddings of held-out clips; classifiers learn from the training clips."""
        clips = stored.read_clips(held_out_folder)
        numbers = self._numbers(row, task, (train_folder, (), held_out_folder, ()))
        return measurement(numbers, clips.clip_ids, clips.class_names)

    def _numbers(self, row: str, task: str, folders: Tuple[str, Sequence[int], str, Sequence[int]]) -> Numbers:
        head = dataclasses.replace(self.head, hidden_layers=HIDDEN_LAYERS.get(row, self.head.hidden_layers))
        if task == "retrieval":
            config = RetrievalConfig(draws=self.draws, seed=self.seed)
            result = retrieval.evaluate(config, stored.read_clips(folders[2]))
            return {"map": [result.map], "prior": [result.prior]}, result.class_average_precision
        split = splits.read_split(*folders)
        if task == "classification":
            return numbers_of(classification.evaluate(ClassificationConfig(head=head, seed=self.seed), split))
        if task == "knn":
            return numbers_of(knn.evaluate(KnnConfig(neighbours=self.neighbours, temperature=self.temperature), split))
        few = SemiSupervisedConfig(
            head=head, labels_per_class=self.labels_per_class, trials=self.trials, seed=self.seed
        )
        return numbers_of_trials(semi_supervised.evaluate(few, split).trials)


def numbers_of(measured: ScoreMetrics) -> Numbers:
    values = {name: getattr(measured, name) for name in MEASURES}
    return {name: [value] for name, value in values.items() if value is not None}, measured.class_average_precision


def numbers_of_trials(trials: Dict[int, List[ScoreMetrics]]) -> Numbers:
    """5/map -> the value of each trial with five labels per class."""
    values: Dict[str, List[float]] = {}
    for num_labels, several in trials.items():
        for measured in several:
            for name, value in numbers_of(measured)[0].items():
                values.setdefault(f"{num_labels}/{name}", []).extend(value)
    return values, {}


def measurement(numbers: Numbers, clip_ids: Sequence[str], class_names: Dict[int, str]) -> Measurement:
    """The numbers, and the clips that they are about."""
    titles = metrics.class_titles(class_names)
    values, class_values = numbers
    by_title = {titles[label]: value for label, value in class_values.items()}
    return Measurement(values, by_title, len(clip_ids), digest(clip_ids))
