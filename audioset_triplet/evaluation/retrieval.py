"""Query by example: are clips of one class closer to each other than to clips of other classes?

Jansen et al. 2018, section 4 (and the slides): per class, N target clips and N distractors; the N(N-1)/2 pairs of
targets and the N*N pairs of a target and a distractor are ranked by cosine similarity. The score is the average
precision of the target pairs, mean over classes. A random order scores the share of target pairs: 4950 / 14950 = 0.331
at N = 100.

Only the vectors of drawn clips are read, some draws at a time. A folder of any size is evaluated in bounded memory, in
one pass over it if all drawn clips fit, else in several.

Shapes: n clips, D embedding size, N targets, M distractors.
"""

import dataclasses
from typing import Dict, Iterator, List, Set, Tuple, Union

import numpy as np

from audioset_triplet.config.evaluation import RetrievalConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import ranking
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.store.stored_clips import Clips

CLIPS_PER_CLASS = 100
_VECTOR_BYTES = 512 << 20  # clip vectors in memory at a time: a million at D = 128


@dataclasses.dataclass(frozen=True)
class RetrievalResult:
    """Query by example on one embedding set."""

    map: float  # mean over classes, then over draws
    map_std: float  # standard deviation over draws (n - 1 in the denominator; 0 for a single draw)
    prior: float  # expected average precision of a random order, mean over classes
    class_average_precision: Dict[int, float]  # mean over draws
    class_num_clips: Dict[int, int]
    classes_left_out: List[int]  # fewer than 2 clips, or no distractor
    num_clips: int


def evaluate(config: RetrievalConfig, clips: Clips) -> RetrievalResult:
    """Query by example over all classes.

    A draw depends on the seed, its number, the class and the ids of the clips, not on their order: two embedding sets
    of the same clips are compared on the same pairs. A clip of several classes is a target of each of them.

    Args:
        config: number of draws, and their seed. A class with more than 100 clips draws its targets too.
        clips: with a vector [D] each; `config.folds` has been applied to them.

    Raises:
        UserError: no class can be evaluated.
    """
    members = clips_of_classes(clips)
    if not members:
        raise UserError("no clip has a label, and retrieval ranks by them: prepare the records with labels.")
    pairs, left_out = _draw_all(clips, members, config.draws, config.seed)
    average_precisions: Dict[int, List[float]] = {label: [] for label in sorted(members) if label not in left_out}
    with progress_bar(name="retrieval", unit="draws", total=len(pairs)) as progress:
        for group in _groups(pairs, clips.info.embedding_size):
            rows = np.unique(np.concatenate([[*drawn.targets, *drawn.distractors] for drawn in group]))
            vectors = clips.vectors_at(rows)
            for drawn in group:
                targets = vectors[np.searchsorted(rows, drawn.targets)]
                distractors = vectors[np.searchsorted(rows, drawn.distractors)]
                average_precisions[drawn.label].append(pair_average_precision(targets, distractors))
                progress.update()
    priors = {drawn.label: prior(len(drawn.targets), len(drawn.distractors)) for drawn in pairs}
    if not average_precisions:
        raise UserError("no class has two clips and a clip of another class: there is nothing to rank.")
    maps = np.mean(list(average_precisions.values()), axis=0)
    return RetrievalResult(
        map=float(np.mean(maps)),
        map_std=float(np.std(maps, ddof=1)) if config.draws > 1 else 0.0,
        prior=float(np.mean(list(priors.values()))),
        class_average_precision={label: float(np.mean(values)) for label, values in average_precisions.items()},
        class_num_clips={label: len(indices) for label, indices in members.items()},
        classes_left_out=left_out,
        num_clips=len(clips.clip_ids),
    )


@dataclasses.dataclass(frozen=True)
class _Draw:
    """One draw for one class: the rows of its targets [N] and of its distractors [M]."""

    label: int
    targets: np.ndarray
    distractors: np.ndarray


def _draw_all(clips: Clips, members: Dict[int, List[int]], draws: int, seed: int) -> Tuple[List[_Draw], List[int]]:
    """Every draw of every class, in the order of classes, and the classes that cannot be drawn."""
    order = np.argsort(np.array(clips.clip_ids))
    pairs, left_out = [], []
    for label in sorted(members):
        is_member = np.zeros(len(order), bool)
        is_member[members[label]] = True
        targets, distractors = order[is_member[order]], order[~is_member[order]]
        if len(targets) < 2 or not len(distractors):
            left_out.append(label)
            continue
        num_targets = min(len(targets), CLIPS_PER_CLASS)
        for draw in range(draws):
            random = np.random.default_rng([seed, draw, label])
            # Targets first: a seed gives the same pairs in every version of this code.
            drawn_targets = _draw(random, targets, num_targets)
            pairs.append(_Draw(label, drawn_targets, _draw(random, distractors, num_targets)))
    return pairs, left_out


def _groups(pairs: List[_Draw], embedding_size: int) -> Iterator[List[_Draw]]:
    """The draws in their order, in groups whose vectors fit in memory."""
    capacity = _VECTOR_BYTES // (4 * embedding_size)
    group: List[_Draw] = []
    rows: Set[int] = set()
    for drawn in pairs:
        needed = {*drawn.targets.tolist(), *drawn.distractors.tolist()}
        if group and len(rows) + len(needed - rows) > capacity:
            yield group
            group, rows = [], set()
        group.append(drawn)
        rows |= needed
    if group:
        yield group


def clips_of_classes(clips: Clips) -> Dict[int, List[int]]:
    """Class index -> the rows of the clips that have it."""
    members: Dict[int, List[int]] = {}
    for row, labels in enumerate(clips.labels):
        for label in set(labels):
            members.setdefault(label, []).append(row)
    return members


def pair_average_precision(targets: np.ndarray, distractors: np.ndarray) -> float:
    """Average precision of the pairs of targets among all pairs with a target, ranked by cosine similarity.

    Args:
        targets: [N, D], unit norm, N >= 2.
        distractors: [M, D], unit norm, M >= 1.
    """
    targets, distractors = targets.astype(np.float64), distractors.astype(np.float64)
    target_pairs = (targets @ targets.T)[np.triu_indices(len(targets), k=1)]
    mixed_pairs = (targets @ distractors.T).reshape(-1)
    relevant = np.repeat([True, False], [target_pairs.size, mixed_pairs.size])
    # Equal cosines must tie, although the two products may round their sums differently: a network that maps all clips
    # to one point must score the prior.
    cosines = np.round(np.concatenate([target_pairs, mixed_pairs]), 12)
    return ranking.average_precision(cosines, relevant)


def prior(num_targets: int, num_distractors: int) -> float:
    """The share of target pairs: (N - 1) / (3 N - 1) with as many distractors as targets."""
    return (num_targets - 1) / (num_targets - 1 + 2 * num_distractors)


def flat_numbers(result: RetrievalResult, titles: Dict[int, str], prefix: str) -> Dict[str, Union[int, float]]:
    """The numbers of a result under flat keys: PREFIX/map, ..., PREFIX/class/NAME."""
    numbers: Dict[str, Union[int, float]] = {
        f"{prefix}/map": result.map,
        f"{prefix}/map_std": result.map_std,
        f"{prefix}/prior": result.prior,
        f"{prefix}/num_classes": len(result.class_average_precision),
        f"{prefix}/classes_left_out": len(result.classes_left_out),
        f"{prefix}/num_clips": result.num_clips,
    }
    for label, value in sorted(result.class_average_precision.items()):
        numbers[f"{prefix}/class/{titles[label]}"] = value
    return numbers


def _draw(random: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
    """`count` of the rows without repetition, or all of them if there are fewer."""
    return random.choice(rows, size=min(count, len(rows)), replace=False)
