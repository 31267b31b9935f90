"""instances.json of a run directory: the clips that a memory bank has a row for, in the order of the rows."""

import os
from typing import List, Sequence

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.runs import run_config


def write(workdir: str, clip_ids: Sequence[str]) -> None:
    """Writes instances.json of a run that begins; to be called before config.json is written.

    Raises:
        UserError: a run has begun in the directory, with other clips.
    """
    if not run_config.has_begun(workdir):
        os.makedirs(workdir, exist_ok=True)
        files.write_json(_path(workdir), {"clip_ids": list(clip_ids)})
    elif read(workdir) != list(clip_ids):
        raise UserError(
            f"{workdir} holds a run on other clips: its memory bank has rows for those: give another --workdir."
        )


def read(workdir: str) -> List[str]:
    """The clip ids of the rows; a UserError where they are missing or damaged."""
    try:
        clip_ids = files.read_json_object(_path(workdir))["clip_ids"]
    except FileNotFoundError as error:
        raise UserError(f"{_path(workdir)} is missing; train in another --workdir.") from error
    except KeyError as error:
        raise UserError(f"{_path(workdir)}: damaged (it has no {error}); train in another --workdir.") from error
    if not isinstance(clip_ids, list) or not all(isinstance(clip_id, str) for clip_id in clip_ids):
        raise UserError(f"{_path(workdir)}: damaged (clip_ids); train in another --workdir.")
    return clip_ids


def _path(workdir: str) -> str:
    return os.path.join(workdir, "instances.json")
