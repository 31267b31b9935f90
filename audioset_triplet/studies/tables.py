"""The files of a table: table.json, table.md and report.html."""

import os
from typing import Any, Mapping, Sequence

from audioset_triplet import files
from audioset_triplet.evaluation.table import Table
from audioset_triplet.reports import charts, comparison


def write(output: str, table: Table, curves: Sequence[charts.Curve], settings: Mapping[str, Any]) -> None:
    """Writes the three files.

    Args:
        output: the folder.
        table: the results so far.
        curves: of the training runs.
        settings: how the results were made, nested, as JSON.
    """
    files.write_json(os.path.join(output, "table.json"), {**table.numbers(), "settings": settings})
    files.write_text(os.path.join(output, "table.md"), comparison.markdown(table))
    files.write_text(os.path.join(output, "report.html"), comparison.render(table, curves, settings))
