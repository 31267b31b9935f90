"""The bytes of a file like one `bytes`, of which a block is in memory.

No memory map: where a mapped file becomes shorter, or a disk fails, the kernel kills the process.
"""

from typing import BinaryIO, Iterator, Pattern, Union

_BLOCK_BYTES = 1 << 18
_LONGEST_MATCH = 256  # of `starts`


class FileBytes:
    """Read by slices with positive steps of 1, and by indices; a slice beyond the end is shorter."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._block = b""
        self._block_start = 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: slice) -> bytes:
        start, stop, _ = index.indices(self._size)
        offset = start - self._block_start
        if offset < 0 or stop - self._block_start > len(self._block):
            self._block = self._read(start, max(_BLOCK_BYTES, stop - start))
            self._block_start, offset = start, 0
        return self._block[offset : offset + max(0, stop - start)]

    def _read(self, start: int, num_bytes: int) -> bytes:
        self._file.seek(start)
        parts = []
        while num_bytes > 0:
            data = self._file.read(num_bytes)
            if not data:
                break
            parts.append(data)
            num_bytes -= len(data)
        return b"".join(parts)

    def find(self, wanted: bytes, start: int, end: int) -> int:
        """As `bytes.find`."""
        while start < end:
            block = self[start : min(end, start + _BLOCK_BYTES)]
            at = block.find(wanted)
            if at >= 0:
                return start + at
            if len(block) < _BLOCK_BYTES:
                break
            start += len(block) - len(wanted) + 1
        return -1

    def starts(self, pattern: Pattern[bytes], start: int) -> Iterator[int]:
        """Where the matches of a pattern begin that is never longer than some hundred bytes."""
        last = -1
        while start < self._size:
            block = self[start : start + _BLOCK_BYTES]
            for match in pattern.finditer(block):
                if start + match.start() > last:
                    last = start + match.start()
                    yield last
            if len(block) < _BLOCK_BYTES:
                break
            start += len(block) - _LONGEST_MATCH


Bytes = Union[bytes, FileBytes]
