"""Plots with two axes, as positions in pixels: `plots.html.jinja` draws them. y grows downwards, as in SVG."""

import dataclasses
import math
from typing import Callable, Dict, Iterable, List, Sequence, Tuple

from audioset_triplet.evaluation.calibration import Bin

_TICK_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_MAX_TICKS = 6


@dataclasses.dataclass(frozen=True)
class Axis:
    """The range of one axis."""

    title: str
    low: float
    high: float
    ticks: Tuple[float, ...]
    is_log: bool = False

    def share(self, value: float) -> float:
        """How far along the axis a value is, from 0 to 1; a value beyond an end is at the end."""
        low, high, value = (math.log(max(one, 1e-30)) if self.is_log else one for one in (self.low, self.high, value))
        return min(1.0, max(0.0, (value - low) / (high - low)))


@dataclasses.dataclass(frozen=True)
class Dot:
    """A point of a plot."""

    x: float  # pixels
    y: float
    radius: float
    text: str


@dataclasses.dataclass(frozen=True)
class Plot:
    """The frame of a plot, in pixels, with its axes."""

    x_axis: Axis
    y_axis: Axis
    width: int = 420
    height: int = 300
    left: int = 52
    right: int = 408
    top: int = 10
    bottom: int = 250

    def x(self, value: float) -> float:
        """The position of a value in pixels."""
        return self.left + self.x_axis.share(value) * (self.right - self.left)

    def y(self, value: float) -> float:
        """The position of a value in pixels."""
        return self.bottom - self.y_axis.share(value) * (self.bottom - self.top)

    def dot(self, x: float, y: float, text: str, radius: float = 4.0) -> Dot:
        """A point at two values."""
        return Dot(self.x(x), self.y(y), radius, text)

    @property
    def x_ticks(self) -> List[Tuple[float, str]]:
        return [(self.x(tick), f"{tick:g}") for tick in self.x_axis.ticks]

    @property
    def y_ticks(self) -> List[Tuple[float, str]]:
        return [(self.y(tick), f"{tick:g}") for tick in self.y_axis.ticks]

    @property
    def diagonal(self) -> Tuple[float, float, float, float]:
        """Both ends of the line of equal values, x and y of each."""
        low, high = max(self.x_axis.low, self.y_axis.low), min(self.x_axis.high, self.y_axis.high)
        return self.x(low), self.y(low), self.x(high), self.y(high)


def share_axis(title: str) -> Axis:
    """From 0 to 1."""
    return Axis(title, 0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))


def linear_axis(title: str, values: Iterable[float]) -> Axis:
    """Around the values and 0, from tick to tick."""
    values = [0.0, *values]
    lowest, highest = min(values), max(values)
    step = next((step for step in _TICK_STEPS if (highest - lowest) / step <= _MAX_TICKS), _TICK_STEPS[-1])
    first, last = math.floor(lowest / step), max(1, math.ceil(highest / step))
    return Axis(title, first * step, last * step, tuple(round(step * tick, 6) for tick in range(first, last + 1)))


def log_axis(title: str, values: Sequence[float]) -> Axis:
    """Around positive values, in decades; within one decade also at 2 and 5."""
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    last = max(last, first + 1)
    factors = (1, 2, 5) if last == first + 1 else (1,)
    ticks = [factor * 10.0**decade for decade in range(first, last) for factor in factors]
    return Axis(title, 10.0**first, 10.0**last, (*ticks, 10.0**last), is_log=True)


def reliability_plot(predicted: str, observed: str) -> Plot:
    """The frame of a reliability diagram, with the titles of its axes."""
    return Plot(share_axis(predicted), share_axis(observed))


def reliability_dots(plot: Plot, bins: Sequence[Bin], items: str) -> List[Dot]:
    """A dot for each bin, whose area grows with its share of the predictions; `items` are what is predicted."""
    return [
        plot.dot(
            one.predicted,
            one.observed,
            f"predicted {one.predicted:.2f}, observed {one.observed:.2f}: {100 * one.share:.1f}% of the {items}",
            3 + 12 * one.share**0.5,
        )
        for one in bins
    ]


def scatter(
    x_axis: Callable[[Sequence[float]], Axis],
    y_axis: Callable[[Sequence[float]], Axis],
    points: Sequence[Dict[str, Tuple[float, float]]],
) -> Tuple[Plot, List[List[Dot]]]:
    """Several sets of points on one pair of axes.

    Args:
        x_axis, y_axis: the axis for some values.
        points: text -> (x, y), of each set.
    """
    everything = [point for one in points for point in one.values()]
    plot = Plot(x_axis([x for x, _ in everything]), y_axis([y for _, y in everything]))
    return plot, [[plot.dot(*point, text) for text, point in one.items()] for one in points]
