"""AudioSet's lists of segments, such as balanced_train_segments.csv: which part of which video has which labels."""

import csv
import dataclasses
import math
import re
from typing import Iterator, List, Sequence, TextIO, Tuple

from audioset_triplet.errors import UserError
from audioset_triplet.labels import segment_id

VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_NUM_COLUMNS = 4


@dataclasses.dataclass(frozen=True)
class Segment:
    """A part of a video, and its labels."""

    video_id: str
    start_seconds: float
    end_seconds: float
    label_ids: Tuple[str, ...]  # such as /m/09x0r, in the order of the list

    @property
    def clip_id(self) -> str:
        return segment_id(self.video_id, self.start_seconds)


@dataclasses.dataclass(frozen=True)
class BadRow:
    """A row without a segment: spreadsheets turn ids that begin with a dash into `#NAME?`, for example."""

    line_number: int
    message: str


def read_segments(path: str) -> Tuple[List[Segment], List[BadRow]]:
    """Reads a list in any of the dialects in use.

    The published lists have three lines of header, a space after each comma, times with three decimals and labels in
    quotes. Copies have one or two lines of header, or one without `#`, no spaces, whole seconds, and quotes only around
    commas.

    Returns:
        The segments in the order of the list, each once, and the rows without one.

    Raises:
        UserError: the file cannot be read, or no row of it names a segment.
    """
    segments: List[Segment] = []
    bad: List[BadRow] = []
    seen = set()
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            for line_number, row in _rows(file):
                try:
                    segment = _segment(row)
                    if segment.clip_id in seen:
                        raise ValueError(f"{segment.clip_id} is named twice")
                except ValueError as error:
                    bad.append(BadRow(line_number, str(error)))
                    continue
                seen.add(segment.clip_id)
                segments.append(segment)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: {error}") from error
    if not segments:
        reason = f" (line {bad[0].line_number}: {bad[0].message})" if bad else ""
        raise UserError(f"{path}: names no segment{reason}: is this a list of segments of AudioSet?")
    return segments, bad


def _rows(file: TextIO) -> Iterator[Tuple[int, List[str]]]:
    """(line number, columns) below the header, which ends at the first row that is no comment or title."""
    reader = csv.reader(file, skipinitialspace=True)
    in_header = True
    for row in reader:
        in_header = in_header and (not row or row[0].startswith("# ") or row[0] == "YTID")
        if row and not in_header:
            yield reader.line_num, row


def _segment(row: Sequence[str]) -> Segment:
    """
    Raises:
        ValueError: the row names no segment; with the reason.
    """
    if len(row) != _NUM_COLUMNS:
        raise ValueError(f"{len(row)} columns instead of {_NUM_COLUMNS}")
    video_id, start, end, labels = row
    if not VIDEO_ID.fullmatch(video_id):
        raise ValueError(f"{video_id!r} is not the id of a video")
    try:
        start_seconds, end_seconds = float(start), float(end)
    except ValueError:
        raise ValueError(f"{start!r} to {end!r} are no times") from None
    if not 0 <= start_seconds < end_seconds < math.inf:
        raise ValueError(f"{start} to {end} is no time interval")
    label_ids = tuple(filter(None, labels.split(",")))
    if not label_ids:
        raise ValueError("no label")
    return Segment(video_id, start_seconds, end_seconds, label_ids)
