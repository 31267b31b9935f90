"""What Label Studio exports as answers of the annotation log: of each annotator one to each question.

The tasks are those of `label_studio_tasks`, or those about clusters of `annotation_files`, which have no number. A
cancelled annotation is a skip, an empty one no answer. Annotators need not agree: votes decide (`votes`).
"""

import dataclasses
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from audioset_triplet import tables, text_files
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import label_studio
from audioset_triplet.labelling.annotation_log import AnnotationLog
from audioset_triplet.labelling.cluster_log import UNKNOWN
from audioset_triplet.labelling.events import Answer, interval_of
from audioset_triplet.labelling.label_studio import Annotation
from audioset_triplet.labelling.label_studio_tasks import ADDED, COMMENT, CONTROLS, QUESTION
from audioset_triplet.store.ratings import PRESENT

SKIPPED = "skipped in Label Studio"
NO_NAME = "label-studio"  # the rater where the export does not say who annotated
_ADVICE = "give Label Studio's export as JSON"


class Imported(NamedTuple):
    """The answers of a file."""

    num_new: int
    num_changed: int  # in place of another answer of the rater
    num_known: int  # that the log has
    num_empty: int  # annotations that say nothing


def add(log: AnnotationLog, path: str) -> Imported:
    """Writes the answers of an export to the log, all of them or, on an error, none.

    An answer that the log has is skipped; another answer of the same rater to the same question replaces it.

    Raises:
        UserError: the file cannot be read, or is not of tasks about questions of the log; an annotation contradicts
            itself; with the entry.
    """
    answers: Dict[Tuple[int, str], Answer] = {}
    num_empty = 0
    entries = label_studio.objects(path, text_files.read(path, _ADVICE), _ADVICE)
    for entry_number, entry in enumerate(entries, start=1):
        where = f"{path}: entry {entry_number}"
        if "annotations" not in entry:
            raise UserError(f"{where}: {label_studio.NOT_EXPORTED if 'data' in entry else f'is no task: {_ADVICE}'}")
        number = _question_of(where, entry, log)
        for annotation in label_studio.annotations(where, entry, [*CONTROLS.values()], [ADDED, COMMENT]):
            answer = _answer(where, number, annotation, log)
            if answer is None:
                num_empty += 1
            else:
                answers[number, answer.rater] = answer  # of several annotations of a person the last one
    before = {key: log.answer_of(*key) for key in answers}
    new = [answer for key, answer in answers.items() if not _says_the_same(before[key], answer)]
    log.add_answers(new)
    num_changed = sum(before[answer.question, answer.rater] is not None for answer in new)
    return Imported(len(new) - num_changed, num_changed, len(answers) - len(new), num_empty)


def _question_of(where: str, task: Dict[str, Any], log: AnnotationLog) -> int:
    """The question of a task: by its number, or by its clip as a whole; the clip and the times must be the same."""
    clip_id = label_studio.text_of(where, label_studio.data_of(where, task, "clip_id"))
    times = [task["data"].get(name) for name in ("start_time_seconds", "end_time_seconds")]
    try:
        interval = interval_of(clip_id, *times)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{where}: {times} are no times.") from error
    number = task["data"].get(QUESTION)
    if number is None:
        number = next((own for own, question in log.questions.items() if question.interval == interval), None)
    question = log.questions.get(number) if isinstance(number, int) else None
    if question is None or question.interval != interval:
        raise UserError(f"{where}: {log.path} has no such question about clip {clip_id}: were its tasks exported here?")
    assert isinstance(number, int)
    return number


def _answer(where: str, number: int, annotation: Annotation, log: AnnotationLog) -> Optional[Answer]:
    rater, comment = annotation.annotator or NO_NAME, "\n".join(annotation.texts[COMMENT])
    if annotation.was_cancelled:
        return Answer(number, rater, skip_reason=SKIPPED, comment=comment, seconds=annotation.seconds)
    ratings, others = _chosen(f"{where}: annotator {rater}", log.questions[number].labels, annotation)
    typed = [label.strip() for label in annotation.texts[ADDED]]
    added = [label for label in (*others, *typed) if label and label != UNKNOWN]
    is_unknown = UNKNOWN in others
    if is_unknown and (ratings or added):
        raise UserError(f"{where}: annotator {rater} says {UNKNOWN!r} and something else: keep one of them.")
    if not (ratings or added or is_unknown):
        return None
    names = tuple(dict.fromkeys(tables.meant(label, log.classes.values()) or label for label in added))
    return Answer(number, rater, ratings, names, is_unknown, comment=comment, seconds=annotation.seconds)


def _chosen(where: str, candidates: Sequence[str], annotation: Annotation) -> Tuple[Dict[str, str], List[str]]:
    """The ratings of candidate labels, and what else was chosen as present.

    Args:
        where: file, entry and annotator, to begin an error with.
        candidates: the labels that the question is about.
        annotation: the choices.
    """
    ratings: Dict[str, str] = {}
    others: List[str] = []
    for rating, control in CONTROLS.items():
        for label in annotation.choices[control]:
            if label in candidates:
                if ratings.setdefault(label, rating) != rating:
                    raise UserError(f"{where} rates {label!r} as {ratings[label]} and as {rating}: keep one of them.")
            elif rating == PRESENT:
                others.append(label)
            else:
                raise UserError(f"{where} rates {label!r}, which the question is not about.")
    return ratings, others


def _says_the_same(known: Optional[Answer], answer: Answer) -> bool:
    """Whether the log has an answer; Label Studio does not keep the key of a request and the reason of a skip."""
    if known is None:
        return False
    reason = SKIPPED if known.skip_reason else ""
    return dataclasses.replace(known, key="", seconds=answer.seconds, skip_reason=reason) == answer
