"""metrics.jsonl of a run directory, a line of JSON for every --log_every_steps steps; epochs.jsonl, one for epochs.

The latter has what is measured on other clips than those of the training.
"""

import json
import os
from typing import Dict, List, Mapping

from audioset_triplet import files
from audioset_triplet.errors import UserError

METRICS, EPOCHS = "metrics.jsonl", "epochs.jsonl"


def read(workdir: str, name: str = METRICS) -> List[Dict[str, float]]:
    """The lines; a last line that a killed process left half-written is ignored.

    Raises:
        UserError: another line is damaged.
    """
    path = os.path.join(workdir, name)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        try:
            return [json.loads(line) for line in file if line.endswith("\n")]
        except ValueError as error:
            raise UserError(f"{path}: damaged ({error}); remove the damaged line, or the file.") from error


def append(workdir: str, line: Mapping[str, float], name: str = METRICS) -> None:
    """Adds a line, which has a `step`."""
    with open(os.path.join(workdir, name), "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def truncate(workdir: str, last_step: int, name: str = METRICS) -> None:
    """Removes the lines after a step, which a killed run wrote after its last checkpoint: a step has one line."""
    lines = [line for line in read(workdir, name) if line["step"] <= last_step]
    files.write_text(os.path.join(workdir, name), "".join(json.dumps(line) + "\n" for line in lines))
