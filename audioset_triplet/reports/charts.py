"""The charts of the comparison page, as positions in pixels: bars with recovery, training curves, class gains.

y grows downwards, as in SVG. These functions compute positions, and a template draws them.
"""

import dataclasses
import math
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from audioset_triplet.evaluation.table import BASELINE, JOINT, PUBLISHED_RECOVERY, TOPLINE, Table, has_recovery

PLOT_HEIGHT, TOP = 260, 34  # of a bar chart: between the axes, and above them
BOTTOM, BOTTOM_UPRIGHT = 44, 90  # below the axis, for horizontal and for vertical names
LEFT, RIGHT = 40, 108
_NARROW_BAR_PIXELS = 60  # narrower bars have vertical names
_GAP_SLOTS = 0.5  # between the rows of the paper and those beyond it, in bars
_LABEL_PIXELS = 15  # between two lines of text
CURVE_WIDTH, CURVE_HEIGHT = 232, 84
_CURVE_POINTS = 200
_KINDS = {BASELINE: "baseline", JOINT: "joint", TOPLINE: "topline"}  # row -> its colour; the other rows share one
_CLASSES_IN_VIEW = 80  # of more classes, only the largest gains and losses are shown


@dataclasses.dataclass(frozen=True)
class Bar:
    """One row: a bar from zero; its part above the baseline is the gain of the method."""

    kind: str  # baseline, topline, joint, paper or beyond: its colour
    title: str
    words: List[str]  # the title in lines
    left: float
    width: float
    value_y: Optional[float]  # None: missing
    baseline_y: float  # where the gain begins; the value itself if it is below the baseline
    spread: Optional[Tuple[float, float]]  # one standard deviation up and down
    value: str
    recovery: str


@dataclasses.dataclass(frozen=True)
class Level:
    """A horizontal line at 0 % or 100 % of recovery, or at the recovery of the paper's joint model."""

    kind: str  # baseline, topline or published
    y: float
    text: str
    text_y: float


@dataclasses.dataclass(frozen=True)
class BarChart:
    """A chart of all rows with the task."""

    title: str
    width: int
    height: int
    right: float  # end of the lines, start of their texts
    ticks: List[Tuple[float, str]]
    bars: List[Bar]
    divider: Optional[float]  # x of the line between the rows of the paper and those beyond it
    levels: List[Level]
    upright: bool  # the names of the bars


@dataclasses.dataclass(frozen=True)
class Curve:
    """The loss over one training run."""

    row: str
    run: str  # fold4-seed0
    steps: Sequence[int]
    losses: Sequence[float]


@dataclasses.dataclass(frozen=True)
class CurvePanel:
    """All runs of a row on one pair of axes."""

    title: str
    lines: List[Tuple[str, str]]  # run, points of an SVG polyline
    highest: str
    last: str
    steps: str


def percent(share: float) -> str:
    """0.413 -> 41%; never -0%."""
    return f"{round(100 * share)}%"


def bar_chart(table: Table, task: str, measure: str, width: int, title: str = "") -> BarChart:
    """Rows side by side; between baseline and topline the height shows the recovery."""
    rows = [row for row in table.rows if task in row.tasks]
    means = [table.mean(row.name, task, measure) for row in rows]
    highest = max((mean.mean + (mean.std or 0) for mean in means if mean), default=1.0)
    tick = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if highest / step <= 6 or step == 0.2)
    scale = PLOT_HEIGHT / (tick * math.ceil(highest / tick + 1e-9))

    def y(value: float) -> float:
        return TOP + PLOT_HEIGHT - scale * value

    ends = {name: table.mean(name, task, measure) for name in (BASELINE, TOPLINE)}
    base = next((mean.mean for name, mean in ends.items() if mean and name == BASELINE), 0.0)
    num_paper = sum(not row.beyond_paper for row in rows)
    gap = _GAP_SLOTS if 0 < num_paper < len(rows) else 0.0
    slot = (width - LEFT - RIGHT) / (len(rows) + gap)
    upright = slot < _NARROW_BAR_PIXELS
    bars = []
    for index, (row, mean) in enumerate(zip(rows, means)):
        recovery = table.recovery(row.name, task, measure) if has_recovery(row) else None
        kind = _KINDS.get(row.name, "beyond" if row.beyond_paper else "paper")
        bars.append(
            Bar(
                kind=kind,
                title=row.title,
                words=_two_lines(row.title),
                left=LEFT + (index + 0.16 + gap * row.beyond_paper) * slot,
                width=0.68 * slot,
                value_y=y(mean.mean) if mean else None,
                baseline_y=max(y(base), y(mean.mean)) if mean else y(0),
                spread=(y(mean.mean + mean.std), y(mean.mean - mean.std)) if mean and mean.std else None,
                value=f"{mean.mean:.{2 if upright else 3}f}" if mean else "missing",
                recovery=percent(recovery) if recovery is not None else "",
            )
        )
    return BarChart(
        title=title,
        width=width,
        height=TOP + PLOT_HEIGHT + (BOTTOM_UPRIGHT if upright else BOTTOM),
        right=width - RIGHT,
        divider=LEFT + (num_paper + gap / 2) * slot if gap else None,
        ticks=[(y(tick * i), f"{tick * i:.2g}") for i in range(round(PLOT_HEIGHT / scale / tick) + 1)],
        bars=bars,
        levels=_levels({name: mean.mean for name, mean in ends.items() if mean}, PUBLISHED_RECOVERY.get(task), y),
        upright=upright,
    )


def _two_lines(title: str) -> List[str]:
    """Broken after a comma or a colon, else at the first space."""
    for mark in (", ", ": ", " "):
        if mark in title:
            first, rest = title.split(mark, 1)
            return [first + mark.strip(), rest]
    return [title]


def _levels(ends: Dict[str, float], published: Optional[float], y: Callable[[float], float]) -> List[Level]:
    lines = [("baseline", ends[BASELINE], "log-mel")] if BASELINE in ends else []
    if TOPLINE in ends:
        lines.append(("topline", ends[TOPLINE], "topline"))
    if len(lines) == 2 and ends[TOPLINE] > ends[BASELINE]:
        lines = [(kind, value, f"{name} = {share} %") for (kind, value, name), share in zip(lines, (0, 100))]
        if published is not None:
            value = ends[BASELINE] + published * (ends[TOPLINE] - ends[BASELINE])
            lines.insert(1, ("published", value, f"paper: {published:.0%}"))
    levels: List[Level] = []
    for kind, value, text in sorted(lines, key=lambda line: line[1]):  # upwards: no text overlaps the one below it
        text_y = min([y(value), *(level.text_y - _LABEL_PIXELS for level in levels[-1:])])
        levels.append(Level(kind, y(value), text, text_y))
    return levels


def curve_panels(table: Table, curves: Sequence[Curve]) -> List[CurvePanel]:
    """A panel for each trained row, each with its own scale: the losses of two objectives do not compare."""
    panels = []
    for row in table.rows:
        runs = [curve for curve in curves if curve.row == row.name and len(curve.steps)]
        if not runs:
            continue
        highest = max(max(curve.losses) for curve in runs) or 1.0
        last_step = max(curve.steps[-1] for curve in runs)
        panels.append(
            CurvePanel(
                title=row.title,
                lines=[(curve.run, _points(curve, last_step, highest)) for curve in runs],
                highest=f"{highest:.3g}",
                last=", ".join(f"{curve.losses[-1]:.3g}" for curve in runs[:3]) + (", …" if len(runs) > 3 else ""),
                steps=f"{last_step:,}",
            )
        )
    return panels


def _points(curve: Curve, last_step: int, highest: float) -> str:
    every = max(1, len(curve.steps) // _CURVE_POINTS)
    indices = [*range(0, len(curve.steps) - 1, every), len(curve.steps) - 1]
    points = (
        (CURVE_WIDTH * curve.steps[i] / last_step, CURVE_HEIGHT * (1 - curve.losses[i] / highest)) for i in indices
    )
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


@dataclasses.dataclass(frozen=True)
class Gain:
    """One class: a bar to the right of zero for a gain, to its left for a loss; in percent of the track."""

    title: str
    gain: float
    left: float
    width: float


@dataclasses.dataclass(frozen=True)
class GainChart:
    """The classes, the largest gain first; of many classes the first and the last."""

    task: str
    bars: List[Gain]
    zero: float  # position of a gain of 0, in percent of the track
    num_hidden: int  # classes between the first and the last ones


def gain_chart(task: str, values: Dict[str, float]) -> GainChart:
    """A bar for each class title."""
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    half = _CLASSES_IN_VIEW // 2
    shown = ordered if len(ordered) <= _CLASSES_IN_VIEW else ordered[:half] + ordered[-half:]
    lowest, highest = (choose([0.0, *(gain for _, gain in shown)]) for choose in (min, max))
    scale = 100 / (highest - lowest or 1.0)
    bars = [
        Gain(title.replace("_", " "), gain, scale * (min(gain, 0.0) - lowest), scale * abs(gain))
        for title, gain in shown
    ]
    return GainChart(task, bars, -scale * lowest, len(ordered) - len(shown))
