"""Shared by importers: lists in CSV, published folds, and folds for data that has none."""

import csv
import pathlib
from typing import Callable, List, Mapping, Optional, Sequence, Tuple

from audioset_triplet.errors import UserError
from audioset_triplet.records.schema import NO_FOLD
from data_prep import plan
from data_prep.plan import ClipList, ClipRequest


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


def read_csv(path: pathlib.Path, make: Callable[[Mapping[str, str]], Optional[ClipRequest]]) -> List[ClipRequest]:
    """The clips that a CSV file names, in its order.

    Args:
        path: a file whose first line names its columns.
        make: a row -> the clip, or None to leave it out; may raise KeyError and ValueError.

    Raises:
        UserError: a missing column, an invalid value, or a clip named twice; with the line.
    """
    seen = set()
    requests = []
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            for row in reader:
                request = make(row)
                if request is None:
                    continue
                if request.clip_id in seen:
                    raise UserError(f"{path}: line {reader.line_num}: {request.clip_id} is named twice")
                seen.add(request.clip_id)
                requests.append(request)
        except KeyError as error:
            raise UserError(f"{path}: no column {error}, only {', '.join(reader.fieldnames or [])}") from error
        except (csv.Error, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: line {reader.line_num}: {error}") from error
    return requests


def of_folds(requests: Sequence[ClipRequest], folds: Sequence[int], settings: Mapping[str, object]) -> ClipList:
    """The clips of some folds; none named: of all.

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
    return ClipList(chosen, {**settings, "folds": selected})
