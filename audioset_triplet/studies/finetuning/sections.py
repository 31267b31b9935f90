"""The results of fine-tuning as tables and figures: accuracy by epoch, mean and standard deviation over the folds."""

import dataclasses
import itertools
import statistics
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from audioset_triplet.evaluation.table import CellResult
from audioset_triplet.reports import page, plots
from audioset_triplet.reports.study_page import Figure, Grid, Line, Section
from audioset_triplet.studies.finetuning.starts import SCRATCH

_MEASURES = {"accuracy": "accuracy", "map": "mAP"}
_HEADINGS = {"accuracy": "Accuracy", "map": "mAP"}
_MAX_COLUMNS = 8
_RADIUS = 2.5  # of a dot, in pixels

Curves = Dict[str, Dict[float, float]]  # run (fold4-seed0) -> epoch -> value
Band = Dict[float, Tuple[float, Optional[float]]]  # epoch -> mean, standard deviation (n - 1) of several runs


def curves_of(results: Sequence[CellResult], measure: str) -> Curves:
    """The curve of every run; one without the measure is left out."""
    curves = {}
    for result in results:
        lines = [line for line in result.details["epochs"] if measure in line]
        if lines:
            curves[result.cell.run] = {line["epoch"]: line[measure] for line in lines}
    return curves


def band_of(curves: Curves) -> Band:
    """Mean and spread at the epochs that all runs have."""
    common = sorted(set.intersection(*(set(curve) for curve in curves.values()))) if curves else []
    band: Band = {}
    for epoch in common:
        values = [curve[epoch] for curve in curves.values()]
        band[epoch] = statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None
    return band


def numbers(results: Sequence[CellResult]) -> Dict[str, Dict[str, Dict[str, Optional[float]]]]:
    """Measure -> epoch -> mean, standard deviation and number of runs, of one start."""
    found: Dict[str, Dict[str, Dict[str, Optional[float]]]] = {}
    for measure in _MEASURES:
        curves = curves_of(results, measure)
        found[measure] = {
            f"{epoch:g}": {"mean": mean, "std": std, "runs": len(curves)}
            for epoch, (mean, std) in band_of(curves).items()
        }
    return found


def build(by_start: Mapping[str, Sequence[CellResult]], data_set: str = "") -> List[Section]:
    """The sections of the page, or those about one data set of several.

    Args:
        by_start: the results of each start, in the order of the page.
        data_set: its title; empty: there is one alone.
    """
    measures = [name for name in _MEASURES if any(curves_of(results, name) for results in by_start.values())]
    sections = [_section(by_start, measure) for measure in measures] + [_origins(by_start)]
    if not data_set:
        return sections
    return [
        dataclasses.replace(one, name=f"{data_set}-{one.name}".replace(" ", "-"), title=f"{data_set}: {one.title}")
        for one in sections
    ]


def leads(results: Sequence[CellResult], scratch: Sequence[CellResult], measure: str) -> Band:
    """How much higher the curves of a start are than those from scratch on the same folds and with the same seeds."""
    curves, from_scratch = curves_of(results, measure), curves_of(scratch, measure)
    return band_of(
        {
            run: {
                epoch: value - from_scratch[run][epoch] for epoch, value in curve.items() if epoch in from_scratch[run]
            }
            for run, curve in curves.items()
            if run in from_scratch
        }
    )


def epochs_ahead(lead: Band) -> int:
    """For how many of the first epochs the mean lead is above 0."""
    return sum(1 for _ in itertools.takewhile(lambda epoch: lead[epoch][0] > 0, lead))


def _section(by_start: Mapping[str, Sequence[CellResult]], measure: str) -> Section:
    curves = {start: curves_of(results, measure) for start, results in by_start.items()}
    bands = {start: band_of(of_start) for start, of_start in curves.items() if of_start}
    epochs = _shown(sorted({epoch for band in bands.values() for epoch in band}))
    rows = [
        [start, str(len(curves[start])), *(_text(band.get(epoch)) for epoch in epochs)] for start, band in bands.items()
    ]
    title, means = _MEASURES[measure], {start: _points(band, start) for start, band in bands.items()}
    together = _figure(f"{title}, mean over runs", title, means, bands)
    alone = [
        _figure(f"{start}: each run", title, {run: _dots(curve, run) for run, curve in curves[start].items()})
        for start in bands
    ]
    return Section(
        measure,
        f"{_HEADINGS[measure]} by epoch",
        "Of the held-out clips, after so many epochs. There is no validation set: the number of a method is that after "
        "its last epoch; a best epoch would be chosen on what is reported.",
        [
            Grid("", ["start", "runs", *(f"{epoch:g}" for epoch in epochs)], rows),
            *_lead_grids(by_start, measure, epochs),
        ],
        [together, *alone],
    )


def _lead_grids(by_start: Mapping[str, Sequence[CellResult]], measure: str, epochs: Sequence[float]) -> List[Grid]:
    found = {
        start: leads(results, by_start[SCRATCH], measure)
        for start, results in by_start.items()
        if start != SCRATCH and SCRATCH in by_start
    }
    rows = [
        [start, str(epochs_ahead(lead)), *(_text(lead.get(epoch), "+.3f") for epoch in epochs)]
        for start, lead in found.items()
        if lead
    ]
    header = ["start", "first epochs ahead", *(f"{epoch:g}" for epoch in epochs)]
    return [Grid(f"{_HEADINGS[measure]} minus that from {SCRATCH}, by epoch", header, rows)] if rows else []


def _origins(by_start: Mapping[str, Sequence[CellResult]]) -> Section:
    rows = []
    for start, results in by_start.items():
        counts = [result.details["num_learned"] for result in results]
        total = sum(result.num_clips for result in results)
        rows.append([start, "not known" if None in counts else f"{sum(counts):,}", f"{total:,}"])
    return Section(
        "origins",
        "What the starts have learned from",
        "Evaluated clips that the start of a network was trained on, over all runs. Where it is not 0 the result is "
        "transductive: compare it with the same start without the held-out fold.",
        [Grid("", ["start", "evaluated clips learned from", "evaluated clips"], rows)],
    )


def _shown(epochs: Sequence[float]) -> List[float]:
    """Some of them, the first and the last among them."""
    if len(epochs) <= _MAX_COLUMNS:
        return list(epochs)
    places = [round(place * (len(epochs) - 1) / (_MAX_COLUMNS - 1)) for place in range(_MAX_COLUMNS)]
    return [epochs[place] for place in places]


def _text(mean: Optional[Tuple[float, Optional[float]]], form: str = ".3f") -> str:
    if mean is None:
        return "–"
    return f"{mean[0]:{form}}" if mean[1] is None else f"{mean[0]:{form}} ± {mean[1]:.3f}"


def _points(band: Band, name: str) -> Dict[str, Tuple[float, float]]:
    return {f"{name}, epoch {epoch:g}: {_text(band[epoch])}": (epoch, band[epoch][0]) for epoch in band}


def _dots(curve: Mapping[float, float], name: str) -> Dict[str, Tuple[float, float]]:
    return {f"{name}, epoch {epoch:g}: {value:.3f}": (epoch, value) for epoch, value in curve.items()}


def _figure(
    title: str,
    measure: str,
    lines: Mapping[str, Dict[str, Tuple[float, float]]],
    bands: Optional[Mapping[str, Band]] = None,
) -> Figure:
    plot, dots = plots.scatter(
        lambda values: plots.linear_axis("epoch", values), lambda _: plots.share_axis(measure), list(lines.values())
    )
    drawn = [
        Line(
            name,
            [dataclasses.replace(dot, radius=_RADIUS) for dot in of_line],
            colour,
            _area(plot, bands[name]) if bands else (),
        )
        for name, of_line, colour in zip(lines, dots, page.colours(len(lines)))
    ]
    return Figure(title, plot, drawn, is_connected=True)


def _area(plot: plots.Plot, band: Band) -> List[Tuple[float, float]]:
    """The outline of mean ± standard deviation in pixels; empty where there is one run."""
    spread = [(epoch, mean, std) for epoch, (mean, std) in band.items() if std is not None]
    upper = [(plot.x(epoch), plot.y(mean + std)) for epoch, mean, std in spread]
    lower = [(plot.x(epoch), plot.y(mean - std)) for epoch, mean, std in spread]
    return upper + lower[::-1]
