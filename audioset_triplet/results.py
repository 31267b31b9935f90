"""results.json: the numbers of an evaluation, with what they were computed from."""

import os
from typing import Any, Mapping

from audioset_triplet import __version__, files

FILE_NAME = "results.json"


def write(folder: str, numbers: Mapping[str, Any], **about: Any) -> None:
    """Writes FOLDER/results.json, which appears when it is whole; the folder is made if it is missing.

    Args:
        folder: the folder.
        numbers: flat keys (retrieval/map) -> values.
        about: what they belong to (model_id, seed, ...); the version of the code is added.
    """
    os.makedirs(folder, exist_ok=True)
    files.write_json(os.path.join(folder, FILE_NAME), {**numbers, **about, "code_version": __version__})
