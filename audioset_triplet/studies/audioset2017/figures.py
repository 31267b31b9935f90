"""The figures of the tables: curves over settings, reliability diagrams, d-prime of classes against their priors."""

import functools
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from audioset_triplet.evaluation.calibration import Bin
from audioset_triplet.evaluation.table import CellResult, Row, Table
from audioset_triplet.reports import page, plots, protocol_page
from audioset_triplet.reports.study_page import Figure, Line

Tables = Mapping[str, Table]  # by evaluation set
Points = Sequence[Tuple[float, float, str]]  # x, y, text
PointsOf = Callable[[Table], Points]
AxisOf = Callable[[Sequence[float]], plots.Axis]


def row_of(table: Table, name: str) -> Optional[Row]:
    """The row of a name; None: the table has none."""
    return next((row for row in table.rows if row.name == name), None)


def tasks_of(table: Table) -> List[str]:
    """The tasks of a table, in order."""
    return list(dict.fromkeys(task for row in table.rows for task in row.tasks))


def curves(tables: Tables, title: str, x_axis: AxisOf, y_title: str, points_of: PointsOf) -> List[Figure]:
    """A figure with a line for each set; none where no set has a point."""
    points = {name: sorted(points_of(table)) for name, table in tables.items() if "scores" in tasks_of(table)}
    points = {name: some for name, some in points.items() if some}
    everything = [point for some in points.values() for point in some]
    if not everything:
        return []
    y_axis = plots.linear_axis(y_title, [y for _, y, _ in everything])
    plot = plots.Plot(x_axis([x for x, _, _ in everything]), y_axis)
    lines = [
        Line(name, [plot.dot(*point) for point in some], colour)
        for (name, some), colour in zip(points.items(), page.colours(len(points)))
    ]
    return [Figure(title, plot, lines, is_connected=True)]


def reliability(tables: Tables, names: Sequence[str]) -> List[Figure]:
    """For each set the reliability diagram of some rows, by the first run of each."""
    drawn = []
    for set_name, table in tables.items():
        plot = plots.reliability_plot("score", "observed share of positives")
        colours = dict(zip(names, page.colours(len(names))))
        lines = []
        for name, colour in colours.items():
            row, results = row_of(table, name), table.results_of(name, "scores")
            if row and results:
                bins = [Bin(*one) for one in results[0].details["bins"]]
                dots = plots.reliability_dots(plot, bins, "pairs of a clip and a class")
                lines.append(Line(row.title, dots, colour))
        if lines:
            drawn.append(Figure(f"{set_name}: calibration", plot, lines, is_connected=True, has_ideal=True))
    return drawn


def priors(tables: Tables, architectures: Sequence[str]) -> List[Figure]:
    """For each set and protocol d-prime of the classes against their priors, by the first run of each architecture."""
    drawn = []
    for set_name, table in tables.items():
        for task in tasks_of(table):
            titles = {row.name: row.title for row in table.rows if row.name in architectures}
            names = [name for name in architectures if name in titles and table.results_of(name, task)]
            if not names:
                continue
            points = [_class_points(table.results_of(name, task)[0], titles[name]) for name in names]
            x_title = f"share of positives among the {protocol_page.ITEMS[task]}"
            plot, dots = plots.scatter(
                functools.partial(plots.log_axis, x_title), functools.partial(plots.linear_axis, "d′"), points
            )
            coloured = zip(names, dots, page.colours(len(names)))
            lines = [Line(titles[name], of_row, colour) for name, of_row, colour in coloured]
            drawn.append(Figure(f"{set_name}: {protocol_page.TITLES[task]}", plot, lines))
    return drawn


def _class_points(result: CellResult, title: str) -> Dict[str, Tuple[float, float]]:
    return {
        f"{name}, {title}: prior {one['prior']:.4f}, d′ {one['d_prime']:.2f}": (one["prior"], one["d_prime"])
        for name, one in result.details["classes"].items()
    }
