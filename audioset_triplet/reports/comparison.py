"""What people read of a table: table.md, and report.html with its charts (Jansen et al. 2018, figures of the slides).

The page refers to no other file. All positions are computed here, in pixels; the template only draws them.
"""

import dataclasses
import json
import os
from typing import Any, List, Mapping, Sequence, Tuple

from audioset_triplet import files
from audioset_triplet.reports import charts, page
from audioset_triplet.studies.cells import Row
from audioset_triplet.studies.table import JOINT, PUBLISHED_RECOVERY, Mean, Table, has_recovery

MISSING, UNDEFINED = "missing", "–"
TRAINING = ("steps", "complete runs")  # titles of the last columns
_FULL_WIDTH, _HALF_WIDTH = 1072, 524  # pixels of a chart


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the table: a measure of a task, or the recovery that follows from it."""

    title: str
    task: str
    measure: str
    is_recovery: bool = False


def write(output: str, table: Table, curves: Sequence[charts.Curve], settings: Mapping[str, Any]) -> None:
    """Writes table.json, table.md and report.html.

    Args:
        output: the folder.
        table: the results so far.
        curves: of the training runs.
        settings: how the results were made, nested, as JSON.
    """
    numbers = {**table.numbers(), "settings": settings}
    files.write_text(os.path.join(output, "table.json"), json.dumps(numbers, indent=2) + "\n")
    files.write_text(os.path.join(output, "table.md"), markdown(table))
    files.write_text(os.path.join(output, "report.html"), _page(table, curves, settings))


def columns(table: Table) -> List[Column]:
    """The paper's columns and more; of measures that only some data sets have, those that were measured."""

    def measured(title: str, task: str, measure: str) -> List[Column]:
        return [Column(title, task, measure)] if measure in table.measures(task) else []

    few = [measure for measure in table.measures("semi_supervised") if measure.endswith("/map")]
    return [
        Column("retrieval mAP", "retrieval", "map"),
        Column("recovery", "retrieval", "map", is_recovery=True),
        Column("classification mAP", "classification", "map"),
        Column("recovery", "classification", "map", is_recovery=True),
        *measured("AUC", "classification", "auc"),
        *measured("d′ of mean AUC", "classification", "d_prime_of_mean_auc"),
        *measured("EER", "classification", "eer"),
        *measured("accuracy", "classification", "accuracy"),
        *(Column(f"mAP, {_labels(measure)}", "semi_supervised", measure) for measure in few or ["map"]),
        *(measured("kNN accuracy", "knn", "accuracy") or [Column("kNN mAP", "knn", "map")]),
    ]


def text(table: Table, row: Row, column: Column) -> str:
    """What the table says in one place: empty where the row has no such task."""
    if column.task not in row.tasks:
        return ""
    if column.is_recovery:
        return _recovery_text(table, row, column)
    mean = table.mean(row.name, column.task, column.measure)
    if mean is None:
        return UNDEFINED if table.results_of(row.name, column.task) else MISSING
    unfinished = f" ({mean.num_runs} of {mean.num_runs_wanted} runs)" if mean.num_runs < mean.num_runs_wanted else ""
    return _number(mean) + unfinished


def _number(mean: Mean) -> str:
    return f"{mean.mean:.3f}" + (f" ± {mean.std:.3f}" if mean.std is not None else "")


def _recovery_text(table: Table, row: Row, column: Column) -> str:
    if not has_recovery(row):
        return ""
    found = table.recovery(row.name, column.task, column.measure)
    published = f" (paper: {PUBLISHED_RECOVERY[column.task]:.0%})" if row.name == JOINT else ""
    return (UNDEFINED if found is None else charts.percent(found)) + published


def training_texts(table: Table, row: Row) -> List[str]:
    """For how many steps the network of a row is trained, and how many runs of the row are finished in all tasks."""
    wanted = {cell.run for cell in table.wanted if cell.row == row.name}
    finished = wanted - {cell.run for cell in table.missing if cell.row == row.name}
    runs = str(len(wanted)) if finished == wanted else f"{len(finished)} of {len(wanted)}"
    return ["" if row.steps is None else f"{row.steps:,}", runs]


def notes(table: Table) -> List[str]:
    """What has to be known to read the numbers."""
    found = [
        "± is the sample standard deviation (n − 1) over the runs (splits and seeds), for few labels over runs and "
        "trials; a single value has none. Few labels are per class.",
        "Recovery = (row − log-mel) / (topline − log-mel), of the means over the runs of each split, then over the "
        f"splits that all three were run on; {UNDEFINED} where there is none, or the topline is not above log-mel. "
        "The paper’s recovery is that of its joint model on AudioSet.",
    ]
    clips = {one.cell.split: f"{one.num_clips} clips, digest {one.clips_digest}" for one in table.results.values()}
    if clips:
        evaluated = "; ".join(f"{split}, {described}" for split, described in clips.items())
        found.append(f"Evaluated: {evaluated}. Numbers compare where the digests are the same.")
    if table.missing:
        cells = ", ".join(map(str, table.missing[:8])) + (", …" if len(table.missing) > 8 else "")
        found.insert(0, f"Unfinished: {len(table.missing)} of {len(table.wanted)} cells are missing ({cells}).")
    return found


def markdown(table: Table) -> str:
    """The table as Markdown; the rows beyond the paper in a table of their own."""
    shown = columns(table)
    lines = []
    for title, rows in groups(table):
        lines += [f"**{title}**", ""]
        titles = ["", *(column.title for column in shown), *TRAINING]
        lines += [_line(titles), _line(["---"] * len(titles))]
        lines += [_line([row.title, *_texts(table, row, shown)]) for row in rows]
        lines.append("")
    return "\n\n".join(["\n".join(lines).rstrip(), *notes(table)]) + "\n"


def _texts(table: Table, row: Row, shown: Sequence[Column]) -> List[str]:
    return [*(text(table, row, one) for one in shown), *training_texts(table, row)]


def groups(table: Table) -> List[Tuple[str, List[Row]]]:
    """The rows of the paper, and apart from them those beyond it."""
    paper = [row for row in table.rows if not row.beyond_paper]
    beyond = [row for row in table.rows if row.beyond_paper]
    splits = ", ".join(table.splits)
    return [(f"The rows of the paper ({splits})", paper)] + ([("Beyond the paper", beyond)] if beyond else [])


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"


def _labels(measure: str) -> str:
    """5/map -> what it is measured with."""
    count = measure.rpartition("/")[0]
    return f"{count} label{'' if count == '1' else 's'}" if count else "few labels"


def _page(table: Table, curves: Sequence[charts.Curve], settings: Mapping[str, Any]) -> str:
    shown = columns(table)
    return page.render(
        "comparison.html.jinja",
        sets=(),
        facts=_facts(table),
        headline=_headline(table),
        notes=notes(table),
        unfinished=bool(table.missing),
        titles=[*(column.title for column in shown), *TRAINING],
        groups=[(title, [(row, _texts(table, row, shown)) for row in rows]) for title, rows in groups(table)],
        charts=_charts(table),
        gains=[charts.gain_chart(task, table.class_gains(JOINT, task)) for task in ("retrieval", "classification")],
        curves=charts.curve_panels(table, curves),
        curve_width=charts.CURVE_WIDTH,
        curve_height=charts.CURVE_HEIGHT,
        settings=json.dumps(settings, indent=2),
    )


def _headline(table: Table) -> str:
    """What the joint model recovers, where that is known."""
    found = [(task, table.recovery(JOINT, task)) for task in PUBLISHED_RECOVERY]
    parts = [f"{charts.percent(value)} in {task}" for task, value in found if value is not None]
    if not parts:
        return "How far triplets go without labels"
    return f"How far joint triplets go without labels, from log-mel to the topline: {', '.join(parts)}"


def _charts(table: Table) -> List[Tuple[str, str, List[charts.BarChart]]]:
    few = [measure for measure in table.measures("semi_supervised") if measure.endswith("/map")]
    return [
        ("Retrieval", "Query by example: mean average precision.", [_wide(table, "retrieval", "map")]),
        (
            "Classification",
            "A classifier on the frozen embedding (FC 4×512 and ResNet-50: on log-mel), trained with all labels: mean "
            "average precision.",
            [_wide(table, "classification", "map")],
        ),
        (
            "Few labels",
            "The same, trained with a few labelled clips per class, drawn by lot: mean average precision.",
            [charts.bar_chart(table, "semi_supervised", one, _HALF_WIDTH, f"{_labels(one)} per class") for one in few],
        ),
    ]


def _wide(table: Table, task: str, measure: str) -> charts.BarChart:
    return charts.bar_chart(table, task, measure, _FULL_WIDTH)


def _facts(table: Table) -> List[Tuple[str, str]]:
    results = list(table.results.values())
    dates = sorted({result.made["date"] for result in results})
    return [
        ("made", " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]]))),
        ("machine", "; ".join(sorted({result.made["machine"] for result in results}))),
        ("versions", "; ".join(sorted({result.made["versions"] for result in results}))),
        ("computing", f"{sum(result.seconds for result in results) / 3600:.1f} hours"),
    ]
