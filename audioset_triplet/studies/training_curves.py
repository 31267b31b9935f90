"""The losses of the networks of a study."""

import os
from typing import Iterable, List, Tuple

from audioset_triplet.reports.charts import Curve
from audioset_triplet.runs import metrics_log


def read(runs: Iterable[Tuple[str, str, str]]) -> List[Curve]:
    """The curves of (row, run, folder with its run directory) triples; a run without metrics has an empty one."""
    curves = []
    for row, run, folder in runs:
        lines = metrics_log.read(os.path.join(folder, "run"))
        steps, losses = [int(line["step"]) for line in lines], [line["loss"] for line in lines]
        curves.append(Curve(row, run, steps, losses))
    return curves
