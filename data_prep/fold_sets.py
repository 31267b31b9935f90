"""Shared by importers: lists in CSV, published folds, and folds for data that has none."""

import os
import pathlib
import sys
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from audioset_triplet import tables
from audioset_triplet.errors import UserError
from audioset_triplet.records.schema import NO_FOLD
from audioset_triplet.tables import Row
from data_prep import plan
from data_prep.audio_sources import Location
from data_prep.plan import ClipList, ClipRequest

_MAX_LOOKED_FOR = 20  # missing files


def fold_of(recording_id: str, num_folds: int) -> int:
    """The fold of a recording of a data set without published folds: 1 to `num_folds`, or `NO_FOLD` if that is 0.

    It depends on the recording's id alone: all of its clips are in one fold, and new recordings do not move the others.
    The digest differs from that for the shard; otherwise a fold would fill only some of its shards.
    """
    return 1 + plan.digest(f"fold of {recording_id}") % num_folds if num_folds else NO_FOLD


def find_listing(
    source: pathlib.Path, relative_paths: Sequence[str], data_set: str
) -> Tuple[pathlib.Path, pathlib.Path]:
    """(root of the data set, its list): the root is `source`, or a folder in it (a zip unpacks to one level more).

    Args:
        source: the folder that the user named.
        relative_paths: where below the root the list may be; an error names the last.
        data_set: its name, for the error.

    Raises:
        UserError: no such folder, or no list in it.
    """
    if not source.is_dir():
        raise UserError(f"--source={source}: no such folder")
    for root in [source, *sorted(source.iterdir())]:
        for path in relative_paths:
            if (root / path).is_file():
                return root, root / path
    raise UserError(f"--source={source}: no {relative_paths[-1]} in it: is this {data_set}?")


def read_csv(
    path: pathlib.Path, columns: Sequence[str], make: Callable[[Row], Optional[ClipRequest]], advice: str = ""
) -> List[ClipRequest]:
    """The clips that a table names, in its order.

    Args:
        path: the table.
        columns: those that `make` needs.
        make: a row -> the clip, or None to leave it out; may raise ValueError.
        advice: what to do about a missing column.

    Raises:
        UserError: what `tables.read` raises, an invalid value, or a clip named twice; with the line.
    """
    row_of: Dict[str, Row] = {}
    requests = []
    for row in tables.read(path, columns, advice):
        try:
            request = make(row)
        except ValueError as error:
            raise UserError(f"{row.where}: {error}") from error
        if request is None:
            continue
        before = row_of.setdefault(request.clip_id, row)
        if before is not row:
            raise UserError(
                f"{row.where}: {request.clip_id} is named twice, before on line {before.line}: keep one row"
            )
        requests.append(request)
    return requests


def of_folds(requests: Sequence[ClipRequest], folds: Sequence[int], settings: Mapping[str, object]) -> ClipList:
    """The clips of some folds; none named: of all. A line on stderr names a file that may be meant by a missing one.

    Raises:
        UserError: there is no clip, or none of a fold.
    """
    all_folds = sorted({request.fold for request in requests})
    if not all_folds:
        raise UserError("no clips: the list is empty")
    selected = sorted(set(folds)) or all_folds
    for fold in selected:
        if fold not in all_folds:
            raise UserError(f"--folds: no clips of fold {fold}, only of {', '.join(map(str, all_folds))}")
    chosen = [request for request in requests if request.fold in selected]
    _say_what_is_meant(chosen)
    return ClipList(chosen, {**settings, "folds": selected})


def alike(path: str) -> str:
    """The same for files whose names differ by case, extension and folder alone."""
    return tables.folded(Location(path, 0).stem)


def _say_what_is_meant(requests: Sequence[ClipRequest]) -> None:
    """Looks beside the first missing files for one whose name is like theirs."""
    missing = [request.location.path for request in requests if request.location and request.location.size < 0]
    for path in missing[:_MAX_LOOKED_FOR]:
        folder, name = os.path.split(path)
        names = os.listdir(folder) if os.path.isdir(folder) else []
        meant = next((other for other in sorted(names) if alike(other) == alike(name)), None)
        if meant:
            text = f"{len(missing)} of {len(requests)} files are not there, such as {name}; is it {meant}?"
            print(f"{folder}: {text}", file=sys.stderr)
            return
