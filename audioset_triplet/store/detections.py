"""Detections on disk: events of classes in clips, in the formats of tables, Audacity and Raven.

    detections.csv, detections.parquet      the columns of `store.intervals` and score, a row for each event
    audacity/CLIP.txt                       label track: start, end, class, with tabs (manual.audacityteam.org)
    raven/CLIP.Table.1.selections.txt       selection table of Raven, which opens it beside the sound file

CLIP is the id of a clip, which is the path of its file in a folder that was embedded; signs that a file system may
refuse are `_` there. Times are seconds from the start of the clip.

Shapes: n detections.
"""

import csv
import dataclasses
import hashlib
import os
import re
import shutil
from typing import Callable, Dict, List

import numpy as np

from audioset_triplet import files
from audioset_triplet.store import intervals
from audioset_triplet.store.intervals import Intervals

NAMES = ("detections.csv", "detections.parquet", "audacity", "raven")
RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"),
    *("Begin File", "File Offset (s)", "Class", "Score"),
)
_REFUSED = re.compile(r'[\x00-\x1f<>:"|?*\\]')
_LONGEST_NAME = 180  # bytes of a part of a path, which a file system limits to 255


@dataclasses.dataclass(frozen=True)
class Detections(Intervals):
    """n events; those of a clip are successive, by start and class."""

    scores: np.ndarray  # [n] float64, from 0 to 1


def write(folder: str, detections: Detections, low_hz: float, high_hz: float) -> None:
    """Writes all files of a folder, which is made if it is missing; those of earlier detections are replaced.

    Args:
        folder: the folder.
        detections: the events, perhaps none.
        low_hz, high_hz: the range of the selections of Raven.
    """
    os.makedirs(folder, exist_ok=True)
    texts = [f"{score:.6f}" for score in detections.scores]
    intervals.write(os.path.join(folder, "detections.csv"), detections, {"score": texts})
    intervals.write(os.path.join(folder, "detections.parquet"), detections, {"score": detections.scores})
    rows_of: Dict[str, List[int]] = {}
    for row, clip_id in enumerate(detections.clip_ids):
        rows_of.setdefault(clip_id, []).append(row)

    def audacity(path: str, clip_id: str) -> None:
        _write_rows(path, [[*_times(detections, row), _plain(detections.labels[row])] for row in rows_of[clip_id]])

    def raven(path: str, clip_id: str) -> None:
        lines: List[List[str]] = [list(RAVEN_COLUMNS)]
        for number, row in enumerate(rows_of[clip_id], 1):
            start, end = _times(detections, row)
            name = _plain(clip_id.rsplit("/", 1)[-1])
            of_class = [_plain(detections.labels[row]), texts[row]]
            selection = [str(number), "Spectrogram 1", "1", start, end, f"{low_hz:g}", f"{high_hz:g}"]
            lines.append([*selection, name, start, *of_class])
        _write_rows(path, lines)

    _write_folder(os.path.join(folder, "audacity"), ".txt", list(rows_of), audacity)
    _write_folder(os.path.join(folder, "raven"), ".Table.1.selections.txt", list(rows_of), raven)


def file_name(clip_id: str) -> str:
    """The path for a clip, relative and without what a file system may refuse; different for different clips."""
    parts = [_REFUSED.sub("_", part) for part in clip_id.split("/")]
    parts = ["_" * len(part) if part.strip(".") == "" else part for part in parts if part] or ["_"]
    parts = [part.encode()[:_LONGEST_NAME].decode("utf-8", "ignore") for part in parts]
    name = "/".join(parts)
    return name if name == clip_id else f"{name}-{hashlib.sha256(clip_id.encode()).hexdigest()[:8]}"


def _write_folder(folder: str, ending: str, clip_ids: List[str], write_file: Callable[[str, str], None]) -> None:
    """Writes a file for each clip; the folder appears when all are written, in place of an older one."""
    with files.atomic_path(folder) as temporary:
        os.makedirs(temporary)
        for clip_id in clip_ids:
            path = os.path.join(temporary, *file_name(clip_id).split("/")) + ending
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_file(path, clip_id)
        if os.path.isdir(folder):
            shutil.rmtree(folder)


def _write_rows(path: str, rows: List[List[str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        # Neither program knows quotes.
        csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None).writerows(rows)


def _times(detections: Detections, row: int) -> List[str]:
    return [f"{times[row]:.6f}" for times in (detections.start_seconds, detections.end_seconds)]


def _plain(text: str) -> str:
    """A text without tabs and line breaks."""
    return " ".join(text.split())
