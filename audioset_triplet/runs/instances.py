"""instances.json of a run directory: the clips or recordings that a run tells apart, in the order of their vectors."""

import os
from typing import List, Sequence

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.runs import run_config

CLIP_IDS, RECORDING_IDS = "clip_ids", "recording_ids"  # what they are


def write(workdir: str, ids: Sequence[str], kind: str = CLIP_IDS) -> None:
    """Writes instances.json of a run that begins; to be called before config.json is written.

    Raises:
        UserError: a run has begun in the directory, with others.
    """
    if not run_config.has_begun(workdir):
        os.makedirs(workdir, exist_ok=True)
        files.write_json(_path(workdir), {kind: list(ids)})
    elif read(workdir, kind) != list(ids):
        what = kind.replace("_ids", "s")
        raise UserError(
            f"{workdir} holds a run on other {what}: it has learned vectors of those: give another --workdir."
        )


def read(workdir: str, kind: str = CLIP_IDS) -> List[str]:
    """The ids; a UserError where they are missing or damaged."""
    try:
        ids = files.read_json_object(_path(workdir))[kind]
    except FileNotFoundError as error:
        raise UserError(f"{_path(workdir)} is missing; train in another --workdir.") from error
    except KeyError as error:
        raise UserError(f"{_path(workdir)}: damaged (it has no {error}); train in another --workdir.") from error
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise UserError(f"{_path(workdir)}: damaged ({kind}); train in another --workdir.")
    return ids


def _path(workdir: str) -> str:
    return os.path.join(workdir, "instances.json")
