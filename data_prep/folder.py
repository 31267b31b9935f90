"""Any folder of audio files or videos -> clips: their ids, labels and folds.

The id of a clip is the path of its file below the folder, with the extension, so that every file has its own id. An
archive counts as a folder of its name (`data_prep.audio_sources`). Where a table lists the files, its names are the
ids, so that missing files change nothing about the others.
"""

import dataclasses
import math
import os
import pathlib
import posixpath
import re
import sys
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from audioset_triplet.errors import UserError
from audioset_triplet.media.extensions import VIDEO_EXTENSIONS
from audioset_triplet.media.folder_walk import LeftOut
from audioset_triplet.plurals import counted
from audioset_triplet.records.schema import NO_FOLD
from audioset_triplet.tables import Row
from audioset_triplet.text_files import composed
from data_prep import audio_sources, fold_sets
from data_prep.audio_sources import Location
from data_prep.config import FramesConfig
from data_prep.plan import ClipList, ClipRequest

FROM_FOLDERS, NO_LABELS = "folders", "none"
_GROUP = "sounds"  # how the names of files of records begin without folds; existing folders have it
_SHORTEST_CLIP_SECONDS = 0.1


@dataclasses.dataclass(frozen=True)
class LabelTable:
    """A CSV file with the labels of files."""

    path: pathlib.Path
    file_column: str
    labels_column: str
    separator: str  # between several labels of a file
    fold_column: str = ""  # of published folds; empty: folds are made (`ClipRules.num_folds`)


@dataclasses.dataclass(frozen=True)
class ClipRules:
    """How files become clips, recordings and folds."""

    recording: str = ""  # a regular expression: its group, searched for in the id, is the recording
    seconds: float = 10.0  # 0: the whole file
    num_folds: int = 0  # 0: none

    def __post_init__(self) -> None:
        if self.seconds and not _SHORTEST_CLIP_SECONDS <= self.seconds < math.inf:
            raise UserError(f"--clip_seconds must be 0 or at least {_SHORTEST_CLIP_SECONDS}, not {self.seconds}.")
        if self.num_folds < 0:
            raise UserError(f"--num_folds must be at least 0, not {self.num_folds}.")
        try:
            num_groups = re.compile(self.recording).groups
        except re.error as error:
            raise UserError(f"--recording={self.recording}: no regular expression: {error}") from error
        if self.recording and num_groups != 1:
            raise UserError(f"--recording={self.recording}: needs one group in parentheses, not {num_groups}.")

    def request(
        self, clip_id: str, location: Optional[Location], label_names: Iterable[str], fold: Optional[int] = None
    ) -> ClipRequest:
        """The request for a file; its labels have names and no numbers yet. `fold` is the published one."""
        match = re.search(self.recording, clip_id) if self.recording else None
        recording_id = (match[1] if match else "") or clip_id
        if fold is None:
            fold = fold_sets.fold_of(recording_id, self.num_folds)
        return ClipRequest(
            group=_GROUP if fold == NO_FOLD else f"fold{fold}",
            location=location,
            clip_id=clip_id,
            recording_id=recording_id,
            start_seconds=0.0,
            end_seconds=None,
            labels=(),
            label_names=tuple(sorted(set(label_names))),
            fold=fold,
            clip_seconds=self.seconds,
        )


def with_label_numbers(requests: Sequence[ClipRequest]) -> List[ClipRequest]:
    """The same requests, with the classes numbered from 0 in the order of their names."""
    names = sorted({name for request in requests for name in request.label_names})
    numbers = {name: number for number, name in enumerate(names)}
    return [
        dataclasses.replace(request, labels=tuple(numbers[name] for name in request.label_names))
        for request in requests
    ]


def top_folder(source: str, location: Location) -> str:
    """The first folder between `source` and a file, folders in an archive included; empty: there is none.

    The archive itself does not count as a folder here.
    """
    outside = posixpath.dirname(audio_sources.below(source, dataclasses.replace(location, member="")))
    inside = posixpath.dirname(str(Location(location.member, 0)))
    return posixpath.join(outside, inside).split("/")[0]


class _ByName:
    """Files by the names that a table may use: path or file name, each with or without extension."""

    def __init__(self, source: str, all_paths: Iterable[str]) -> None:
        self._root = posixpath.join(_slashes(os.path.abspath(source)), "")
        self._paths: List[Dict[str, List[str]]] = [{} for _ in _names("")]
        self._alike: Dict[str, List[str]] = {}
        for path in all_paths:
            for paths, name in zip(self._paths, _names(composed(path))):
                paths.setdefault(name, []).append(path)
            self._alike.setdefault(fold_sets.alike(path), []).append(path)

    def id_of(self, name: str) -> str:
        """A name of a table as an id: its characters composed (NFC), and a path below the source where it was none."""
        name = composed(name.strip())
        if "\\" in name and not self._find(name):  # as Windows writes paths
            name = _slashes(name)
        return posixpath.normpath(name.removeprefix(self._root) or ".")

    def path_of(self, name: str) -> str:
        """The path of the file of this name, an id; empty where there is none.

        Raises:
            ValueError: there are several.
        """
        several = self._find(name)
        if several[1:]:
            raise ValueError(f"{name} may be {several[0]} or {several[1]}: give its path")
        return several[0] if several else ""

    def alike(self, name: str) -> Sequence[str]:
        """Files that may be meant by a name without a file: with another case, extension or folder."""
        return self._alike.get(fold_sets.alike(name), ())

    def _find(self, name: str) -> Sequence[str]:
        return next((paths[name] for paths in self._paths if name in paths), ())


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


def _names(path: str) -> Tuple[str, ...]:
    stem = posixpath.join(posixpath.dirname(path), Location(path, 0).stem)
    return path, stem, posixpath.basename(path), posixpath.basename(stem)


def read_table(
    table: LabelTable, source: str, locations: Mapping[str, Location], rules: ClipRules
) -> List[ClipRequest]:
    """A request for every row of a table, with the name in the row as its id, whether the file exists or not.

    Files without a row are left out, and counted on stderr; so are names without a file, with one that may be meant.

    Args:
        table: the table.
        source: the folder.
        locations: path below the folder -> file.
        rules: how files become clips.

    Raises:
        UserError: the table cannot be read, lacks a column, or has a name that is repeated or ambiguous.
    """
    by_name = _ByName(source, locations)
    row_of: Dict[str, Tuple[str, Row]] = {}
    missing: List[Tuple[str, Row]] = []

    def from_row(row: Row) -> ClipRequest:
        name = by_name.id_of(row[table.file_column])
        labels = [composed(label.strip()) for label in row[table.labels_column].split(table.separator)]
        if name == ".":
            raise ValueError(f"the column {table.file_column} is empty")
        path = by_name.path_of(name)
        before, its_row = row_of.setdefault(path or name, (name, row))
        if its_row is not row:
            names = "" if before == name else f", as {before} and as {name}"
            raise ValueError(
                f"{path or name} is named twice{names}, before on line {its_row.line} with the labels "
                f"{its_row[table.labels_column]!r}: give all labels of a file in one row"
            )
        if not path:
            missing.append((name, row))
        fold = row.integer(table.fold_column) if table.fold_column else None
        if fold is not None and fold < 1:
            raise ValueError(f"there is no fold {fold}: they are 1, 2 and so on")
        return rules.request(name, locations.get(path), filter(None, labels), fold)

    columns = [table.file_column, table.labels_column, *filter(None, [table.fold_column])]
    advice = "name them by --file_column, --labels_column" + (", --fold_column" if table.fold_column else "")
    requests = fold_sets.read_csv(table.path, columns, from_row, advice)
    if not requests:
        raise UserError(f"--labels={table.path}: names no file")
    if missing:
        print(f"{table.path}: {_missing_text(missing, len(requests), by_name)}", file=sys.stderr)
    left_out = sorted(set(locations) - set(row_of))
    if left_out:
        text = f"{counted(len(left_out), 'file has', 'files have')} no row in it: left out, such as {left_out[0]}"
        print(f"{table.path}: {text}", file=sys.stderr)
    return requests


def _missing_text(missing: Sequence[Tuple[str, Row]], num_rows: int, by_name: _ByName) -> str:
    """How many names of a table have no file, and what may be meant by the first that is like the name of a file."""
    name, row = next((one for one in missing if by_name.alike(one[0])), missing[0])
    text = f"{len(missing)} of {num_rows} files are not there, such as {name} (line {row.line})"
    alike = by_name.alike(name)
    return f"{text}; is it {alike[0]}?" if alike else text


def clips(
    source: str, labels: Union[str, LabelTable], rules: ClipRules, frames: Optional[FramesConfig] = None
) -> ClipList:
    """The clips to prepare; a line on stderr counts those without a label.

    Args:
        source: as for `audio_sources.find`.
        labels: `FROM_FOLDERS`, `NO_LABELS`, or a table.
        rules: how files become clips.
        frames: take only videos, and these images of them.

    Raises:
        UserError: no audio file, or no video; clips too short for an image; what `audio_sources.find` and `read_table`
            raise.
    """
    if frames and 0 < rules.seconds * frames.frames_per_second < 1:
        raise UserError(
            f"--clip_seconds={rules.seconds:g}: clips of this length would lack images at --frames_per_second="
            f"{frames.frames_per_second:g}: raise one of them."
        )
    locations, left_out = _find(source, videos_only=frames is not None)
    if isinstance(labels, LabelTable):
        requests = read_table(labels, source, locations, rules)
    else:
        requests = []
        for path, location in locations.items():
            folder = top_folder(source, location) if labels == FROM_FOLDERS else ""
            requests.append(rules.request(path, location, [folder] if folder else []))
    unlabelled = [request.clip_id for request in requests if not request.label_names]
    if unlabelled and labels != NO_LABELS:
        text = f"{len(unlabelled)} of {len(requests)} files have no label, such as {unlabelled[0]}"
        print(f"{source}: {text}", file=sys.stderr)
    settings = {"data_set": "folder", "clip_seconds": rules.seconds, "num_folds": rules.num_folds}
    return ClipList(with_label_numbers(requests), settings, frames, left_out.to_json())


def _find(source: str, videos_only: bool) -> Tuple[Dict[str, Location], LeftOut]:
    """Path below the source -> file, and what is left out, which a line on stderr counts."""
    left_out = LeftOut()
    locations = {}
    for location in audio_sources.find(source, left_out):
        if videos_only and location.extension not in VIDEO_EXTENSIONS:
            left_out.add_other(str(location))
        else:
            locations[audio_sources.below(source, location)] = location
    rest = left_out.text()
    if not locations:
        kind = "video" if videos_only else "audio file"
        raise UserError(f"--source={source}: no {kind} in it" + (f"; it has {rest}" if rest else ""))
    if rest:
        print(f"{source}: left out: {rest}", file=sys.stderr)
    return locations, left_out
