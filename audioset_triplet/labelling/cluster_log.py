"""The annotation log of a clustering: one clip of each cluster is queried, "what is it?", on behalf of its cluster.

A view of `annotation_log`: questions have the source `cluster` and name their cluster in the details. Files, the
oracle and raters on the rating page answer them; the labels of a clip are all classes that one of them names.
"""

import collections
import contextlib
import dataclasses
import re
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from audioset_triplet import tables, text_files
from audioset_triplet.config.voting import VotingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import log_folder, votes
from audioset_triplet.labelling.annotation_log import AnnotationLog
from audioset_triplet.labelling.events import Answer, Candidate, Question
from audioset_triplet.store.questions import CLUSTER
from audioset_triplet.store.ratings import PRESENT

UNKNOWN = "?"  # in place of a class: the annotator does not know
SEPARATOR = ";"  # between several classes
_OTHER_SEPARATORS = re.compile(r"[,|/&+\t\r\n]+")  # that people may write instead


@dataclasses.dataclass(frozen=True)
class ClusterQuestion:
    """A clip to be annotated, on behalf of its cluster."""

    clip_id: str
    cluster: int
    cluster_size: int  # clips, this one included
    round: int  # number of the call of `query`, whose questions have a folder of files of their own
    draw: str  # how the clip was chosen: config.labelling.SelectionConfig.member
    seed: int

    def details(self) -> Dict[str, Any]:
        """What the log keeps beside the clip."""
        values = dataclasses.asdict(self)
        del values["clip_id"]
        return values


@dataclasses.dataclass(frozen=True)
class ClusterAnswer:
    """The annotation of a clip."""

    clip_id: str
    labels: Tuple[str, ...]  # names of classes, in the order of their indices; empty: the annotator does not know
    by: str  # oracle, file, label-studio, or the name of a rater; several joined by commas


class ClusterLog:
    """The questions about clusters and their answers."""

    def __init__(self, log: AnnotationLog) -> None:
        self._log = log
        self._number_of: Dict[str, int] = {}  # clip id -> its question
        self.questions: Dict[str, ClusterQuestion] = {}  # clip id -> its question, in the order of the file
        self.answers: Dict[str, ClusterAnswer] = {}  # clip id -> its answer
        self._update()

    @property
    def classes(self) -> Dict[int, str]:
        """Index -> name, ascending."""
        return self._log.classes

    @property
    def clustering(self) -> Any:
        return self._log.clustering

    def open_questions(self) -> List[ClusterQuestion]:
        """Those without an answer."""
        return [question for clip_id, question in self.questions.items() if clip_id not in self.answers]

    def cluster_labels(self) -> Dict[int, Tuple[int, ...]]:
        """Cluster -> class indices, ascending, of the answer to its question; without answers that know no class."""
        indices = {name: index for index, name in self.classes.items()}
        return {
            self.questions[clip_id].cluster: tuple(indices[name] for name in answer.labels)
            for clip_id, answer in self.answers.items()
            if answer.labels
        }

    def require_same(self, clustering: Mapping[str, Any], classes: Mapping[int, str]) -> None:
        """Raises a UserError unless the questions are about these clusters, with these classes to choose from."""
        for subject, known, given in (("clusters", self.clustering, clustering), ("classes", self.classes, classes)):
            if known != given:
                raise UserError(f"{self._log.path} is about other {subject}: give the same ones, or another --workdir.")

    def add_questions(self, questions: Sequence[ClusterQuestion]) -> None:
        """Writes questions to the log; raises a ValueError for a clip or a cluster that was queried before."""
        clusters = {question.cluster for question in self.questions.values()}
        for question in questions:
            if question.clip_id in self.questions or question.cluster in clusters:
                raise ValueError(f"{question} was queried before")
            clusters.add(question.cluster)
        self._log.add_questions(
            [
                Question(question.clip_id, None, None, (Candidate("", None, CLUSTER, question.details()),))
                for question in questions
            ]
        )
        self._update()

    def add_answers(self, answers: Sequence[ClusterAnswer], source: str) -> int:
        """Writes answers to the log, all of them or, on an error, none; returns how many are new.

        Args:
            answers: an answer that the log has already is skipped.
            source: where the answers are from, for the errors.

        Raises:
            UserError: the clip of an answer was not queried, its class is unknown, or the log has another answer.
        """
        new: Dict[str, ClusterAnswer] = {}
        order = {name: index for index, name in self.classes.items()}
        clip_ids = {text_files.composed(clip_id): clip_id for clip_id in self.questions}
        for answer in answers:
            clip_id = clip_ids.get(text_files.composed(answer.clip_id))
            clip_id = answer.clip_id if answer.clip_id in self.questions else clip_id
            if clip_id is None:
                close = tables.closest(answer.clip_id, self.questions)
                hint = f"; is it {close}?" if close else ""
                raise UserError(f"{source}: clip {answer.clip_id} was not queried by {self._log.path}{hint}")
            names = {self._class_of(name, f"{source}: clip {clip_id}") for name in answer.labels}
            labels = tuple(sorted(names, key=order.__getitem__))
            answer = dataclasses.replace(answer, clip_id=clip_id, labels=labels)
            known = self.answers.get(answer.clip_id) or new.get(answer.clip_id)
            if known is None:
                new[answer.clip_id] = answer
            elif known.labels != answer.labels:
                raise UserError(
                    f"{source}: clip {answer.clip_id} is annotated with {_in_words(answer.labels)}, before with "
                    f"{_in_words(known.labels)} (by {known.by}); make them agree, or remove the line of the wrong "
                    f"answer from {self._log.path}."
                )
        self._log.add_answers(
            [
                Answer(self._number_of[answer.clip_id], answer.by, added=answer.labels, is_unknown=not answer.labels)
                for answer in new.values()
            ]
        )
        self._update()
        return len(new)

    def _class_of(self, name: str, where: str) -> str:
        """The class that a name means, in another case perhaps; a UserError for a name of none."""
        classes = list(self.classes.values())
        known = tables.meant(name, classes)
        if known is None:
            hint = tables.hint(name, classes)
            parts = [part.strip() for part in _OTHER_SEPARATORS.split(name)]
            if len(parts) > 1 and all(tables.meant(part, classes) for part in parts):
                hint = f"; several classes have {SEPARATOR!r} between them"
            raise UserError(
                f"{where} is annotated with {name!r}, which is none of the {len(classes)} classes of "
                f"{self._log.path}{hint}"
            )
        return known

    def _update(self) -> None:
        """Takes over what the log has about clusters."""
        for number, question in self._log.questions.items():
            for candidate in question.candidates:
                if candidate.source == CLUSTER and not candidate.label and question.interval[1:] == (None, None):
                    self._number_of[question.clip_id] = number
                    self.questions[question.clip_id] = ClusterQuestion(question.clip_id, **candidate.details)
        decided = votes.decided_labels(self._log, VotingConfig(votes=1), PRESENT)
        raters: Dict[str, List[str]] = {}
        for answer in self._log.current_answers():
            clip_id = self._log.questions[answer.question].clip_id
            if self._number_of.get(clip_id) == answer.question and not answer.skip_reason:
                raters.setdefault(clip_id, []).append(answer.rater)
        self.answers = {
            clip_id: ClusterAnswer(clip_id, self._classes_of(decided.get((clip_id, None, None), ())), ", ".join(by))
            for clip_id, by in raters.items()
        }

    def _classes_of(self, labels: Sequence[str]) -> Tuple[str, ...]:
        """Those of some labels that are classes, in the order of their indices."""
        return tuple(name for _, name in sorted(self.classes.items()) if name in labels)


def read(folder: str) -> ClusterLog:
    """The log of a folder.

    Raises:
        UserError: what `log_folder.read` raises, or a log that is about no clustering.
    """
    return _of_clusters(log_folder.read(folder))


@contextlib.contextmanager
def open_to_annotate(folder: str) -> Iterator[ClusterLog]:
    """The log of a folder, which no other process can write meanwhile; raises what `read` raises."""
    with log_folder.open_to_write(folder) as log:
        yield _of_clusters(log)


@contextlib.contextmanager
def open_to_query(folder: str, clustering: Dict[str, Any], classes: Dict[int, str]) -> Iterator[ClusterLog]:
    """The same, made if it is missing.

    Args:
        folder: made too.
        clustering: what the questions are about, as JSON.
        classes: index -> name.

    Raises:
        UserError: the log is about other clusters or classes; no class, two classes of one name, or a name that an
            annotation file cannot hold.
    """
    counts = collections.Counter(classes.values())
    for name, count in counts.items():
        if count > 1 or name in ("", UNKNOWN) or name != name.strip() or SEPARATOR in name:
            raise UserError(f"the name {name!r} does not stand for one class: give a list of classes by --classes.")
    if not counts:
        raise UserError("there are no classes to annotate with: give a list of their names by --classes.")
    with log_folder.open_or_create(folder, clustering, classes) as log:
        clusters = ClusterLog(log)
        clusters.require_same(clustering, classes)
        yield clusters


def _of_clusters(log: AnnotationLog) -> ClusterLog:
    if log.clustering is None:
        raise UserError(
            f"{log.path}: has no questions about clusters: experiments.label_clusters --task=query asks them, in a "
            "--workdir of its own."
        )
    return ClusterLog(log)


def _in_words(labels: Sequence[str]) -> str:
    return ", ".join(labels) or "“do not know”"
