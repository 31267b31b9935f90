"""The frames of MPEG audio (MP3, MP2): how much audio a file really holds (ISO 11172-3; the Xing, LAME and VBRI tags).

libsndfile believes the number of frames in the first file's tag or, without a tag, guesses it from the first bit rate:
of two files in one, and of variable bit rates without a tag, it silently reads a part. Here the frames are counted, and
a file whose tag is wrong gets a right one.
"""

import struct
from typing import Dict, List, NamedTuple, Optional, Tuple

from audioset_triplet.media import tags
from audioset_triplet.media.audio_error import AudioError, Path
from audioset_triplet.media.file_bytes import FileBytes
from audioset_triplet.media.file_parts import Part, of_length

_SEARCHED_BYTES = 1 << 16  # for the first frame
_CONSECUTIVE = 3  # frames in a row are no coincidence
_SURE_FRAMES = 20  # are no coincidence either, wherever they are
SLACK_FRAMES = 2  # by which a tag may be off, and by which a guess of libsndfile is
_KBITS: Dict[Tuple[bool, int], Tuple[int, ...]] = {  # (is MPEG-1, layer) -> bit rates
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44100, 48000, 32000)  # of MPEG-1; half of them for MPEG-2, a quarter for MPEG-2.5
_XING = (b"Xing", b"Info")
_TAG_OFFSETS = 4 + 2 + 32  # where in a frame they are at most
_TAG_BYTES = 120  # of a Xing tag with all its fields


class _Header(NamedTuple):
    """What the four bytes of a frame header say."""

    frame_bytes: int
    num_samples: int
    kind: Tuple[int, int, int]  # layer, rate in Hz, channels: the same in all frames of a file
    kbits: int
    tag_offset: int  # of Xing or Info, where the frame is a tag


class _File(NamedTuple):
    """A row of frames with one tag at most, and what the tag says."""

    start: int
    end: int
    num_frames: int  # the tag not counted
    first: _Header
    has_one_bit_rate: bool
    tag: bytes  # the frame; empty: none
    tagged_frames: Optional[int]
    tagged_bytes: Optional[int]


_headers: Dict[int, Optional[_Header]] = {}


def _header(bits: int) -> Optional[_Header]:
    """The header in 32 bits; None: it is none, or of a free format."""
    key = bits & 0xFFFFFEC0
    if key not in _headers:
        if len(_headers) > 10000:  # of rubbish
            _headers.clear()
        _headers[key] = _parse(key)
    return _headers[key]


def _parse(bits: int) -> Optional[_Header]:
    version, layer, index, rate_index = bits >> 19 & 3, 4 - (bits >> 17 & 3), bits >> 12 & 15, bits >> 10 & 3
    if bits >> 21 != 0x7FF or version == 1 or layer == 4 or index in (0, 15) or rate_index == 3:
        return None
    is_first = version == 3
    rate_hz = _RATES_HZ[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    kbits = _KBITS[is_first, layer if is_first or layer == 1 else 2][index - 1]
    num_samples = {1: 384, 2: 1152, 3: 1152 if is_first else 576}[layer]
    slot_bytes = 4 if layer == 1 else 1
    frame_bytes = (num_samples // 8 // slot_bytes * kbits * 1000 // rate_hz + (bits >> 9 & 1)) * slot_bytes
    channels = 1 if bits >> 6 & 3 == 3 else 2
    side_bytes = {(True, 1): 17, (True, 2): 32, (False, 1): 9, (False, 2): 17}[is_first, channels]
    crc_bytes = 0 if bits >> 16 & 1 else 2
    return _Header(frame_bytes, num_samples, (layer, rate_hz, channels), kbits, 4 + crc_bytes + side_bytes)


def parts(path: Path, data: FileBytes, start: int, end: int) -> List[Part]:
    """The files in a file, which is one as a rule; none: it is no MPEG audio, or of a free format.

    Args:
        path: for errors.
        data: all bytes of the file.
        start, end: where in it the frames may begin and end.

    Raises:
        AudioError: frames that a tag counts are missing, or something else is among the frames.
    """
    return [_part(path, data, file) for file in _files(path, data, start, end)]


def _part(path: Path, data: FileBytes, file: _File) -> Part:
    num_samples = file.num_frames * file.first.num_samples
    whole = Part(file.start, file.end, is_mpeg=True)
    if file.tagged_frames is None or not file.tag:
        if file.has_one_bit_rate:
            return whole._replace(num_samples=num_samples)
    elif abs(file.tagged_frames - file.num_frames) <= SLACK_FRAMES:
        return whole
    elif file.tagged_frames > file.num_frames:
        missing_bytes = (file.tagged_bytes or 1 << 62) - (file.end - file.start)
        if missing_bytes > SLACK_FRAMES * file.first.frame_bytes:
            rate_hz = file.first.kind[1]
            detail = f"the audio ends after {num_samples / rate_hz:.2f} s"
            expected = file.tagged_frames * file.first.num_samples
            raise AudioError(path, "truncated", detail + of_length(expected, rate_hz))
    if file.first.kind[0] != 3:
        return whole._replace(num_samples=num_samples)
    header = _tag(data[file.start : file.start + 4], file)
    return whole._replace(start=file.start + len(file.tag), header=header, num_samples=num_samples)


def _tag(bits: bytes, file: _File) -> bytes:
    """A frame that says how many frames follow, for a file that lacks it."""
    for index in range(1, 15):  # the smallest that holds the tag
        frame = bytes((bits[0], bits[1] | 1, index << 4 | bits[2] & 0x0C, bits[3]))
        header = _header(int.from_bytes(frame, "big"))
        if header and header.frame_bytes >= header.tag_offset + _TAG_BYTES:
            break
    assert header
    num_bytes = header.frame_bytes + file.end - file.start - len(file.tag)
    tag = frame + bytes(header.tag_offset - 4) + b"Xing" + struct.pack(">III", 3, file.num_frames, num_bytes)
    return tag + bytes(header.frame_bytes - len(tag))


def _files(path: Path, data: FileBytes, start: int, end: int) -> List[_File]:
    files: List[_File] = []
    position: Optional[int] = _first_frame(data, start, end)
    while position is not None:
        file = _read_file(data, position, end)
        files.append(file)
        after = tags.after(data, file.end, end)
        position = _first_frame(data, after, end, searched_bytes=end)
        if position is not None and position > after:
            if files[0].start > start and sum(one.num_frames for one in files) < _SURE_FRAMES:
                return []  # a coincidence in some other file
            seconds = sum(one.num_frames * one.first.num_samples / one.first.kind[1] for one in files)
            detail = f"damaged: the {position - after} bytes after {seconds:.2f} s are no MPEG audio"
            raise AudioError(path, "unreadable", detail)
    return files


def _read_file(data: FileBytes, start: int, end: int) -> _File:
    """The frames from a position to the first that is incomplete or of another kind, or to the next tag."""
    first = _header_at(data, start)
    assert first
    tag, frames, num_bytes = _read_tag(data, start, first)
    position = start + len(tag)
    num_frames, kbits = 0, set()
    while position + 4 <= end:
        head = data[position : position + _TAG_OFFSETS + 4]
        header = _header(int.from_bytes(head[:4], "big"))
        if header is None or header.kind != first.kind or position + header.frame_bytes > end:
            break
        if position > start and head[header.tag_offset : header.tag_offset + 4] in _XING:
            break
        kbits.add(header.kbits)
        num_frames += 1
        position += header.frame_bytes
    return _File(start, position, num_frames, first, len(kbits) < 2, tag, frames, num_bytes)


def _read_tag(data: FileBytes, start: int, header: _Header) -> Tuple[bytes, Optional[int], Optional[int]]:
    """(the frame, the frames that it counts, the bytes) of a tag; None: not said."""
    frame = data[start : start + header.frame_bytes]
    if frame[36:40] == b"VBRI":
        num_bytes, num_frames = struct.unpack_from(">II", frame, 46)
        return frame, num_frames, num_bytes
    at = header.tag_offset
    if frame[at : at + 4] not in _XING or len(frame) < at + 16 or any(frame[4:at]):  # libsndfile wants zeros
        return b"", None, None
    flags, *values = struct.unpack_from(">III", frame, at + 4)
    has_frames, has_bytes = bool(flags & 1), bool(flags & 2)
    return frame, values[0] if has_frames else None, values[has_frames] if has_bytes else None


def _header_at(data: FileBytes, position: int) -> Optional[_Header]:
    bits = data[position : position + 4]
    return _header(int.from_bytes(bits, "big")) if len(bits) == 4 else None


def _first_frame(data: FileBytes, start: int, end: int, searched_bytes: int = _SEARCHED_BYTES) -> Optional[int]:
    """Where the next frame begins that others follow, or with which the file ends; None: nowhere near."""
    position = start
    while 0 <= position <= min(start + searched_bytes, end - 4):
        if is_row(data, position, end):
            return position
        position = data.find(b"\xff", position + 1, end)
    return None


def is_row(data: FileBytes, position: int, end: int) -> bool:
    """Whether frames follow one another from a position on."""
    first = _header_at(data, position)
    header = first
    for index in range(_CONSECUTIVE):
        if header is None or first is None or header.kind != first.kind:
            return False
        position += header.frame_bytes
        if position > end - 4 or data[position : position + 3] in tags.BEGINNINGS:
            return index > 0 or position <= end
        header = _header_at(data, position)
    return True
