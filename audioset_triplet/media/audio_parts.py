"""What an audio file is, by its bytes, and which decoder reads which part of it: the one decision about that.

libsndfile reads what it knows, and FFmpeg (PyAV) what libsndfile does not know. Neither says all that is wrong with a
file, so that formats in which sound is easily lost are measured here first: chunks, Ogg pages, MPEG frames.
"""

import re
import struct
from typing import List, NamedTuple, Pattern

from audioset_triplet import file_kinds
from audioset_triplet.media import chunked_files, mpeg_frames, ogg_pages, tags
from audioset_triplet.media.audio_error import AudioError, Path
from audioset_triplet.media.file_bytes import FileBytes
from audioset_triplet.media.file_parts import MOST_RUBBISH_BYTES, Part

_HEAD_BYTES = file_kinds.HEAD_BYTES
_BLOCK_BYTES = 1 << 18
# Where a file of a format begins, also behind another one. Those of libsndfile, and those of FFmpeg.
_FLAC = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
_MATROSKA = re.compile(rb"\x1a\x45\xdf\xa3.{0,48}?\x42\x82.(?:webm|matroska)", re.DOTALL)
_SEGMENT = b"\x18\x53\x80\x67"  # of Matroska: all of the file but its first element
_STARTS: List[Pattern[bytes]] = [
    _FLAC,
    re.compile(rb"#!AMR(?:-WB)?\n"),
    re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"),  # ASF: wma, wmv
    _MATROSKA,
    re.compile(rb"FLV\x01[\x01\x04\x05]\x00\x00\x00\x09\x00\x00\x00\x00"),
    re.compile(rb"TTA1\x01\x00"),
]
_ISO = "an MP4 or M4A file"
_ISO_TYPES = (
    *(b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"),
    *(b"styp", b"moof", b"sidx", b"uuid", b"udta"),
)
_OTHER_STARTS = (b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3", b".snd\0\0")
# Further formats of libsndfile and FFmpeg whose beginnings could be taken for text.
_TEXT_LIKE = (b"NIST_1A\n", b"PVF1\n", b"#!AMR", b"Creative Voice File", b"Extended Instrument", b"ajkg", b"caff")
_AUDIO_KINDS = ("a FLAC", "an Ogg", "an MP3", "a Matroska", "a WAV", "an AVI", "an MP4", "a RIFF")


class Measured(NamedTuple):
    """A file before it is decoded."""

    parts: List[Part]
    kind: str  # for messages: "a WAV file"; empty: not known


def measure(path: Path, data: FileBytes) -> Measured:
    """The parts of a file.

    Args:
        path: for errors.
        data: all bytes of the file, at least one.

    Raises:
        AudioError: the file is something else, or the formats above show that some of it is missing or damaged.
    """
    start = tags.before(data)
    head = data[start : start + _HEAD_BYTES]
    end = len(data)
    if chunked_files.is_chunked(head):
        return Measured(chunked_files.parts(path, data, start, end), _kind(head))
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        _require_avi(path, head, end - start)
    if head.startswith(ogg_pages.MAGIC):
        return _alone(path, data, Measured(ogg_pages.parts(path, data, start, end), "an Ogg file"))
    if head.startswith(b".snd"):
        return Measured(_au_parts(path, data, start, end), "an AU file")
    if head[4:8] in _ISO_TYPES:
        return Measured(_between(_iso_starts(path, data, start, end), end, by_ffmpeg=True), _ISO)
    for pattern in _STARTS:
        if pattern.match(head):
            starts = list(data.starts(pattern, start))
            end = _before_id3v1(data) if pattern is _FLAC else end
            if pattern is _MATROSKA:
                _require_segment(path, data, start)
            return Measured(_between(starts, end, by_ffmpeg=pattern is not _FLAC), _kind(head))
    if head.startswith(b"NIST_1A\n"):
        _require_nist_samples(path, head, end - start)
    elif not head.startswith(_TEXT_LIKE):
        _require_audio(path, data, head, start)
    frames = mpeg_frames.parts(path, data, start, end)
    if frames:
        return _alone(path, data, Measured(frames, "an MP3 file"))
    return Measured([Part(start, end)], _kind(head))


def _alone(path: Path, data: FileBytes, measured: Measured) -> Measured:
    """The same, where no file of another format follows."""
    _require_no_other_file(path, data, tags.after(data, measured.parts[-1].end, len(data)), measured.kind)
    return measured


def _require_no_other_file(path: Path, data: FileBytes, start: int, kind: str) -> None:
    head = data[start : start + _HEAD_BYTES]
    is_other = head.startswith(_OTHER_STARTS) or chunked_files.is_chunked(head)
    if is_other or mpeg_frames.is_row(data, start, len(data)) or (head[4:8] == b"ftyp" and kind != _ISO):
        other = _kind(head) or "an MP3 file"
        raise AudioError(path, "unreadable", f"several files in one: {kind}, then {other}")


def _kind(head: bytes) -> str:
    kind = file_kinds.describe_any(head)
    return "" if kind in ("empty", "a text", "of no known kind") else kind


def _before_id3v1(data: FileBytes) -> int:
    return len(data) - 128 if data[-128:][:3] == b"TAG" else len(data)


def _between(starts: List[int], end: int, by_ffmpeg: bool) -> List[Part]:
    return [Part(start, stop, by_ffmpeg=by_ffmpeg) for start, stop in zip(starts, [*starts[1:], end])]


def _require_avi(path: Path, head: bytes, num_bytes: int) -> None:
    """FFmpeg takes an AVI file that ends before its list of frames for a shorter one."""
    [size] = struct.unpack("<I", head[4:8])
    if size and size + 8 > num_bytes:
        raise AudioError(path, "truncated", f"{num_bytes} of {size + 8} bytes are there")


def _require_segment(path: Path, data: FileBytes, start: int) -> None:
    """FFmpeg takes a Matroska file that ends before its segment for a shorter one."""
    head = data[start : start + _HEAD_BYTES]
    at = head.find(_SEGMENT)
    if at < 0 or at + 12 > len(head):
        return
    num_size_bytes = 9 - head[at + 4].bit_length()
    size = int.from_bytes(head[at + 4 : at + 4 + num_size_bytes], "big") & ((1 << 7 * num_size_bytes) - 1)
    is_known = size != (1 << 7 * num_size_bytes) - 1
    num_bytes = len(data) - start - at - 4 - num_size_bytes
    if is_known and num_bytes < size:
        raise AudioError(path, "truncated", f"{num_bytes} of {size} bytes are there")


def _iso_starts(path: Path, data: FileBytes, start: int, end: int) -> List[int]:
    """Where the files in a row of MP4 files begin: at every `ftyp` among the boxes."""
    starts = [start]
    position = start
    while position + 8 <= end:
        size, kind = struct.unpack(">I4s", data[position : position + 8])
        if position > start:
            _require_no_other_file(path, data, position, _ISO)
        if not kind.isascii() or size == 0 or size > end - position:
            num_more = end - tags.after(data, position, end)
            if kind not in _ISO_TYPES and num_more > MOST_RUBBISH_BYTES:
                raise AudioError(path, "unreadable", f"{num_more} bytes behind its boxes are no MP4")
        if kind == b"ftyp" and position > start:
            starts.append(position)
        if size == 1 and position + 16 <= end:
            [size] = struct.unpack(">Q", data[position + 8 : position + 16])
        if size < 8:
            break  # to the end of the file
        if kind in (b"mdat", b"moov") and position + size > end:
            raise AudioError(path, "truncated", f"{end - position} of {size} bytes of its {kind.decode()} are there")
        position += size
    return starts


def _au_parts(path: Path, data: FileBytes, start: int, end: int) -> List[Part]:
    """libsndfile cuts the length of an AU file to what is there, and takes a size that was never written for none."""
    if end - start < 24:
        raise AudioError(path, "truncated", "the file ends in its header")
    offset, size = struct.unpack(">II", data[start + 4 : start + 12])
    after = start + offset + size
    if size == 0xFFFFFFFF or (not size and after >= end):
        return [Part(start, end)]
    if after > end:
        raise AudioError(path, "truncated", f"{max(0, end - start - offset)} of {size} bytes of samples are there")
    if data[after : after + 4] == b".snd":
        return [Part(start, after), *_au_parts(path, data, after, end)]
    if size and end - tags.after(data, after, end) > MOST_RUBBISH_BYTES:
        raise AudioError(
            path, "unreadable", f"its header counts {size} bytes of samples, and {end - after} more follow"
        )
    if not size:
        return [Part(start + 12, end, data[start : start + 8] + b"\xff\xff\xff\xff")]
    return [Part(start, end)]


def _require_nist_samples(path: Path, head: bytes, num_bytes: int) -> None:
    """libsndfile cuts the length of a SPHERE file to what is there."""
    fields = dict(re.findall(rb"^(\w+) -i (\d+)$", head, re.MULTILINE))
    names = (b"sample_count", b"sample_n_bytes", b"channel_count")
    counts = [int(fields[name]) for name in names if name in fields]
    is_plain = not re.search(rb"^sample_coding -s\d+ .*(shorten|wavpack|shortpack)", head, re.MULTILINE)
    if len(counts) == len(names) and is_plain:
        expected = counts[0] * counts[1] * counts[2]
        if num_bytes - 1024 < expected:
            raise AudioError(path, "truncated", f"{max(0, num_bytes - 1024)} of {expected} bytes of samples are there")


def _require_audio(path: Path, data: FileBytes, head: bytes, start: int) -> None:
    """Raises an AudioError with what the file is, where that is told by its beginning and is no audio."""
    if not head:
        raise AudioError(path, "empty", "a tag, and no audio after it")
    if not any(head):
        if not any(any(data[at : at + _BLOCK_BYTES]) for at in range(start, len(data), _BLOCK_BYTES)):
            raise AudioError(path, "unreadable", "all of its bytes are zero")
        return
    kind = file_kinds.describe_any(head)
    if kind != "of no known kind" and not kind.startswith(_AUDIO_KINDS):
        raise AudioError(path, "unreadable", f"{kind}, and no audio or video")
