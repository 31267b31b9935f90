"""The oracle: answers from the labels that clips came with, in place of a person's."""

from typing import List

from audioset_triplet.errors import UserError
from audioset_triplet.labelling.cluster_log import ClusterAnswer, ClusterLog
from audioset_triplet.store import stored_clips


def answers(log: ClusterLog, embeddings: str) -> List[ClusterAnswer]:
    """An answer to each open question; for a clip without a label: does not know.

    Args:
        log: the questions.
        embeddings: the folder with the clips, with the labels of the records that they were made from.

    Raises:
        UserError: what `stored_clips.read_clips` raises, or a clip is missing.
    """
    stored = stored_clips.read_clips(embeddings)
    known = dict(zip(stored.clip_ids, stored.labels))
    missing = [question.clip_id for question in log.open_questions() if question.clip_id not in known]
    if missing:
        raise UserError(f"{embeddings}: lacks {len(missing)} of the queried clips, such as {missing[0]}.")
    return [
        ClusterAnswer(question.clip_id, tuple(stored.class_names[label] for label in known[question.clip_id]), "oracle")
        for question in log.open_questions()
    ]
