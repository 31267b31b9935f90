"""Query by example: are clips of one class closer to each other than to the rest?

Jansen et al. 2018, section 4 (and the slides): per class, N target clips and N other clips; the N(N-1)/2 pairs of
targets and the N*N pairs of a target and another clip are ranked by their cosine; average precision of finding the
former, mean over classes. A random order would score the share of target pairs: 4950 / 14950 = 0.331 at N = 100.

Only the vectors of drawn clips are asked for, some draws at a time: a folder of any size is evaluated in bounded
memory, in as many passes over it as it takes (one where all drawn clips fit).

Shapes: n clips, D embedding size, N targets, M others.
"""

import dataclasses
from typing import Dict, Iterator, List, Set, Tuple, Union

import numpy as np
from tqdm import tqdm

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import ranking
from audioset_triplet.store.stored_clips import Clips

CLIPS_PER_CLASS = 100
_VECTOR_BYTES = 512 << 20  # of the clip vectors that are held at a time: a million at D = 128


@dataclasses.dataclass(frozen=True)
class Retrieval:
    """What query by example says about one set of embeddings."""

    map: float  # mean over classes, then over draws
    map_std: float  # standard deviation over draws (n - 1 in the denominator; 0 for a single draw)
    prior: float  # what a random order is expected to score, mean over classes
    class_average_precision: Dict[int, float]  # mean over draws
    class_num_clips: Dict[int, int]
    classes_left_out: List[int]  # fewer than 2 clips, or no other clip
    num_clips: int


def evaluate(clips: Clips, draws: int = 5, seed: int = 0) -> Retrieval:
    """Query by example over all classes.

    A draw depends on the seed, its number, the class and the ids of the clips, not on their order: two embeddings of
    the same clips are compared on the same pairs. A clip of several classes is a target of each of them.

    Args:
        clips: with a vector [D] each.
        draws: how often targets (when a class has more than 100) and others are drawn.
        seed: of the draws.

    Raises:
        UserError: no class can be evaluated.
    """
    members = clips_of_classes(clips)
    pairs, left_out = _draw_all(clips, members, draws, seed)
    average_precisions: Dict[int, List[float]] = {label: [] for label in sorted(members) if label not in left_out}
    with tqdm(total=len(pairs), desc="retrieval", unit="draw", disable=None) as progress:
        for group in _groups(pairs, clips.info.embedding_size):
            rows = np.unique(np.concatenate([[*drawn.targets, *drawn.others] for drawn in group]))
            vectors = clips.vectors_at(rows)
            for drawn in group:
                targets, others = (vectors[np.searchsorted(rows, one)] for one in (drawn.targets, drawn.others))
                average_precisions[drawn.label].append(pair_average_precision(targets, others))
                progress.update()
    priors = {drawn.label: prior(len(drawn.targets), len(drawn.others)) for drawn in pairs}
    if not average_precisions:
        raise UserError("no class has two clips and another clip to tell them from: there is nothing to rank.")
    maps = np.mean(list(average_precisions.values()), axis=0)
    return Retrieval(
        map=float(np.mean(maps)),
        map_std=float(np.std(maps, ddof=1)) if draws > 1 else 0.0,
        prior=float(np.mean(list(priors.values()))),
        class_average_precision={label: float(np.mean(values)) for label, values in average_precisions.items()},
        class_num_clips={label: len(indices) for label, indices in members.items()},
        classes_left_out=left_out,
        num_clips=len(clips.clip_ids),
    )


@dataclasses.dataclass(frozen=True)
class _Drawn:
    """One draw for one class: the rows of its targets [N] and of the others [M]."""

    label: int
    targets: np.ndarray
    others: np.ndarray


def _draw_all(clips: Clips, members: Dict[int, List[int]], draws: int, seed: int) -> Tuple[List[_Drawn], List[int]]:
    """Every draw of every class, in the order of classes, and the classes for which there is nothing to draw."""
    order = np.argsort(np.array(clips.clip_ids))
    pairs, left_out = [], []
    for label in sorted(members):
        is_member = np.zeros(len(order), bool)
        is_member[members[label]] = True
        targets, others = order[is_member[order]], order[~is_member[order]]
        if len(targets) < 2 or not len(others):
            left_out.append(label)
            continue
        num_targets = min(len(targets), CLIPS_PER_CLASS)
        for draw in range(draws):
            random = np.random.default_rng([seed, draw, label])
            # The targets are drawn first: a seed stands for the same pairs in every version.
            drawn_targets = _draw(random, targets, num_targets)
            pairs.append(_Drawn(label, drawn_targets, _draw(random, others, num_targets)))
    return pairs, left_out


def _groups(pairs: List[_Drawn], embedding_size: int) -> Iterator[List[_Drawn]]:
    """The draws in their order, cut so that the vectors of a group are bounded."""
    capacity = _VECTOR_BYTES // (4 * embedding_size)
    group: List[_Drawn] = []
    rows: Set[int] = set()
    for drawn in pairs:
        needed = {*drawn.targets.tolist(), *drawn.others.tolist()}
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


def pair_average_precision(targets: np.ndarray, others: np.ndarray) -> float:
    """Average precision of the pairs of targets among all pairs that hold a target, ranked by cosine.

    Args:
        targets: [N, D], unit norm, N >= 2.
        others: [M, D], unit norm, M >= 1.
    """
    targets, others = targets.astype(np.float64), others.astype(np.float64)
    target_pairs = (targets @ targets.T)[np.triu_indices(len(targets), k=1)]
    mixed_pairs = (targets @ others.T).reshape(-1)
    relevant = np.repeat([True, False], [target_pairs.size, mixed_pairs.size])
    # Equal cosines must tie, although the two products may round their sums differently: a network that maps all
    # clips to one point scores the prior, not by chance 1.
    cosines = np.round(np.concatenate([target_pairs, mixed_pairs]), 12)
    return ranking.average_precision(cosines, relevant)


def prior(num_targets: int, num_others: int) -> float:
    """The share of target pairs: (N - 1) / (3 N - 1) where there are as many others as targets."""
    return (num_targets - 1) / (num_targets - 1 + 2 * num_others)


def flat_numbers(result: Retrieval, titles: Dict[int, str], prefix: str) -> Dict[str, Union[int, float]]:
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
    """`count` of the rows without repetition; all of them where there are no more."""
    return random.choice(rows, size=min(count, len(rows)), replace=False)
