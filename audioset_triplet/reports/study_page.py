"""A study of several tables and figures, as Markdown and as a page."""

import dataclasses
import json
from typing import Any, List, Mapping, Sequence, Tuple

from audioset_triplet.reports import charts, page
from audioset_triplet.reports.plots import Dot, Plot


@dataclasses.dataclass(frozen=True)
class Grid:
    """A table of texts; the first column names the rows."""

    title: str  # empty: none
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Line:
    """Some dots of one colour."""

    name: str
    dots: Sequence[Dot]
    colour: str
    area: Sequence[Tuple[float, float]] = ()  # outline of its spread, in pixels; empty: none


@dataclasses.dataclass(frozen=True)
class Figure:
    """A plot with its lines."""

    title: str
    plot: Plot
    lines: Sequence[Line]
    is_connected: bool = False  # the dots of a line
    has_ideal: bool = False  # the line of equal values

    @property
    def drawn(self) -> List[Tuple[Sequence[Dot], str]]:
        """As the template of plots takes them."""
        return [(line.dots, line.colour) for line in self.lines]

    @property
    def areas(self) -> List[Tuple[str, str]]:
        """Points of an SVG polygon and its colour, of each line that has an area."""
        return [(" ".join(f"{x:.1f},{y:.1f}" for x, y in line.area), line.colour) for line in self.lines if line.area]


@dataclasses.dataclass(frozen=True)
class Section:
    """Tables and figures about one question."""

    name: str  # anchor
    title: str
    text: str
    grids: Sequence[Grid]
    figures: Sequence[Figure] = ()


@dataclasses.dataclass(frozen=True)
class Study:
    """All that a page shows."""

    kicker: str
    title: str
    sections: Sequence[Section]
    notes: Sequence[str]
    unfinished: str  # what is missing; empty: nothing
    curves: Sequence[charts.CurvePanel]
    settings: Mapping[str, Any]  # nested, as JSON
    facts: page.Facts


def markdown(study: Study) -> str:
    """The tables as Markdown."""
    parts = [study.unfinished] if study.unfinished else []
    for section in study.sections:
        parts.append(f"## {section.title}\n\n{section.text}")
        for grid in section.grids:
            lines = [f"**{grid.title}**", ""] if grid.title else []
            lines += [_line(grid.header), _line(["---"] * len(grid.header)), *map(_line, grid.rows)]
            parts.append("\n".join(lines))
    return "\n\n".join([*parts, *study.notes]) + "\n"


def render(study: Study) -> str:
    """The page, which refers to no other file."""
    return page.render(
        "study.html.jinja",
        (),
        study.facts,
        kicker=study.kicker,
        title=study.title,
        sections=study.sections,
        notes=study.notes,
        unfinished=study.unfinished,
        curves=study.curves,
        curve_width=charts.CURVE_WIDTH,
        curve_height=charts.CURVE_HEIGHT,
        settings=json.dumps(study.settings, indent=2),
    )


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"
