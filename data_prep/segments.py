"""AudioSet's lists of segments, such as balanced_train_segments.csv: which part of which video has which labels."""

import dataclasses
import math
import re
from typing import Iterator, List, Sequence, Tuple

from audioset_triplet import tables
from audioset_triplet.errors import UserError
from audioset_triplet.labels import segment_id
from audioset_triplet.tables import Line

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
    for line in _rows(path):
        try:
            segment = _segment(line.values)
            if segment.clip_id in seen:
                raise ValueError(f"{segment.clip_id} is named twice")
        except ValueError as error:
            bad.append(BadRow(line.number, str(error)))
            continue
        seen.add(segment.clip_id)
        segments.append(segment)
    if not segments:
        reason = f" (line {bad[0].line_number}: {bad[0].message})" if bad else ""
        raise UserError(f"{path}: names no segment{reason}: is this a list of segments of AudioSet?")
    return segments, bad


def _rows(path: str) -> Iterator[Line]:
    """The lines below the header, which ends at the first that is no comment or title."""
    in_header = True
    for line in tables.lines(path):
        in_header = in_header and (line.values[0].startswith("# ") or line.values[0] == "YTID")
        if not in_header:
            yield line


def _segment(row: Sequence[str]) -> Segment:
    """
    Raises:
        ValueError: the row names no segment; with the reason.
    """
    values = [value.strip() for value in row]
    if len(values) < _NUM_COLUMNS or any(values[_NUM_COLUMNS:]):
        raise ValueError(f"{len(values)} columns instead of {_NUM_COLUMNS}")
    video_id, start, end, labels = values[:_NUM_COLUMNS]
    if not VIDEO_ID.fullmatch(video_id):
        raise ValueError(f"{video_id!r} is not the id of a video")
    try:
        start_seconds, end_seconds = float(start), float(end)
    except ValueError:
        raise ValueError(f"{start!r} to {end!r} are no times") from None
    if not 0 <= start_seconds < end_seconds < math.inf:
        raise ValueError(f"{start} to {end} is no time interval")
    label_ids = tuple(filter(None, map(str.strip, labels.split(","))))
    if not label_ids:
        raise ValueError("no label")
    return Segment(video_id, start_seconds, end_seconds, label_ids)
