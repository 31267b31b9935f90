"""A file of annotations of intervals, and the metrics of scores against it."""

import dataclasses
from typing import Dict, Generic, Mapping, Optional, TypeVar

from audioset_triplet.evaluation import label_matching
from audioset_triplet.evaluation.label_matching import MatchedLabels
from audioset_triplet.evaluation.metrics import RankingMetrics
from audioset_triplet.labels import Vocabulary
from audioset_triplet.store.intervals import Intervals

AnyIntervals = TypeVar("AnyIntervals", bound=Intervals)


@dataclasses.dataclass(frozen=True)
class Annotated(Generic[AnyIntervals]):
    """The annotations of a file."""

    path: str
    intervals: AnyIntervals
    vocabulary: Optional[Vocabulary]  # whose ids the labels are; None: they are names of classes

    def match(self, class_names: Mapping[int, str]) -> MatchedLabels:
        """The classes of the labels among those that have scores; raises what `label_matching.match` raises."""
        return label_matching.match(self.intervals.labels, class_names, self.vocabulary, self.path)

    def no_common_clip(self, folder: str) -> str:
        """The text of an error."""
        num_clips = len(set(self.intervals.clip_ids))
        return (
            f"{self.path}: none of its {num_clips} clips (such as {self.intervals.clip_ids[0]}) has scores in "
            f"{folder}: are the clips of --folds those that were annotated?"
        )


@dataclasses.dataclass(frozen=True)
class AnnotatedMetrics:
    """Metrics against annotations, and what of the annotations was left out."""

    ranked: RankingMetrics
    counts: Dict[str, int]  # name -> how many
    labels: MatchedLabels
