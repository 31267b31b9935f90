"""TFRecords without TensorFlow: its `Example` message, and the framing of its files.

Workers that prepare data write records and do nothing else that needs TensorFlow, whose import costs each of them
several seconds and some 400 MiB.
"""

import struct
from typing import Any, Protocol

import google_crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "audioset_triplet"  # not tensorflow: TensorFlow registers its own, which has the same bytes


def _example_class() -> type:
    """The message of tensorflow/core/example/{example,feature}.proto.

    Example {Features features = 1}, Features {map<string, Feature> feature = 1},
    Feature {oneof kind {BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3}},
    and lists of one repeated field `value` = 1 each, packed where they hold numbers.
    """
    file = descriptor_pb2.FileDescriptorProto(name="audioset_triplet/example.proto", package=_PACKAGE, syntax="proto3")

    def message(name: str, **fields: int) -> descriptor_pb2.DescriptorProto:
        added = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            added.field.add(name=field, number=number, type=kind, label=_Field.LABEL_OPTIONAL)
        return added

    lists = {"BytesList": _Field.TYPE_BYTES, "FloatList": _Field.TYPE_FLOAT, "Int64List": _Field.TYPE_INT64}
    for name, kind in lists.items():
        message(name, value=kind).field[0].label = _Field.LABEL_REPEATED
    feature = message("Feature", **{f"{name[:-4].lower()}_list": _Field.TYPE_MESSAGE for name in lists})
    feature.oneof_decl.add(name="kind")
    for field, name in zip(feature.field, lists):
        field.type_name, field.oneof_index = f".{_PACKAGE}.{name}", 0
    features = message("Features", feature=_Field.TYPE_MESSAGE)
    features.field[0].label = _Field.LABEL_REPEATED
    features.field[0].type_name = f".{_PACKAGE}.Features.FeatureEntry"
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=_Field.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.Feature",
        label=_Field.LABEL_OPTIONAL,
    )
    message("Example", features=_Field.TYPE_MESSAGE).field[0].type_name = f".{_PACKAGE}.Features"

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Example"))


Example: Any = _example_class()


class Writable(Protocol):
    """A file that bytes are appended to."""

    def write(self, data: bytes, /) -> object: ...


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated right by 15 bits plus a constant, as TFRecord stores it."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def write_record(file: Writable, data: bytes) -> None:
    """Appends a record: uint64 length, its masked CRC-32C, the bytes, their masked CRC-32C, all little-endian."""
    length = struct.pack("<Q", len(data))
    file.write(length + struct.pack("<I", masked_crc(length)))
    file.write(data)
    file.write(struct.pack("<I", masked_crc(data)))
