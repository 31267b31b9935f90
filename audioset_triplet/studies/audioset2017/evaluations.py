"""The evaluations of the tables: window scores under one protocol -> numbers, and what figures need beside them."""

from typing import Any, Dict, List, Mapping

from audioset_triplet.clips import digest
from audioset_triplet.evaluation import metrics, protocols, rated_pairs, strong_windows
from audioset_triplet.evaluation.metrics import RankingMetrics
from audioset_triplet.evaluation.table import Measurement
from audioset_triplet.store import window_scores
from audioset_triplet.studies.audioset2017.evaluation_sets import EvaluationSet

MEASURES = (*metrics.HEADLINE_NAMES, "prior", *protocols.VIEW_NAMES)


def measure(task: str, folder: str, evaluated: EvaluationSet, facts: Mapping[str, float]) -> Measurement:
    """Measures a folder of window scores.

    Args:
        task: one of `evaluation_sets.TASKS` that the set has.
        folder: the scores of its clips.
        evaluated: the set.
        facts: more numbers of the row, which are not measured here.

    Raises:
        UserError: what the evaluation of the protocol raises.
    """
    clips = window_scores.clip_scores(folder)
    titles = metrics.class_titles(clips.class_names)
    details: Dict[str, Any] = {}
    more: Dict[str, float] = {}
    if task == "scores":
        measured = protocols.measure_clips(clips)
        ranked: RankingMetrics = measured.ranked
        more = {name: getattr(measured, name) for name in protocols.CALIBRATION_NAMES}
        details["bins"] = [[one.predicted, one.observed, one.share] for one in measured.bins]
    else:
        annotations = evaluated.read_annotations()
        rated, strong = annotations.rated, annotations.strong
        if task == "ratings":
            assert rated is not None
            annotated = rated_pairs.evaluate(folder, (), rated)
        else:
            assert strong is not None
            annotated = strong_windows.evaluate(folder, (), strong)
        ranked = annotated.ranked
        details["counts"] = {**annotated.counts, "classes_lost": len(annotated.labels.lost)}
    details["classes"] = {
        titles[label]: {"prior": one.prior, "d_prime": one.d_prime, "recall": one.recall}
        for label, one in ranked.classes.items()
    }
    values: Dict[str, List[float]] = {
        name: [getattr(ranked, name)] for name in MEASURES if getattr(ranked, name, None) is not None
    }
    values.update({name: [value] for name, value in {**more, **facts}.items()})
    by_title = {titles[label]: value for label, value in ranked.class_average_precision.items()}
    return Measurement(values, by_title, len(clips.clip_ids), digest(clips.clip_ids), details)
