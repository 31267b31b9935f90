"""From the answers about single clips to weak labels of all clips of their clusters (Jansen et al. 2020)."""

from typing import NamedTuple

from audioset_triplet.errors import UserError
from audioset_triplet.labelling.annotation_log import Ledger
from audioset_triplet.labelling.clip_clusters import Clusters
from audioset_triplet.store import weak_labels


class Propagated(NamedTuple):
    """What has labels now."""

    num_clips: int
    num_clusters: int
    num_unnamed: int  # classes that are in no answer


def write(path: str, found: Clusters, ledger: Ledger) -> Propagated:
    """Writes the labels that each clip gets from its cluster's answered clip (`weak_labels`).

    Raises:
        UserError: the questions were asked about other clusters, or none has got labels for an answer.
    """
    ledger.require_same(found.facts, ledger.classes)
    labels = ledger.cluster_labels()
    if not labels:
        raise UserError(f"{path}: no label to propagate: none of {len(ledger.questions)} questions has got one yet.")
    given = list(zip(found.clip_ids, found.numbers.tolist(), found.propagated(labels)))
    weak_labels.write(
        path,
        (
            (clip_id, label, ledger.classes[label], cluster, clip_id in ledger.answers)
            for clip_id, cluster, own in given
            for label in own
        ),
    )
    named = set().union(*labels.values())
    return Propagated(sum(bool(own) for *_, own in given), len(labels), len(ledger.classes) - len(named))
