"""The sets of clips that classifiers are evaluated on, each with annotations of its own."""

import dataclasses
import functools
from typing import Dict, List, Tuple

from audioset_triplet import named_values
from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.evaluation import ScoresConfig
from audioset_triplet.config.studies import AudioSet2017Config
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import protocols
from audioset_triplet.evaluation.protocols import Annotations
from audioset_triplet.records import clip_labels

TASKS = ("scores", "ratings", "strong")  # the protocols of `evaluation.protocols`, each a task of the grid


@dataclasses.dataclass(frozen=True)
class EvaluationSet:
    """Clips to evaluate on."""

    name: str
    data: DataConfig
    clips: List[ClipInfo]
    files: ScoresConfig  # its annotations

    @property
    def tasks(self) -> Tuple[str, ...]:
        """The protocols that there is something for, in the order of TASKS."""
        has = {
            "scores": any(clip.labels for clip in self.clips),
            "ratings": bool(self.files.ratings),
            "strong": bool(self.files.strong_labels),
        }
        return tuple(task for task in TASKS if has[task])

    def read_annotations(self) -> Annotations:
        """What `protocols.read_annotations` reads, once."""
        return self._annotations

    @functools.cached_property
    def _annotations(self) -> Annotations:
        return protocols.read_annotations(self.files)


def read(config: AudioSet2017Config) -> Dict[str, EvaluationSet]:
    """Name -> the set, in the order of --eval_data.

    Raises:
        UserError: what `named_values.named` and `clip_labels.read` raise, or a set with nothing to measure.
    """
    records = named_values.named("eval_data", config.eval_data)
    if not records:
        raise UserError("--eval_data is required: the records to evaluate on, as NAME=GLOB.")
    ratings = named_values.named("ratings", config.ratings, known=records, of="eval_data")
    strong_labels = named_values.named("strong_labels", config.strong_labels, known=records, of="eval_data")
    sets = {}
    for name, glob in records.items():
        data = DataConfig(data=glob, folds=config.eval_folds)
        files = ScoresConfig(
            ratings=ratings.get(name, ""),
            strong_labels=strong_labels.get(name, ""),
            class_labels=config.class_labels,
        )
        sets[name] = EvaluationSet(name, data, clip_labels.read(data.data, data.folds), files)
        if not sets[name].tasks:
            raise UserError(f"--eval_data={name}={glob}: no clip has a label: give --ratings or --strong_labels of it.")
    return sets
