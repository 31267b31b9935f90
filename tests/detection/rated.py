"""A small archive of two classes with planted windows, and logs of ratings about it."""

import pathlib
from typing import Dict, List, Sequence, Tuple

import numpy as np

from audioset_triplet.labelling import log_folder
from audioset_triplet.labelling.events import Answer, Candidate, Question
from audioset_triplet.store.questions import TOP
from audioset_triplet.store.ratings import NOT_PRESENT, PRESENT
from tests.search import stores

SIZE = 16
HOP = stores.HOP_SECONDS
Rating = Tuple[str, int, str, bool]  # clip id, window, class, whether it is present


def archive(folder: pathlib.Path, num_clips: int = 40, windows: int = 6, noise: float = 0.5, seed: int = 0) -> Dict:
    """A store of clips `talks/RECORDING/NUMBER`, two of each recording; returns clip id -> [windows, 2] bool.

    A window with a class has its direction, all have the direction of the background, and noise.
    """
    random = np.random.default_rng(seed)
    directions = np.linalg.qr(random.normal(size=[SIZE, 3]))[0].T
    planted, clips = {}, {}
    for number in range(num_clips):
        name = f"talks/{number // 2}/{number:03d}"
        planted[name] = random.random([windows, 2]) < 0.3
        vectors = directions[2] + planted[name] @ directions[:2]
        clips[name] = vectors + noise * random.normal(size=vectors.shape) / np.sqrt(SIZE)
    stores.write(folder, clips, clips_per_part=10)
    return planted


def ratings_of(planted: Dict, clip_ids: Sequence[str], classes: Sequence[str] = ("dog", "cat")) -> List[Rating]:
    """The ratings of all windows of some clips."""
    return [
        (clip_id, window, label, bool(planted[clip_id][window, column]))
        for clip_id in clip_ids
        for window in range(len(planted[clip_id]))
        for column, label in enumerate(classes)
    ]


def write_log(folder: pathlib.Path, ratings: Sequence[Rating], source: str = TOP) -> str:
    """A log with a question and an answer for each window; ratings of a window are one screen."""
    screens: Dict[Tuple[str, int], Dict[str, str]] = {}
    for clip_id, window, label, is_present in ratings:
        screens.setdefault((clip_id, window), {})[label] = PRESENT if is_present else NOT_PRESENT
    questions = [
        Question(
            clip_id,
            round(HOP * window, 3),
            round(HOP * (window + 1), 3),
            tuple(Candidate(label, 0.5, source) for label in of_labels),
        )
        for (clip_id, window), of_labels in screens.items()
    ]
    with log_folder.open_or_create(str(folder), None, {}) as log:
        first = len(log.questions)
        log.add_questions(questions)
        log.add_answers([Answer(first + at, "anna", of) for at, of in enumerate(screens.values())])
    return str(folder)
