"""From a head to the detections in an archive: scores of all windows, a threshold for each class, events."""

import dataclasses
from typing import Any, Dict, List, Mapping

from audioset_triplet.config.detection import DetectionConfig, RatedHeadConfig
from audioset_triplet.detection import archive_scores, events, rated_head
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.rated_quality import ClassQuality
from audioset_triplet.jobs.passes import Where
from audioset_triplet.plurals import counted, duration
from audioset_triplet.store import detections
from audioset_triplet.store.detections import Detections
from audioset_triplet.store.heads import Head


@dataclasses.dataclass(frozen=True)
class Found:
    """The detections of a class."""

    num_events: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class ArchiveDetections:
    """What was detected, and how far it can be trusted."""

    detections: Detections
    qualities: List[ClassQuality]  # of all classes, with the thresholds that were used
    found: Mapping[str, Found]  # name of a class with a threshold -> its detections

    def numbers(self) -> Dict[str, Any]:
        """Flat keys for results.json: detections/dog/num_detections, ..."""
        numbers: Dict[str, Any] = {"detections/num_detections": len(self.detections)}
        for one in self.qualities:
            found = self.found.get(one.name)
            own = {"num_detections": found.num_events, "hours": found.seconds / 3600} if found else {}
            numbers.update({f"detections/{one.name}/{name}": value for name, value in {**one.numbers(), **own}.items()})
        return numbers

    def in_words(self) -> List[str]:
        """A line for each class."""
        lines = []
        for one in self.qualities:
            if one.name in self.found and one.threshold:
                found, threshold = self.found[one.name], one.threshold
                lines.append(
                    f"{one.name}: {counted(found.num_events, 'detection')}, {duration(found.seconds)}, "
                    f"threshold {threshold.score:.3f}, {'; '.join(rated_head.precision_in_words(threshold))}"
                )
            else:
                lines.append(f"{one.name}: left out: {one.problem}")
        return lines


def detect(
    head: Head,
    head_path: str,
    folder: str,
    output: str,
    where: Where,
    learned: RatedHeadConfig,
    config: DetectionConfig,
) -> ArchiveDetections:
    """Scores a store, and writes the detections (`store.detections`).

    Args:
        head, head_path: the head, and its file for errors.
        folder: the store.
        output: where the detections are written; the scores are where `where` says.
        where: the scoring runs (`archive_scores.at`).
        learned: the precision that is asked for.
        config: what becomes a detection.

    Raises:
        UserError: no class has a threshold; what `archive_scores.write` raises.
    """
    archive_scores.write(head, head_path, folder, where)
    counts = archive_scores.count(head, where.folder)
    qualities = rated_head.quality(head, learned, counts)
    if config.threshold:
        qualities = [_at(one, config.threshold, head) for one in qualities]
    thresholds = {one.name: one.threshold.score for one in qualities if one.threshold}
    if not thresholds:
        reasons = "; ".join(f"{one.name}: {one.problem}" for one in qualities)
        raise UserError(f"no class has a threshold: {reasons}: rate more clips, ask for less, or give --threshold.")
    found = events.detect(where.folder, thresholds, head.info.max_gap_seconds)
    detections.write(output, found, config.low_hz, config.high_hz)
    return ArchiveDetections(found, qualities, {name: _found(found, name) for name in thresholds})


def _at(quality: ClassQuality, score: float, head: Head) -> ClassQuality:
    """The quality of a class at a given threshold."""
    if quality.name not in head.info.classes:
        return quality
    return dataclasses.replace(quality, threshold=quality.at(score), num_windows=None, num_events=None, problem="")


def _found(found: Detections, name: str) -> Found:
    rows = found.labels == name
    return Found(int(rows.sum()), float((found.end_seconds - found.start_seconds)[rows].sum()))
