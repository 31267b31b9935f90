"""Files that are rows of chunks: WAV with RF64 and RIFX, AIFF, 8SVX, CAF, W64. Their lengths, before they are decoded.

libsndfile takes what is there for the length of such a file, the first of two files in one for all of it, and a size
that was never filled in for an empty file. Here the sizes of the chunks are compared with the file.
"""

import struct
from typing import List, NamedTuple, Tuple

from audioset_triplet.media import tags
from audioset_triplet.media.audio_error import AudioError, Path, require_possible
from audioset_triplet.media.file_bytes import FileBytes
from audioset_triplet.media.file_parts import Part


class _Layout(NamedTuple):
    """Of the header of a chunk, and of the chunks in a file."""

    id_bytes: int
    size_format: str  # of `struct`
    size_includes_header: bool
    alignment: int  # of the next chunk
    first_chunk: int  # where the first one begins


_RIFF = _Layout(4, "<I", False, 2, 12)
_RIFX = _Layout(4, ">I", False, 2, 12)
_CAF = _Layout(4, ">q", False, 1, 8)
_W64 = _Layout(16, "<Q", True, 8, 40)
_LAYOUTS = {
    b"RIFF": _RIFF,
    b"RF64": _RIFF,
    b"BW64": _RIFF,
    b"RIFX": _RIFX,
    b"FORM": _RIFX,
    b"caff": _CAF,
    b"riff": _W64,
}
_AIFF_FORMS = (b"AIFF", b"AIFC", b"8SVX", b"16SV")
_W64_RIFF = b"riff\x2e\x91\xcf\x11"
_AUDIO_CHUNKS = (b"data", b"SSND", b"BODY")
# Sizes that writers leave when they cannot go back: FFmpeg 0xFFFFFFFF, sox 0x7FFFF000, arecord 0x80000000; some less a
# header.
_OPEN_SIZES = (range(0x7FFFF000, 0x80000001), range(0xFFFFFF00, 0x100000000))
# Some writers count headers among the samples: no sample is missing if the whole file is as long as it says.
_MOST_OVERCOUNTED = 64
_OTHER_FILES = (b"fLaC", b"OggS")  # what could be taken for a chunk
_LARGEST_RIFF = 0xFFFFFF00
# So much after the end of a WAV is audio that its header does not count, and no rubbish.
_LOST_SECONDS = 0.1
_LOST_BYTES = 4096


class _Chunk(NamedTuple):
    id: bytes
    start: int  # of its contents
    size: int
    is_open: bool = False  # the size is not in the header: the chunk ends with the file

    @property
    def end(self) -> int:
        return self.start + self.size


def is_chunked(head: bytes) -> bool:
    """Whether a file that begins so is one of these."""
    if head.startswith(b"FORM"):
        return head[8:12] in _AIFF_FORMS
    return head.startswith((b"caff", _W64_RIFF)) or (head[:4] in _LAYOUTS and head[8:12] == b"WAVE")


def parts(path: Path, data: FileBytes, start: int, end: int) -> List[Part]:
    """The files in a file, which is one as a rule.

    Args:
        path: for errors.
        data: all bytes of the file.
        start, end: where in it they begin and end.

    Raises:
        AudioError: samples that a header counts are missing, or uncounted ones follow; a WAV without a header.
    """
    layout = _LAYOUTS[data[start : start + 4]]
    chunks, after = _walk(data, start, end, layout)
    num_audio = len(chunks)
    while num_audio > 1 and chunks[num_audio - 1].id not in _AUDIO_CHUNKS:
        num_audio -= 1
    for chunk in chunks[:num_audio]:  # of those after the samples, some are rubbish
        if chunk.end > end:
            what = "bytes of samples are there" if chunk.id in _AUDIO_CHUNKS else "bytes of its header are there"
            raise AudioError(path, "truncated", f"{end - chunk.start} of {chunk.size} {what}")
    following = parts(path, data, after, end) if is_chunked(data[after : after + 12]) else []
    if data[start + 8 : start + 12] == b"WAVE" and data[start : start + 4] != b"riff":
        return [*_wav_parts(path, data, start, chunks, after if following else end), *following]
    first = Part(start, after if following else end)
    if chunks and chunks[-1].is_open and layout is _CAF:  # libsndfile wants the size
        size = struct.pack(layout.size_format, chunks[-1].size)
        first = Part(chunks[-1].start, end, data[start : chunks[-1].start - len(size)] + size)
    return [first, *following]


def _walk(data: FileBytes, start: int, end: int, layout: _Layout) -> Tuple[List[_Chunk], int]:
    """The chunks of the file that begins there, and where it ends: before another file, or before what is no chunk."""
    chunks: List[_Chunk] = []
    position = start + layout.first_chunk
    while _is_chunk(data, position, end, layout) and not is_chunked(data[position : position + 12]):
        header_bytes = layout.id_bytes + struct.calcsize(layout.size_format)
        [size] = struct.unpack(layout.size_format, data[position + layout.id_bytes : position + header_bytes])
        chunk = _Chunk(data[position : position + 4], position + header_bytes, size)
        if layout.size_includes_header:
            chunk = chunk._replace(size=max(0, size - header_bytes))
        if chunk.size < 0 and chunk.id not in _AUDIO_CHUNKS:
            break
        if chunk.id in _AUDIO_CHUNKS:
            chunk = _with_size(data, start, chunk, end, layout)
        chunks.append(chunk)
        position = _after(data, chunk, start, end, layout)
    return chunks, min(position, end)


def _is_chunk(data: FileBytes, position: int, end: int, layout: _Layout) -> bool:
    """Whether the header of a chunk is there: its name is printable."""
    name = data[position : position + 4]
    if name in _OTHER_FILES:
        return False
    return position + layout.id_bytes + struct.calcsize(layout.size_format) <= end and all(32 <= c < 127 for c in name)


def _with_size(data: FileBytes, start: int, chunk: _Chunk, end: int, layout: _Layout) -> _Chunk:
    """The chunk with the size that it really has, where its header has none."""
    to_the_end = chunk._replace(size=end - chunk.start, is_open=True)
    if (
        data[start : start + 4] in (b"RF64", b"BW64")
        and chunk.size == 0xFFFFFFFF
        and data[start + 12 : start + 16] == b"ds64"
    ):
        [size] = struct.unpack("<q", data[start + 28 : start + 36].ljust(8, b"\0"))
        return chunk._replace(size=size) if size > 0 else to_the_end
    is_open = chunk.size < 0 or (layout.alignment == 2 and any(chunk.size in sizes for sizes in _OPEN_SIZES))
    if is_open and (chunk.size < 0 or chunk.end > end):
        return to_the_end
    if chunk.end - _MOST_OVERCOUNTED <= end < chunk.end and _riff_end(data, start, layout) == end:
        return to_the_end
    is_unfinished = not chunk.size and layout.first_chunk == 12 and not _are_chunks(data, chunk.start, end, layout)
    return to_the_end if is_unfinished else chunk


def _riff_end(data: FileBytes, start: int, layout: _Layout) -> int:
    """Where a WAV file ends by its own header; -1: it is none."""
    if data[start : start + 4] not in (b"RIFF", b"RIFX"):
        return -1
    [size] = struct.unpack(layout.size_format, data[start + 4 : start + 8])
    return int(start + 8 + size)


def _are_chunks(data: FileBytes, position: int, end: int, layout: _Layout) -> bool:
    """Whether nothing but chunks is there, to the end of the file or to another one."""
    while _is_chunk(data, position, end, layout) and not is_chunked(data[position : position + 12]):
        [size] = struct.unpack(layout.size_format, data[position + 4 : position + 8])
        position += 8 + size + size % 2
    return position in (end, end + 1) or is_chunked(data[position : position + 12])


def _after(data: FileBytes, chunk: _Chunk, start: int, end: int, layout: _Layout) -> int:
    """Where the next chunk begins; some writers forget to fill up an odd one."""
    filled_up = chunk.end + (start - chunk.end) % layout.alignment
    if filled_up > chunk.end and layout.alignment == 2:
        if not _is_chunk(data, filled_up, end, layout) and _is_chunk(data, chunk.end, end, layout):
            return chunk.end
    return filled_up


def _wav_parts(path: Path, data: FileBytes, start: int, chunks: List[_Chunk], end: int) -> List[Part]:
    """A WAV file, or several with the same samples where libsndfile would not read all of them."""
    found: List[Tuple[bytes, _Chunk]] = []
    description = b""
    for chunk in chunks:
        if chunk.id == b"fmt ":
            description = data[chunk.start : chunk.end]
        elif chunk.id == b"data":
            found.append((description, chunk))
    if not any(chunk.size for _, chunk in found):
        detail = "its data chunk is empty" if found else "it has no data chunk"
        raise AudioError(path, "empty", f"a WAV file without samples: {detail}")
    order = ">" if data[start : start + 4] == b"RIFX" else "<"
    if min(len(description) for description, _ in found) < 16:
        raise AudioError(path, "unreadable", "a WAV file that does not say what its samples are: it has no fmt chunk")
    num_channels, rate_hz = struct.unpack_from(f"{order}2xHI", found[0][0])
    require_possible(path, rate_hz, num_channels)
    _require_all_counted(path, data, order, found[-1][0], chunks[-1].end, end)
    is_regular = len(found) == 1 and not found[0][1].is_open and _is_filled_up(chunks, start)
    if is_regular:
        return [Part(start, end)]
    with_samples = [(description, chunk) for description, chunk in found if chunk.size]
    return [
        Part(chunk.start, chunk.end, _header(order, description, chunk.size)) for description, chunk in with_samples
    ]


def _is_filled_up(chunks: List[_Chunk], start: int) -> bool:
    """Whether every chunk begins at an even position, where libsndfile looks for it."""
    return all((chunk.start - start) % 2 == 0 for chunk in chunks)


def _require_all_counted(path: Path, data: FileBytes, order: str, description: bytes, counted: int, end: int) -> None:
    """Raises an AudioError where much follows that is no chunk, no tag and no padding: samples, after a crash."""
    [bytes_per_second] = struct.unpack_from(f"{order}I", description, 8)
    behind = tags.after(data, counted, end)
    if end - behind > max(_LOST_BYTES, _LOST_SECONDS * bytes_per_second):
        detail = f"its header counts {counted} bytes of the file, and {end - behind} more follow"
        raise AudioError(path, "unreadable", detail)


def _header(order: str, description: bytes, size: int) -> bytes:
    """Of a WAV file with one chunk of samples."""
    described = b"fmt " + struct.pack(f"{order}I", len(description)) + description + bytes(len(description) % 2)
    if size < _LARGEST_RIFF:
        body = b"WAVE" + described + b"data" + struct.pack(f"{order}I", size)
        return (b"RIFX" if order == ">" else b"RIFF") + struct.pack(f"{order}I", len(body) + size) + body
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, size + len(described) + 48, size, 0, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + described + b"data\xff\xff\xff\xff"
