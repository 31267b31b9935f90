"""AudioSet's feature records byte by byte: TFRecord framing, protobuf's wire format, SequenceExample.

    SequenceExample  1: context (Features)  2: feature_lists (FeatureLists)
    Features         1: map of string to Feature      FeatureLists  1: map of string to FeatureList
    a map's entry    1: key  2: value                 FeatureList   1: repeated Feature
    Feature          1: BytesList  2: FloatList  3: Int64List, each 1: repeated values

A field begins with a varint, 8 * its number + its wire type: 0 varint, 2 length and bytes, 5 four bytes.
"""

import dataclasses
import struct
from typing import Dict, Iterable, Iterator, List, Sequence, Tuple, Union

Value = Union[bytes, float, int]
VARINT, BYTES, FOUR_BYTES = 0, 2, 5


@dataclasses.dataclass
class Record:
    """The context, and the steps of each feature list."""

    context: Dict[str, List[Value]]
    lists: Dict[str, List[List[Value]]]


def crc32c(data: bytes) -> int:
    """Bit by bit, with the reflected Castagnoli polynomial."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0x82F63B78 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF)


def to_file(records: Iterable[bytes]) -> bytes:
    """A TFRecord file."""
    framed = b""
    for record in records:
        length = struct.pack("<Q", len(record))
        framed += length + masked(length) + record + masked(record)
    return framed


def from_file(contents: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file, all checksums checked."""
    while contents:
        (length,) = struct.unpack("<Q", contents[:8])
        record = contents[12 : 12 + length]
        assert contents[8:12] == masked(contents[:8])
        assert contents[12 + length : 16 + length] == masked(record)
        yield record
        contents = contents[16 + length :]


def varint(value: int) -> bytes:
    """Seven bits at a time, lowest first; negative numbers as two's complement of 64 bits."""
    value &= 0xFFFFFFFFFFFFFFFF
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def field(number: int, contents: bytes) -> bytes:
    return varint(8 * number + BYTES) + varint(len(contents)) + contents


def feature(values: Sequence[Value], packed: bool = True) -> bytes:
    """A Feature; `packed` says how numbers are stored, either of which is allowed."""
    kinds = {type(value) for value in values} or {int}
    assert len(kinds) == 1
    (kind,) = kinds
    if kind is bytes:
        return field(1, b"".join(field(1, value) for value in values))  # type: ignore[arg-type]
    if kind is float:
        encoded, wire_type, number = [struct.pack("<f", value) for value in values], FOUR_BYTES, 2
    else:
        encoded, wire_type, number = [varint(value) for value in values], VARINT, 3  # type: ignore[arg-type]
    if packed:
        return field(number, field(1, b"".join(encoded)))
    return field(number, b"".join(varint(8 + wire_type) + value for value in encoded))


def to_bytes(record: Record, packed: bool = True) -> bytes:
    """A SequenceExample."""
    entries = [field(1, key.encode()) + field(2, feature(values, packed)) for key, values in record.context.items()]
    context = b"".join(field(1, entry) for entry in entries)
    lists = b""
    for key, steps in record.lists.items():
        feature_list = b"".join(field(1, feature(values, packed)) for values in steps)
        lists += field(1, field(1, key.encode()) + field(2, feature_list))
    return field(1, context) + field(2, lists)


def _read_varint(data: bytes, offset: int) -> Tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[offset]
        value, shift, offset = value | (byte & 0x7F) << shift, shift + 7, offset + 1
        if byte < 0x80:
            return value, offset


def _fields(data: bytes) -> Iterator[Tuple[int, Union[int, bytes]]]:
    """The number and the contents of every field."""
    offset = 0
    while offset < len(data):
        tag, offset = _read_varint(data, offset)
        contents: Union[int, bytes]
        if tag & 7 == VARINT:
            contents, offset = _read_varint(data, offset)
        else:
            length, offset = (4, offset) if tag & 7 == FOUR_BYTES else _read_varint(data, offset)
            assert tag & 7 in (BYTES, FOUR_BYTES)
            contents, offset = data[offset : offset + length], offset + length
        yield tag >> 3, contents


def _map(data: bytes) -> Iterator[Tuple[str, bytes]]:
    for number, contents in _fields(data):
        assert number == 1 and isinstance(contents, bytes)
        entry = dict(_fields(contents))
        key, value = entry[1], entry.get(2, b"")
        assert isinstance(key, bytes) and isinstance(value, bytes)
        yield key.decode(), value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _feature_values(data: bytes) -> List[Value]:
    values: List[Value] = []
    for kind, contents in _fields(data):
        assert isinstance(contents, bytes)
        for _, value in _fields(contents):
            if kind == 1:
                assert isinstance(value, bytes)
                values.append(value)
            elif kind == 2:
                assert isinstance(value, bytes)
                values.extend(struct.unpack(f"<{len(value) // 4}f", value))
            elif isinstance(value, int):
                values.append(_signed(value))
            else:
                offset = 0
                while offset < len(value):
                    number, offset = _read_varint(value, offset)
                    values.append(_signed(number))
    return values


def from_bytes(data: bytes) -> Record:
    """The inverse of `to_bytes`, of packed and of single numbers."""
    parts = dict(_fields(data))
    context, lists = parts.get(1, b""), parts.get(2, b"")
    assert isinstance(context, bytes) and isinstance(lists, bytes) and set(parts) <= {1, 2}
    return Record(
        {key: _feature_values(value) for key, value in _map(context)},
        {
            key: [_feature_values(step) for _, step in _fields(value) if isinstance(step, bytes)]
            for key, value in _map(lists)
        },
    )
