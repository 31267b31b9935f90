"""Pools of clips whose classes follow a Zipf law: the natural imbalance of a collection, made from a balanced one.

AudioSet's priors differ by up to 10,000:1. Of M classes by rank r = 1, ..., M the law has

    n_r = rarest ratio^(1 - ln r / ln M),

the power law that falls from rarest * ratio clips of the commonest class to `rarest` clips of the rarest.

Shapes: n clips, M classes.
"""

import collections
from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.labelling.selection import draw_key
from audioset_triplet.store.stored_clips import Clips


class Pool(NamedTuple):
    """The clips that can be asked about."""

    rows: np.ndarray  # int, ascending
    num_clips: Dict[int, int]  # class -> its clips in the pool, the commonest first

    @property
    def ratio(self) -> float:
        """Clips of the commonest class for each of the rarest."""
        return max(self.num_clips.values()) / min(self.num_clips.values())


def zipf_counts(num_classes: int, ratio: float, rarest: int) -> List[int]:
    """How many clips the law has of each class, the commonest first; at least one."""
    ranks = np.arange(1, num_classes + 1)
    exponents = 1 - np.log(ranks) / np.log(max(num_classes, 2))
    return np.maximum(1, np.rint(rarest * ratio**exponents)).astype(int).tolist()


def draw(clips: Clips, rows: np.ndarray, ratio: float, rarest: int, name: str, commonest: Optional[int] = None) -> Pool:
    """Thins the classes of some clips to a Zipf law.

    Which class is how common is drawn. A class has as many clips as the law asks for, or all that there are. Recordings
    are drawn, and each is taken whole where it fits into what is left of the number; what then is missing comes from
    the first recording that did not fit. A clip of several classes counts for the rarest of them.

    Args:
        clips: the clips.
        rows: of those that may be in the pool.
        ratio: clips of the commonest class for each of the rarest, at least 1.
        rarest: clips of the rarest class.
        name: of the draw; another name draws other classes and clips.
        commonest: this class is the commonest; None: a random one.

    Raises:
        UserError: a class that none of the clips has.
    """
    of_class: Dict[int, List[int]] = {label: [] for label in clips.class_names}
    for row in rows.tolist():
        for label in clips.labels[row]:
            of_class[label].append(row)
    missing = [clips.class_names[label] for label, members in of_class.items() if not members]
    if missing:
        raise UserError(
            f"--ratios needs a clip of every class: there is none of {missing[0]!r} among the clips to annotate."
        )
    order = sorted(of_class, key=lambda label: (label != commonest, draw_key(name, f"class {label}")))
    counts = zipf_counts(len(order), ratio, rarest)
    chosen: Dict[int, None] = {}
    counted: Dict[int, None] = {}
    for label, count in reversed(list(zip(order, counts))):
        own = [row for row in of_class[label] if row not in counted]
        counted.update(dict.fromkeys(own))
        chosen.update(dict.fromkeys(_whole_recordings(clips, own, count, name)))
    return _pool(clips, sorted(chosen))


def whole(clips: Clips, rows: np.ndarray) -> Pool:
    """All of some clips."""
    return _pool(clips, rows.tolist())


def _pool(clips: Clips, rows: Sequence[int]) -> Pool:
    counts = collections.Counter(label for row in rows for label in clips.labels[row])
    return Pool(np.array(rows), dict(counts.most_common()))


def _whole_recordings(clips: Clips, rows: Sequence[int], count: int, name: str) -> List[int]:
    """Up to `count` of some rows, by recordings that are whole as far as they fit."""
    recordings: Dict[str, List[int]] = {}
    for row in sorted(rows, key=lambda row: draw_key(name, clips.clip_ids[row])):
        recordings.setdefault(clips.recording_ids[row], []).append(row)
    taken: List[int] = []
    too_long: List[int] = []
    for recording in sorted(recordings, key=lambda recording: draw_key(name, recording)):
        fits = len(taken) + len(recordings[recording]) <= count
        (taken if fits else too_long).extend(recordings[recording])
    return taken + too_long[: count - len(taken)]
