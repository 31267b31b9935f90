"""Answers from labels that clips came with: what a person would be asked for, where it is known already."""

from typing import List

from audioset_triplet.errors import UserError
from audioset_triplet.labelling.annotation_log import Answer, Ledger
from audioset_triplet.store import stored_clips


def answers(ledger: Ledger, embeddings: str) -> List[Answer]:
    """An answer to each open question; to one about a clip without a label: does not know.

    Args:
        ledger: the questions.
        embeddings: the folder with the clips, whose labels are those of the records that they were made from.

    Raises:
        UserError: what `clips.read_clips` raises, or a clip that is not there.
    """
    stored = stored_clips.read_clips(embeddings)
    known = dict(zip(stored.clip_ids, stored.labels))
    missing = [question.clip_id for question in ledger.open_questions() if question.clip_id not in known]
    if missing:
        raise UserError(f"{embeddings}: lacks {len(missing)} of the clips that were asked about, such as {missing[0]}.")
    return [
        Answer(question.clip_id, tuple(stored.class_names[label] for label in known[question.clip_id]), "oracle")
        for question in ledger.open_questions()
    ]
