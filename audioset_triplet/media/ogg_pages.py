"""Ogg files: whether all pages are there and whole, and the links of a chain (RFC 3533).

libsndfile reads the first link alone and skips what is damaged; FFmpeg reads all links as if they were of one kind.
"""

import struct
import zlib
from typing import Dict, Iterator, List, NamedTuple

from audioset_triplet.media.audio_error import AudioError, Path
from audioset_triplet.media.file_bytes import FileBytes
from audioset_triplet.media.file_parts import Part

MAGIC = b"OggS"
_HEADER_BYTES = 27
_LARGEST_HEADER_BYTES = _HEADER_BYTES + 255
_FIRST, _LAST = 2, 4  # flags: the first page of a stream, the last one
_BY_LIBSNDFILE = (b"\x01vorbis", b"OpusHead")
# The checksum of Ogg is that of zlib with the bits of every byte, and of the result, in the other order.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _Page(NamedTuple):
    start: int
    end: int
    flags: int
    stream: int  # its serial number
    sequence_number: int
    packet: bytes  # how its contents begin


def parts(path: Path, data: FileBytes, start: int, end: int) -> List[Part]:
    """The links of a chain; a file as a rule has one.

    Raises:
        AudioError: a page is damaged, missing or incomplete.
    """
    links: List[Part] = []
    streams: Dict[int, int] = {}  # of the link: serial number -> number of the next page
    has_begun = False  # the link has pages beyond the first ones of its streams
    link_start, link_end = start, end
    packets: List[bytes] = []  # how the streams of the link begin
    for page in _pages(path, data, start, end):
        if page.flags & _FIRST and has_begun:
            links.append(_link(link_start, page.start, packets))
            streams, has_begun, link_start, packets = {}, False, page.start, []
        if page.flags & _FIRST:
            packets.append(page.packet)
        else:
            has_begun = True
            expected = streams.get(page.stream, page.sequence_number)
            if page.sequence_number != expected:
                raise AudioError(path, "unreadable", f"damaged: Ogg pages are missing before byte {page.start}")
        streams[page.stream] = page.sequence_number + 1
        link_end = page.end
    return [*links, _link(link_start, link_end, packets)]


def _link(start: int, end: int, packets: List[bytes]) -> Part:
    return Part(start, end, by_ffmpeg=len(packets) != 1 or not packets[0].startswith(_BY_LIBSNDFILE))


def _pages(path: Path, data: FileBytes, start: int, end: int) -> Iterator[_Page]:
    position = start
    while position < end:
        if data[position : position + 4] != MAGIC:
            if data.find(MAGIC, position, end) < 0 and position > start:
                return  # tags, or rubbish
            raise AudioError(path, "unreadable", f"damaged: no Ogg page at byte {position}")
        header = data[position : position + _LARGEST_HEADER_BYTES]
        num_lacing = header[26] if len(header) > 26 else 256
        contents = position + _HEADER_BYTES + num_lacing
        page_end = contents + sum(header[_HEADER_BYTES : contents - position])
        if page_end > end or contents > end:
            raise AudioError(path, "truncated", "the file ends inside an Ogg page")
        page = data[position:page_end]
        flags, stream, number, checksum = struct.unpack_from("<5xB8xIII", page)
        if _checksum(page[:22] + bytes(4) + page[26:]) != checksum:
            raise AudioError(path, "unreadable", f"damaged: the Ogg page at byte {position} has another checksum")
        yield _Page(position, page_end, flags, stream, number, page[contents - position :][:16])
        position = page_end


def _checksum(page: bytes) -> int:
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
