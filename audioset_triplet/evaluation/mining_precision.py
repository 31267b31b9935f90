"""How many of the first candidates of a rare class are right: draws of exemplars and pools, and precisions.

A class is made rare: of its clips, exemplars are drawn from recordings of their own, and as many others are left in the
pool as its prior asks for. The rest of the class is left out.

Shapes: n clips, N candidates.
"""

import dataclasses
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.store.stored_clips import Clips


@dataclasses.dataclass(frozen=True)
class Draw:
    """A rare class in a pool of clips."""

    exemplars: List[str]  # clip ids
    relevant: List[str]  # clips of the class in the pool
    left_out: List[str]  # its other clips
    num_clips: int  # of the pool, relevant ones included

    @property
    def prior(self) -> float:
        return len(self.relevant) / self.num_clips


def classes_of(clips: Clips, names: Sequence[str]) -> Dict[str, List[int]]:
    """Name of a class -> its clips, as rows; of all classes where `names` is empty.

    Raises:
        UserError: a name that no clip has.
    """
    rows: Dict[str, List[int]] = {}
    for row, labels in enumerate(clips.labels):
        for label in labels:
            rows.setdefault(clips.class_names[label], []).append(row)
    unknown = [name for name in names if name not in rows]
    if unknown:
        raise UserError(f"no clip has the class {unknown[0]!r}; there are {', '.join(sorted(rows)[:12])}.")
    return {name: rows[name] for name in (names or sorted(rows))}


def draw(
    clips: Clips, rows: Sequence[int], num_others: int, num_exemplars: int, prior: float, seed: Sequence[int]
) -> Optional[Draw]:
    """Draws exemplars, each of a recording of its own, and the clips of the class that stay in the pool.

    Args:
        clips: those of the class among them.
        rows: the clips of the class.
        num_others: clips of the pool that are not of the class.
        num_exemplars: how many.
        prior: share of the pool that is of the class; one clip at least.
        seed: of the draw.

    Returns:
        The draw; None where the class has too few recordings or clips.
    """
    random = np.random.default_rng(list(seed))
    order = [rows[position] for position in random.permutation(len(rows))]
    exemplars: Dict[str, int] = {}  # recording -> clip
    for row in order:
        if len(exemplars) < num_exemplars:
            exemplars.setdefault(clips.recording_ids[row], row)
    others = [row for row in order if clips.recording_ids[row] not in exemplars]
    num_relevant = max(1, round(prior / (1 - prior) * num_others))
    if len(exemplars) < num_exemplars or len(others) < num_relevant:
        return None
    relevant, chosen = others[:num_relevant], set(exemplars.values())
    left_out = [row for row in order if row not in chosen and row not in relevant]
    of_kinds = [[clips.clip_ids[row] for row in one] for one in (exemplars.values(), relevant, left_out)]
    return Draw(of_kinds[0], of_kinds[1], of_kinds[2], num_others + num_relevant)


@dataclasses.dataclass(frozen=True)
class Precisions:
    """What the first candidates of one draw hold."""

    at: Dict[int, float]  # N -> share of the first N that is right; missing candidates are wrong
    possible: Dict[int, float]  # N -> the highest share, if all clips of the class came first
    recall: float  # share of the clips of the class among all candidates


def measure(candidates: Sequence[str], relevant: Sequence[str], counts: Sequence[int]) -> Precisions:
    """The precisions of candidates, by the clip of each, best first; a clip is right once."""
    first_of_clip = list(dict.fromkeys(candidates))
    are_right = np.isin(first_of_clip, relevant)
    return Precisions(
        {count: float(are_right[:count].sum()) / count for count in counts},
        {count: min(count, len(relevant)) / count for count in counts},
        float(are_right.sum()) / len(relevant),
    )


def flat_numbers(measured: Mapping[str, Sequence[Sequence[Precisions]]]) -> Dict[str, Union[int, float]]:
    """Flat keys: mining/METHOD/precision_at_N (mean), …_std (over trials), mining/METHOD/recall, mining/possible_at_N.

    Args:
        measured: method -> for each trial, the precisions of all classes.
    """
    numbers: Dict[str, Union[int, float]] = {}
    for method, trials in measured.items():
        for count in trials[0][0].at:
            means = [float(np.mean([one.at[count] for one in classes])) for classes in trials]
            numbers[f"mining/{method}/precision_at_{count}"] = float(np.mean(means))
            numbers[f"mining/{method}/precision_at_{count}_std"] = _std(means)
            possible = [one.possible[count] for classes in trials for one in classes]
            numbers[f"mining/possible_at_{count}"] = float(np.mean(possible))
        numbers[f"mining/{method}/recall"] = float(np.mean([one.recall for classes in trials for one in classes]))
    return numbers


def chance(drawn: Draw, counts: Sequence[int], num_candidates: int) -> Precisions:
    """What candidates in a random order hold on average."""
    measured = measure([], drawn.relevant, counts)
    shares = dict.fromkeys(counts, drawn.prior)
    return Precisions(shares, measured.possible, min(1.0, num_candidates / drawn.num_clips))


def _std(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def rows_of_table(numbers: Mapping[str, Union[int, float]], methods: Sequence[str]) -> List[Tuple[str, List[float]]]:
    """A row for each method: precision at each N, and recall."""
    return [
        (
            method,
            [
                value
                for key, value in numbers.items()
                if key.startswith(f"mining/{method}/") and not key.endswith("_std")
            ],
        )
        for method in methods
    ]
