"""Any folder of sounds, or of videos -> clips: what they are called, their labels, and their folds.

A sound is known by its path below the folder, extension included, so that two files that differ in nothing else stay
apart; an archive counts as a folder of its name (`data_prep.sounds`). Where a table lists the sounds, they are known as
it names them, so that what is missing changes nothing of the rest.
"""

import dataclasses
import math
import pathlib
import posixpath
import re
import sys
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from audioset_triplet.errors import UserError
from audioset_triplet.media.video_files import VIDEO_EXTENSIONS
from audioset_triplet.records.schema import NO_FOLD
from data_prep import audio_sources, fold_sets
from data_prep.audio_sources import Location
from data_prep.config import FramesConfig
from data_prep.plan import ClipList, ClipRequest

FROM_FOLDERS, NO_LABELS = "folders", "none"
_GROUP = "sounds"  # what files of records are named after where there are no folds
_SHORTEST_CLIP_SECONDS = 0.1


@dataclasses.dataclass(frozen=True)
class LabelTable:
    """A CSV file that says what is heard in which file."""

    path: pathlib.Path
    file_column: str
    labels_column: str
    separator: str  # between several labels of a file
    fold_column: str = ""  # of published folds; empty: they are made (`Clips.num_folds`)


@dataclasses.dataclass(frozen=True)
class Clips:
    """What becomes of a sound."""

    recording: str = ""  # a regular expression: its group, searched for in a sound's id, names the recording
    seconds: float = 10.0  # 0: the whole sound
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
        self, clip_id: str, sound: Optional[Location], label_names: Iterable[str], fold: Optional[int] = None
    ) -> ClipRequest:
        """The request for a sound; its labels have names and no numbers yet. `fold` is the published one."""
        found = re.search(self.recording, clip_id) if self.recording else None
        recording_id = (found[1] if found else "") or clip_id
        if fold is None:
            fold = fold_sets.fold_of(recording_id, self.num_folds)
        return ClipRequest(
            group=_GROUP if fold == NO_FOLD else f"fold{fold}",
            location=sound,
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


def top_folder(source: str, sound: Location) -> str:
    """The first of the folders between `source` and a sound, the folders in an archive included; empty: none.

    The archive itself is none of them.
    """
    outside = posixpath.dirname(audio_sources.below(source, dataclasses.replace(sound, member="")))
    return posixpath.join(outside, posixpath.dirname(sound.member)).split("/")[0]


class _ByName:
    """Sounds by what a list may call them: their path, with or without extension, or their name, with or without."""

    def __init__(self, found: Mapping[str, Location]) -> None:
        self._paths: List[Dict[str, List[str]]] = [{} for _ in self._names("")]
        for path in found:
            for paths, name in zip(self._paths, self._names(path)):
                paths.setdefault(name, []).append(path)

    @staticmethod
    def _names(path: str) -> Tuple[str, ...]:
        stem = posixpath.join(posixpath.dirname(path), Location(path, 0).stem)
        return path, stem, posixpath.basename(path), posixpath.basename(stem)

    def path_of(self, name: str) -> str:
        """The path of the sound of this name; empty where there is none.

        Raises:
            ValueError: there are several.
        """
        for paths in self._paths:
            several = paths.get(name, [])
            if several[1:]:
                raise ValueError(f"{name} may be {several[0]} or {several[1]}: give its path")
            if several:
                return several[0]
        return ""


def read_table(table: LabelTable, found: Mapping[str, Location], made: Clips) -> List[ClipRequest]:
    """A request for every row of a table, known by the name that stands there, whether there is such a sound or not.

    Sounds without a row are left out, and counted on stderr.

    Args:
        table: the table.
        found: path below the folder -> sound.
        made: what becomes of the sounds.

    Raises:
        UserError: the table cannot be read, lacks a column, or names a sound twice, or so that it may be one of two.
    """
    by_name = _ByName(found)
    row_of: Dict[str, str] = {}

    def from_row(row: Mapping[str, str]) -> ClipRequest:
        name = posixpath.normpath((row[table.file_column] or "").strip() or ".")
        labels = map(str.strip, (row[table.labels_column] or "").split(table.separator))
        if name == ".":
            raise ValueError(f"the column {table.file_column} is empty")
        path = by_name.path_of(name)
        if path and row_of.setdefault(path, name) != name:
            raise ValueError(f"{path} is named twice, as {row_of[path]} and as {name}")
        fold = int(row[table.fold_column]) if table.fold_column else None
        if fold is not None and fold < 1:
            raise ValueError(f"there is no fold {fold}: they are 1, 2 and so on")
        return made.request(name, found.get(path), filter(None, labels), fold)

    try:
        requests = fold_sets.read_csv(table.path, from_row)
    except OSError as error:
        raise UserError(f"--labels={table.path}: {error.strerror}") from error
    if not requests:
        raise UserError(f"--labels={table.path}: names no file")
    left_out = sorted(set(found) - set(row_of))
    if left_out:
        text = f"{len(left_out)} sounds have no row in it and are left out, such as {left_out[0]}"
        print(f"{table.path}: {text}", file=sys.stderr)
    return requests


def clips(source: str, labels: Union[str, LabelTable], made: Clips, frames: Optional[FramesConfig] = None) -> ClipList:
    """The clips to prepare; how many have no label is said on stderr.

    Args:
        source: what `audio_sources.find` takes.
        labels: `FROM_FOLDERS`, `NO_LABELS`, or the table that has them.
        made: what becomes of the sounds.
        frames: only videos are wanted, and these pictures of them.

    Raises:
        UserError: no sound, or no video; clips too short for a picture; what `audio_sources.find` and `read_table`
        raise.
    """
    if frames and 0 < made.seconds * frames.frames_per_second < 1:
        raise UserError(
            f"--clip_seconds={made.seconds:g}: clips of this length would lack pictures at --frames_per_second="
            f"{frames.frames_per_second:g}: raise one of them."
        )
    found = {audio_sources.below(source, sound): sound for sound in audio_sources.find(source)}
    if frames:
        found = {path: sound for path, sound in found.items() if _is_video(sound)}
    if not found:
        raise UserError(f"--source={source}: no {'video' if frames else 'sound'} in it")
    if isinstance(labels, LabelTable):
        requests = read_table(labels, found, made)
    else:
        requests = []
        for path, sound in found.items():
            folder = top_folder(source, sound) if labels == FROM_FOLDERS else ""
            requests.append(made.request(path, sound, [folder] if folder else []))
    unlabelled = [request.clip_id for request in requests if not request.label_names]
    if unlabelled and labels != NO_LABELS:
        text = f"{len(unlabelled)} of {len(requests)} sounds have no label, such as {unlabelled[0]}"
        print(f"{source}: {text}", file=sys.stderr)
    settings = {"data_set": "folder", "clip_seconds": made.seconds, "num_folds": made.num_folds}
    return ClipList(with_label_numbers(requests), settings, frames)


def _is_video(sound: Location) -> bool:
    return sound.name[len(sound.stem) :].lower().startswith(VIDEO_EXTENSIONS)
