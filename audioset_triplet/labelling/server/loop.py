"""The loop on the rating page: ratings train a head, the page shows how good it is, and offers the next clips.

One thread does the work, so that no answer waits for it: it trains a head on the ratings so far (seconds), keeps it in
head.npz of the workdir, and scores the store of embeddings for what may be asked next. It begins when it is asked to,
after every few new answers, and when the server starts with a head, or with ratings that the head has not seen.
"""

import contextlib
import os
import threading
from typing import Any, Collection, Dict, List, Optional, Tuple

import numpy as np

from audioset_triplet.config.detection import LoopConfig
from audioset_triplet.detection import pools as archive
from audioset_triplet.detection import rated_examples, rated_head
from audioset_triplet.detection.pools import Pools
from audioset_triplet.detection.rated_examples import Rated, WindowCache
from audioset_triplet.detection.rated_head import NothingToLearn
from audioset_triplet.evaluation import rated_precision
from audioset_triplet.evaluation.rated_quality import ClassQuality, Counts, Threshold
from audioset_triplet.labelling.events import Candidate, Question
from audioset_triplet.labelling.server.session import BadRequest, Conflict, Session
from audioset_triplet.store import embeddings, heads
from audioset_triplet.store.heads import Head
from audioset_triplet.store.questions import RANDOM, TOP, UNCERTAIN

SOURCES = (TOP, UNCERTAIN, RANDOM)
_POOL_SIZE = 2000  # windows of a class and a source, beside those that were asked
_APART_SECONDS = 5.0  # from a window that is offered to the next that was asked about, of one clip and class
_MOST_OFFERED = 100
_NUMBERS = ("num_present", "num_absent", "num_random", "num_windows", "num_events")
_MOST_POINTS = 60  # of a curve on the page
_IDLE, _TRAINING, _SCORING = "idle", "training", "scoring"


class Loop:
    """The thread, and what is known so far; for several threads."""

    def __init__(self, session: Session, config: LoopConfig, workdir: str, clip_ids: Collection[str]) -> None:
        """
        Args:
            session: the ratings, and where questions go.
            config: the embeddings, and the head.
            workdir: where head.npz is kept.
            clip_ids: the clips that the page can play; others are not offered.

        Raises:
            UserError: no such embeddings; a damaged head, or one of other embeddings.
        """
        self._session, self._config, self._clip_ids = session, config, frozenset(clip_ids)
        self._head_path = heads.path_in(workdir)
        self._cache = WindowCache(config.embeddings)
        store = embeddings.read_info(config.embeddings)
        self._window_seconds, _ = rated_examples.window_times(config.embeddings, config.head.window_seconds)
        self._head: Optional[Head] = None
        if os.path.exists(self._head_path):
            self._head = heads.read(self._head_path)
            self._head.require_same_model(store, config.embeddings, self._head_path)
        self._condition = threading.Condition()
        self._is_wanted = False  # a training
        self._is_closed = False
        self._phase, self._progress, self._error = _IDLE, 0.0, ""
        self._left_out: Dict[str, str] = dict(self._head.info.left_out) if self._head else {}
        self._qualities: List[ClassQuality] = []
        self._pools: Optional[Pools] = None
        self._num_new = 0  # answers since the last training
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; what it is doing is given up."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
        self._thread.join()

    def answered(self, change: int = 1) -> None:
        """An answer came; after an undo one less."""
        with self._condition:
            self._num_new = max(0, self._num_new + change)
            if self._config.train_every and self._num_new >= self._config.train_every:
                self._want()

    def train(self) -> Dict[str, Any]:
        """Asks for a training, and returns the state."""
        with self._condition:
            self._want()
            return self._described()

    def state(self) -> Dict[str, Any]:
        """What the page shows: see `app`."""
        with self._condition:
            return self._described()

    def offer(self, label: Any, source: Any, count: Any) -> int:
        """Adds questions to the log, which come before those that are open; returns how many.

        Raises:
            BadRequest: no such class or source.
            Conflict: the store is not scored yet, or nothing is left to ask.
            UserError: the log cannot be written.
        """
        if source not in SOURCES or type(count) is not int or not 0 < count <= _MOST_OFFERED:
            raise BadRequest(f"an offer has a source ({', '.join(SOURCES)}) and a count of at most {_MOST_OFFERED}")
        with self._condition:
            if label not in [one.name for one in self._qualities]:
                raise BadRequest(f"nobody has rated the class {label!r}")
            if self._pools is None:
                raise Conflict("the archive is not scored yet: wait a moment")
            rows, head = archive.of_source(self._pools, label, source), self._head
        details = {"head": head.id} if head else {}
        asked = self._session.asked(label)
        questions: List[Question] = []
        for row in rows:
            times = (round(row.start_seconds, 3), round(row.start_seconds + self._window_seconds, 3))
            is_playable = row.clip_id in self._clip_ids
            if is_playable and len(questions) < count and not _is_near(times, asked.get(row.clip_id, [])):
                asked.setdefault(row.clip_id, []).append(times)
                candidate = Candidate(label, None if row.score is None else round(row.score, 6), source, details)
                questions.append(Question(row.clip_id, *times, (candidate,)))
        if not questions:
            raise Conflict("nothing is left to offer of this kind: train again, or choose another")
        return self._session.offer(questions)

    def _want(self) -> None:
        self._is_wanted, self._num_new = True, 0
        self._condition.notify_all()

    def _work(self) -> None:
        rated = self._session.rated(self._config.head.voting)
        with self._condition:
            self._measure(None, rated)
            is_new = len(rated.pairs) > 0 and (not self._head or self._head.info.ratings_digest != rated.digest)
            self._is_wanted |= bool(self._config.train_every) and is_new
        while not self._is_closed:
            try:
                if self._is_wanted:
                    self._train()
                self._score()
            except archive.Stopped:
                continue
            except Exception as error:  # the page says it, and raters go on
                self._say(" ".join(str(error).split()) or type(error).__name__)
            with self._condition:
                self._phase = _IDLE
                self._condition.wait_for(lambda: self._is_wanted or self._is_closed)

    def _train(self) -> None:
        with self._condition:
            self._is_wanted, self._phase, self._error = False, _TRAINING, ""
        rated = self._session.rated(self._config.head.voting)
        try:
            head: Optional[Head] = rated_head.train(rated, self._cache, self._config.head).head
            left_out = dict(head.info.left_out) if head else {}
        except NothingToLearn as nothing:
            head, left_out = None, nothing.left_out
        if head:
            heads.write(self._head_path, head)
        with self._condition:
            self._head, self._left_out, self._pools = head or self._head, left_out, None
            self._measure(None, rated)

    def _score(self) -> None:
        with self._condition:
            self._phase, self._progress, head = _SCORING, 0.0, self._head
        size = _POOL_SIZE + self._session.num_questions
        pools = archive.fill(self._config.embeddings, head, size, self._config.head.head_seed, self._show)
        rated = self._session.rated(self._config.head.voting)
        with self._condition:
            self._pools = pools
            self._measure(pools.counts if head else None, rated)

    def _show(self, share: float) -> bool:
        self._progress = share
        return not (self._is_wanted or self._is_closed)

    def _say(self, error: str) -> None:
        with self._condition:
            self._error = error

    def _measure(self, counts: Optional[List[Counts]], rated: Rated) -> None:
        """The quality of the classes of the head, then the others that have ratings."""
        measured = rated_head.measured(self._head, self._config.head, counts) if self._head else []
        known = {one.name for one in measured}
        labels = sorted(set(rated.pairs.labels) - known)
        self._qualities = measured + [_unlearned(name, rated, self._left_out.get(name, "")) for name in labels]

    def _described(self) -> Dict[str, Any]:
        return {
            "phase": _TRAINING if self._is_wanted else self._phase,
            "progress": round(self._progress, 3),
            "error": self._error,
            "num_new": self._num_new,
            "train_every": self._config.train_every,
            "precision": self._config.head.precision,
            "confidence": self._config.head.confidence,
            "num_ratings": len(self._head.ratings.columns) if self._head else 0,
            "is_scored": self._pools is not None,
            "classes": [_described(one) for one in self._qualities],
        }


def _is_near(times: Tuple[float, float], asked: List[Tuple[float, float]]) -> bool:
    """Whether an interval overlaps one that was asked about, or is too near to it."""
    return any(times[0] < end + _APART_SECONDS and start - _APART_SECONDS < times[1] for start, end in asked)


def _unlearned(name: str, rated: Rated, why: str) -> ClassQuality:
    rows = rated.pairs.labels == name
    is_present = rated.pairs.is_present[rows]
    num_present = int(is_present.sum())
    num_random = int(rated.is_random[rows].sum())
    return ClassQuality(name, num_present, len(is_present) - num_present, num_random, problem=why or "not trained yet")


def _described(one: ClassQuality) -> Dict[str, Any]:
    """A class for the page."""
    values: Dict[str, Any] = {
        "name": one.name,
        "problem": one.problem,
        "has_head": one.ratings is not None or one.average_precision is not None,
        **{name: getattr(one, name) for name in _NUMBERS},
        "average_precision": one.average_precision,
        "threshold": _threshold(one.threshold) if one.threshold else None,
        "charts": None,
    }
    if one.ratings is not None and one.event_curve is not None:
        scores, is_present = one.ratings.scores, one.ratings.is_present
        curve = one.event_curve
        chosen = np.unique(np.linspace(0, len(curve.thresholds) - 1, _MOST_POINTS).astype(int))
        points = np.stack([curve.thresholds, curve.precisions, curve.lows], axis=1)
        values["charts"] = {
            "present": rated_precision.histogram(scores[is_present]).tolist(),
            "absent": rated_precision.histogram(scores[~is_present]).tolist(),
            "curve": np.round(points[chosen], 4).tolist(),
        }
    return values


def _threshold(one: Threshold) -> Dict[str, Any]:
    kinds = {"events": one.events, "windows": one.windows}
    return {"score": one.score, **{kind: known and known._asdict() for kind, known in kinds.items()}}


@contextlib.contextmanager
def running(loop: Optional[Loop]) -> Any:
    """Starts a loop for the block, if there is one."""
    if loop is None:
        yield
        return
    loop.start()
    try:
        yield
    finally:
        loop.close()
