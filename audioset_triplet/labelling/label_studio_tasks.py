"""The questions of an annotation log as tasks of Label Studio, with predictions and annotations, and their interface.

    data         the question, its clip and times, the labels to choose from, and the address of the audio
    predictions  a candidate label with a score each; the model version is the source that chose it
    annotations  the answers of raters, or what votes decide

The interface has a group of choices for each rating, and text areas for other labels and a comment. Its choices come
with each task, so that one project takes questions about any labels. Format: labelstud.io/guide/task_format.html.
"""

from typing import Any, Dict, Iterable, List, Mapping, Sequence

from audioset_triplet.labelling import votes
from audioset_triplet.labelling.annotation_log import AnnotationLog
from audioset_triplet.labelling.cluster_log import UNKNOWN
from audioset_triplet.labelling.events import Answer, Candidate, Question
from audioset_triplet.labelling.label_studio import CONTROL, OBJECT
from audioset_triplet.store.ratings import NOT_ACOUSTIC, NOT_PRESENT, PRESENT, UNSURE

# Rating -> its choices.
CONTROLS = {PRESENT: CONTROL, NOT_PRESENT: "not_present", UNSURE: "unsure", NOT_ACOUSTIC: "not_acoustic"}
ADDED, COMMENT = "added", "comment"  # text areas
QUESTION = "question"  # in the data of a task: the number of the question
_HEADERS = {
    PRESENT: "Present",
    NOT_PRESENT: "Not present",
    UNSURE: "Unsure",
    NOT_ACOUSTIC: "Not acoustic: it fits, and cannot be heard",
}


def of_log(
    log: AnnotationLog,
    classes: Sequence[str],
    audio: Mapping[str, str],
    annotations: Mapping[int, List[Dict[str, Any]]],
) -> List[Dict[str, Any]]:
    """A task for each question, in the order of the log.

    Args:
        log: the questions.
        classes: names to choose from where the question is "what is it?".
        audio: clip id -> address of its audio.
        annotations: question -> those that go with it.
    """
    return [
        {
            "data": {
                QUESTION: number,
                "clip_id": question.clip_id,
                "start_time_seconds": question.start_seconds,
                "end_time_seconds": question.end_seconds,
                "about": _about(question),
                "candidates": _choices(question.labels),
                "labels": _choices([*question.labels, *_others(question, classes)]),
                "audio": audio[question.clip_id],
            },
            "predictions": _predictions(question),
            "annotations": annotations.get(number, []),
        }
        for number, question in log.questions.items()
    ]


def all_annotations(log: AnnotationLog) -> Dict[int, List[Dict[str, Any]]]:
    """Question -> the answer of each rater that counts, in the order of time."""
    annotations: Dict[int, List[Dict[str, Any]]] = {}
    for answer in log.current_answers():
        one = {**_annotation(answer), "completed_by": {"email": answer.rater}, "lead_time": answer.seconds}
        annotations.setdefault(answer.question, []).append(one)
    return annotations


def decided_annotations(log: AnnotationLog, decided: Mapping[votes.Pair, str]) -> Dict[int, List[Dict[str, Any]]]:
    """Question -> what votes decide about its labels, and about those that its raters added; where they decide any.

    Args:
        log: questions and answers.
        decided: as `votes.decided` gives it.
    """
    added: Dict[int, Dict[str, None]] = {}
    for answer in log.current_answers():
        interval = log.questions[answer.question].interval
        present = {label: None for label in answer.added if decided.get((interval, label)) == PRESENT}
        added.setdefault(answer.question, {}).update(present)
    annotations: Dict[int, List[Dict[str, Any]]] = {}
    for number, question in log.questions.items():
        pairs = {label: (question.interval, label) for label in question.labels}
        ratings = {label: decided[pair] for label, pair in pairs.items() if pair in decided}
        others = tuple(label for label in added.get(number, ()) if label not in ratings)
        if ratings or others:
            annotations[number] = [_annotation(Answer(number, "votes", ratings, others))]
    return annotations


def interface() -> str:
    """The labelling interface of the project."""
    groups: List[str] = []
    for rating, name in CONTROLS.items():
        value = "$labels" if rating == PRESENT else "$candidates"
        groups += [
            f'  <Header value="{_HEADERS[rating]}"/>',
            f'  <Choices name="{name}" toName="{OBJECT}" choice="multiple" showInline="true" value="{value}"/>',
        ]
    return "\n".join(
        [
            "<View>",
            f'  <Audio name="{OBJECT}" value="$audio"/>',
            '  <Header value="$about"/>',
            *groups,
            '  <Header value="Other sounds, a label each"/>',
            f'  <TextArea name="{ADDED}" toName="{OBJECT}"/>',
            '  <Header value="Comment"/>',
            f'  <TextArea name="{COMMENT}" toName="{OBJECT}" maxSubmissions="1"/>',
            "</View>\n",
        ]
    )


def _about(question: Question) -> str:
    if question.start_seconds is None or question.end_seconds is None:
        return "The whole clip"
    return f"From {question.start_seconds:g} s to {question.end_seconds:g} s"


def _others(question: Question, classes: Sequence[str]) -> List[str]:
    """What may be chosen besides the candidates: that one does not know, and the classes where they are asked about."""
    asks_what = any(not candidate.label for candidate in question.candidates)
    return [name for name in (*(classes if asks_what else ()), UNKNOWN) if name not in question.labels]


def _choices(names: Iterable[str]) -> List[Dict[str, str]]:
    return [{"value": name} for name in names]


def _predictions(question: Question) -> List[Dict[str, Any]]:
    """Of its candidates, the highest score first."""
    scored = [one for one in question.candidates if one.label and one.score is not None]
    return [_prediction(one) for one in sorted(scored, key=lambda one: -(one.score or 0))]


def _prediction(candidate: Candidate) -> Dict[str, Any]:
    region = {**_region(CONTROL, "choices", [candidate.label]), "score": candidate.score}
    return {"model_version": candidate.source, "score": candidate.score, "result": [region]}


def _annotation(answer: Answer) -> Dict[str, Any]:
    chosen: Dict[str, List[str]] = {CONTROL: [UNKNOWN]} if answer.is_unknown else {}
    for label, rating in answer.ratings.items():
        chosen.setdefault(CONTROLS[rating], []).append(label)
    typed = {ADDED: list(answer.added), COMMENT: [answer.comment] if answer.comment else []}
    regions = [_region(name, "choices", names) for name, names in chosen.items()]
    regions += [_region(name, "textarea", texts) for name, texts in typed.items() if texts]
    return {"result": regions, "was_cancelled": bool(answer.skip_reason), "ground_truth": False}


def _region(control: str, kind: str, values: List[str]) -> Dict[str, Any]:
    key = "choices" if kind == "choices" else "text"
    return {"from_name": control, "to_name": OBJECT, "type": kind, "value": {key: values}}
