"""The tags that programs for music put before and behind files of any format: ID3, APE, Lyrics3."""

import struct

from audioset_triplet.media.file_bytes import FileBytes

BEGINNINGS = (b"TAG", b"ID3", b"APE", b"LYR")  # of tags


def before(data: FileBytes) -> int:
    """Where the file begins, behind ID3v2 tags."""
    start = 0
    while data[start : start + 3] == b"ID3" and start + 10 < len(data):
        start += 10 + _id3_bytes(data[start : start + 10])
    return min(start, len(data))


def after(data: FileBytes, position: int, end: int) -> int:
    """The first byte from a position on that is neither zero nor part of a tag."""
    while position < end:
        head = data[position : position + 32]
        if head[:3] == b"ID3" and len(head) >= 10:
            position += 10 + _id3_bytes(head)
        elif head[:3] == b"TAG":
            position += 128
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            size, has_header = struct.unpack_from("<I", head, 12)[0], head[23] & 0x20
            position += size + 32 if has_header else 32
        elif head[:11] == b"LYRICSBEGIN":
            lyrics_end = data.find(b"LYRICS200", position, end)
            position = lyrics_end + 9 if lyrics_end > 0 else position + 11
        elif head[:1] == b"\0":
            position += len(head) - len(head.lstrip(b"\0"))
        else:
            break
    return min(position, end)


def _id3_bytes(head: bytes) -> int:
    """The size of an ID3v2 tag without its header, from the ten bytes of that: four times seven bits, and a footer."""
    return sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0))) + (10 if head[5] & 0x10 else 0)
