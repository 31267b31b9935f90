"""Propagation: every clip of a cluster gets the labels of its annotated clip (Jansen et al. 2020)."""

from typing import NamedTuple

from audioset_triplet.errors import UserError
from audioset_triplet.labelling.clip_clusters import ClipClusters
from audioset_triplet.labelling.cluster_log import ClusterLog
from audioset_triplet.store import weak_labels


class Propagated(NamedTuple):
    """How much the propagated labels cover."""

    num_clips: int
    num_clusters: int
    num_unnamed: int  # classes that are in no answer


def write(path: str, clusters: ClipClusters, log: ClusterLog) -> Propagated:
    """Writes the labels that each clip gets from its cluster's annotated clip (`weak_labels`).

    Raises:
        UserError: the log is about other clusters, or has no answer with a label.
    """
    log.require_same(clusters.facts, log.classes)
    labels = log.cluster_labels()
    if not labels:
        raise UserError(f"{path}: no label to propagate: none of {len(log.questions)} questions has got one yet.")
    propagated = list(zip(clusters.clip_ids, clusters.numbers.tolist(), clusters.propagated(labels)))
    weak_labels.write(
        path,
        (
            weak_labels.Row(clip_id, label, log.classes[label], cluster, clip_id in log.answers)
            for clip_id, cluster, clip_labels in propagated
            for label in clip_labels
        ),
    )
    named = set().union(*labels.values())
    num_clips = sum(bool(clip_labels) for *_, clip_labels in propagated)
    return Propagated(num_clips, len(labels), len(log.classes) - len(named))
