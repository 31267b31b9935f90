"""A table as Markdown and as a page with charts (Jansen et al. 2018, figures of the slides)."""

import dataclasses
import json
from typing import Any, Collection, List, Mapping, Sequence, Tuple

from audioset_triplet.evaluation.table import JOINT, PUBLISHED_RECOVERY, CellResult, Mean, Row, Table, has_recovery
from audioset_triplet.plurals import counted
from audioset_triplet.reports import charts, page

MISSING, UNDEFINED = "missing", "–"
TRAINING = ("steps", "complete runs")  # titles of the last columns
_FULL_WIDTH, _HALF_WIDTH = 1072, 524  # pixels of a chart


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the table: a measure of a task, or its recovery."""

    title: str
    task: str
    measure: str
    is_recovery: bool = False


def columns(table: Table) -> List[Column]:
    """The columns of the paper and more; measures that only some data sets have if they were measured."""

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
    """The text of one place in the table; empty if the row does not have the task."""
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
    recovery = table.recovery(row.name, column.task, column.measure)
    published = f" (paper: {PUBLISHED_RECOVERY[column.task]:.0%})" if row.name == JOINT else ""
    return (UNDEFINED if recovery is None else charts.percent(recovery)) + published


def training_texts(table: Table, row: Row) -> List[str]:
    """The training steps of a row's network, and how many runs of the row are finished in all tasks."""
    runs = {cell.run for cell in table.cells if cell.row == row.name}
    finished = runs - {cell.run for cell in table.missing if cell.row == row.name}
    counts = str(len(runs)) if finished == runs else f"{len(finished)} of {len(runs)}"
    return ["" if row.steps is None else f"{row.steps:,}", counts]


def notes(table: Table) -> List[str]:
    """What a reader of the numbers has to know."""
    texts = [
        "± is the sample standard deviation (n − 1) over the runs (splits and seeds), for few labels over runs and "
        "trials; a single value has none. Few labels are per class.",
        "Recovery = (row − log-mel) / (topline − log-mel), of the means over the runs of each split, then over the "
        f"splits that all three were run on; {UNDEFINED} if there is none, or the topline is not above log-mel. "
        "The paper’s recovery is that of its joint model on AudioSet.",
    ]
    clips = {
        result.cell.split: f"{counted(result.num_clips, 'clip')}, digest {result.clips_digest}"
        for result in table.results.values()
    }
    if clips:
        evaluated = "; ".join(f"{split}, {described}" for split, described in clips.items())
        texts.append(f"Evaluated: {evaluated}. Numbers compare where the digests are the same.")
    if table.missing:
        cells = ", ".join(map(str, table.missing[:8])) + (", …" if len(table.missing) > 8 else "")
        texts.insert(0, f"Unfinished: {len(table.missing)} of {len(table.cells)} cells are missing ({cells}).")
    return texts


def markdown(table: Table) -> str:
    """The table as Markdown; the rows beyond the paper are a second table."""
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
    return [*(text(table, row, column) for column in shown), *training_texts(table, row)]


def groups(table: Table) -> List[Tuple[str, List[Row]]]:
    """The rows of the paper, and those beyond it."""
    paper = [row for row in table.rows if not row.beyond_paper]
    beyond = [row for row in table.rows if row.beyond_paper]
    splits = ", ".join(table.splits)
    return [(f"The rows of the paper ({splits})", paper)] + ([("Beyond the paper", beyond)] if beyond else [])


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"


def _labels(measure: str) -> str:
    """5/map -> 5 labels."""
    count = measure.rpartition("/")[0]
    return f"{count} label{'' if count == '1' else 's'}" if count else "few labels"


def render(table: Table, curves: Sequence[charts.Curve], settings: Mapping[str, Any]) -> str:
    """The page, which refers to no other file.

    Args:
        table: the results so far.
        curves: of the training runs.
        settings: how the results were made, nested, as JSON.
    """
    shown = columns(table)
    return page.render(
        "comparison.html.jinja",
        sets=(),
        facts=facts(table.results.values()),
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
    """The recovery of the joint model, if it is defined."""
    recoveries = [(task, table.recovery(JOINT, task)) for task in PUBLISHED_RECOVERY]
    parts = [f"{charts.percent(recovery)} in {task}" for task, recovery in recoveries if recovery is not None]
    if not parts:
        return "How far triplets go without labels"
    return f"How far joint triplets go without labels, from log-mel to the topline: {', '.join(parts)}"


def _charts(table: Table) -> List[Tuple[str, str, List[charts.BarChart]]]:
    few = [measure for measure in table.measures("semi_supervised") if measure.endswith("/map")]
    return [
        ("Retrieval", "Query by example: mean average precision.", [_wide(table, "retrieval", "map")]),
        (
            "Classification",
            "A classifier on the frozen embedding (FC 4×512 and the ResNet: on log-mel), trained with all labels: mean "
            "average precision.",
            [_wide(table, "classification", "map")],
        ),
        (
            "Few labels",
            "The same, trained with a few labelled clips per class, drawn at random: mean average precision.",
            [
                charts.bar_chart(table, "semi_supervised", measure, _HALF_WIDTH, f"{_labels(measure)} per class")
                for measure in few
            ],
        ),
    ]


def _wide(table: Table, task: str, measure: str) -> charts.BarChart:
    return charts.bar_chart(table, task, measure, _FULL_WIDTH)


def facts(results: Collection[CellResult]) -> List[Tuple[str, str]]:
    """When, on what and by what the results were made, for the footer of a page."""
    dates = sorted({result.made["date"] for result in results})
    return [
        ("made", " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]]))),
        ("machine", "; ".join(sorted({result.made["machine"] for result in results}))),
        ("versions", "; ".join(sorted({result.made["versions"] for result in results}))),
        ("computing", f"{sum(result.seconds for result in results) / 3600:.1f} hours"),
    ]
