"""mAP against the number of annotated clips: points, and how many fewer labels one selection needs than another.

Evaluation 3 of Jansen et al. 2020.
"""

import dataclasses
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

RANDOM = "random"  # the selection that the others are compared with
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # shares of the mAP of random selection with its largest budget


@dataclasses.dataclass(frozen=True)
class Point:
    """One selection with one number of labels: means over its trials."""

    budget: int  # annotated clips
    map: float
    map_std: float  # sample standard deviation (n - 1); 0 for one trial
    accuracy: Optional[float]
    labelled_clips: float  # clips with labels: annotated ones, and those that got theirs by propagation
    right: float  # share of these whose labels are their true ones
    num_clusters: int  # that have a training clip, of the clustering; 0: random selection
    trials: int
    classes_met: float = 0.0  # classes that the answers name
    gain: float = 0.0  # mean over the trials of its mAP minus that of random selection in the same trial
    gain_std: float = 0.0  # sample standard deviation of that


Curves = Mapping[str, Sequence[Point]]  # selection -> its points, by ascending budget


@dataclasses.dataclass(frozen=True)
class PoolCurves:
    """The curves of the strategies on one kind of pool, drawn anew in each trial; numbers are means over trials."""

    name: str
    asked_ratio: float  # 0: all clips
    ratio: float  # clips of the commonest class, or of none of the classes, for each clip of the rarest
    num_clips: float  # that can be asked about
    num_outside: float  # of these, of none of the classes
    curves: Curves
    of_trials: Sequence[Curves]  # of each trial alone


@dataclasses.dataclass(frozen=True)
class Bound:
    """A number that is known, or only bounded."""

    value: float
    kind: str = "="  # or < or >

    def __str__(self) -> str:
        number = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.3g}"
        return number if self.kind == "=" else f"{self.kind} {number}"


@dataclasses.dataclass(frozen=True)
class Reduction:
    """The labels that each selection needs for one level of mAP."""

    share: float  # the level, as a share of the mAP of random selection with its largest budget
    level: float
    needed: Dict[str, Bound]  # selection -> labels
    factors: Dict[str, Optional[Bound]]  # selection -> how many times fewer than random selection; None: unknown


def labels_needed(curve: Sequence[Point], level: float) -> Bound:
    """The smallest number of labels with which a curve reaches a level of mAP.

    Between two points mAP is linear in the logarithm of the labels. Below the first point's mAP it is less than that
    point's labels; if no point reaches the level it is more than the last one's.
    """
    if curve[0].map >= level:
        return Bound(curve[0].budget, "=" if curve[0].map == level else "<")
    for before, after in zip(curve, curve[1:]):
        if after.map >= level:
            share = (level - before.map) / (after.map - before.map)
            return Bound(before.budget * (after.budget / before.budget) ** share)
    return Bound(curve[-1].budget, ">")


def reduction(random: Bound, selected: Bound) -> Optional[Bound]:
    """How many times fewer labels a selection needs than random selection, as far as that is known; None: unknown."""
    inverse = {"<": ">", ">": "<", "=": "="}[selected.kind]
    kinds = {random.kind, inverse} - {"="}
    return None if len(kinds) > 1 else Bound(random.value / selected.value, kinds.pop() if kinds else "=")


def reductions(curves: Curves) -> List[Reduction]:
    """One for each of LEVELS."""
    results = []
    for share in LEVELS:
        level = share * curves[RANDOM][-1].map
        needed = {name: labels_needed(points, level) for name, points in curves.items()}
        factors = {name: reduction(needed[RANDOM], bound) for name, bound in needed.items() if name != RANDOM}
        results.append(Reduction(share, level, needed, factors))
    return results


def flat_numbers(curves: Curves, prefix: str = "label_curve") -> Dict[str, Union[int, float, str]]:
    """The curves and the reductions under flat keys, here for the prefix label_curve.

    label_curve/NAME/BUDGET/map, .../map_std, ...; accuracy if there is one. label_curve/NAME/labels_for_80_percent and
    .../reduction_at_80_percent, ...: a number that is only bounded is a text such as "> 12.5", an unknown one is left
    out.
    """
    numbers: Dict[str, Union[int, float, str]] = {
        f"{prefix}/{name}/{point.budget}/{key}": value
        for name, points in curves.items()
        for point in points
        for key, value in dataclasses.asdict(point).items()
        if key != "budget" and value is not None
    }
    for row in reductions(curves):
        for what, bounds in (("labels_for", row.needed), ("reduction_at", row.factors)):
            for name, bound in bounds.items():
                if bound is not None:
                    key = f"{prefix}/{name}/{what}_{round(100 * row.share)}_percent"
                    numbers[key] = bound.value if bound.kind == "=" else str(bound)
    return numbers


class Saving(NamedTuple):
    """How many times fewer labels a strategy needs than random selection for one mAP, on one kind of pool."""

    ratio: float  # of the pool
    factor: Optional[Bound]  # of the means over trials; None: unknown
    of_trials: Tuple[float, ...]  # of the single trials, as far as they are known and not only bounded, ascending


def savings(pools: Sequence[PoolCurves], share: float) -> Dict[str, List[Saving]]:
    """Strategy -> its saving on each pool that has it, for a share of the mAP of random selection with its largest
    budget.
    """
    place = LEVELS.index(share)
    of_strategy: Dict[str, List[Saving]] = {}
    for pool in pools:
        factors = reductions(pool.curves)[place].factors
        single = [reductions(curves)[place].factors for curves in pool.of_trials if RANDOM in curves]
        for name, factor in factors.items():
            exact = [one[name] for one in single if name in one]
            known = sorted(bound.value for bound in exact if bound is not None and bound.kind == "=")
            of_strategy.setdefault(name, []).append(Saving(pool.ratio, factor, tuple(known)))
    return of_strategy


def pool_numbers(pools: Sequence[PoolCurves]) -> Dict[str, Union[int, float, str]]:
    """The numbers of all pools: `flat_numbers`, and what is in each pool.

    Of several pools the keys begin with label_curve/POOL. Keys of a pool are pool/POOL/clips, .../outside, .../ratio.
    """
    numbers: Dict[str, Union[int, float, str]] = {}
    for pool in pools:
        prefix = f"label_curve/{pool.name}" if pool.asked_ratio else "label_curve"
        numbers.update(flat_numbers(pool.curves, prefix))
        facts = {"clips": pool.num_clips, "outside": pool.num_outside, "ratio": pool.ratio}
        numbers.update({f"pool/{pool.name}/{key}": value for key, value in facts.items()})
    return numbers
