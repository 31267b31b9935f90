"""TFRecords without TensorFlow: its `Example` messages, and the framing of its files.

Workers that prepare data write records and do nothing else that needs TensorFlow, whose import costs each of them
several seconds and some 400 MiB.
"""

import struct
from typing import Any, Iterator, Protocol, Tuple

import google_crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "audioset_triplet"  # not tensorflow: TensorFlow registers its own, which has the same bytes


def _messages() -> Tuple[type, type]:
    """The messages Example and SequenceExample of tensorflow/core/example/{example,feature}.proto.

    Example {Features features = 1}, Features {map<string, Feature> feature = 1},
    Feature {oneof kind {BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3}},
    and lists of one repeated field `value` = 1 each, packed where they hold numbers.
    SequenceExample {Features context = 1; FeatureLists feature_lists = 2},
    FeatureLists {map<string, FeatureList> feature_list = 1}, FeatureList {repeated Feature feature = 1}.
    """
    file = descriptor_pb2.FileDescriptorProto(name="audioset_triplet/example.proto", package=_PACKAGE, syntax="proto3")

    def message(name: str, **fields: Any) -> descriptor_pb2.DescriptorProto:
        """Fields are numbered from 1; the kind of a field is a scalar type or the name of a message."""
        added = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            new = added.field.add(name=field, number=number, label=_Field.LABEL_OPTIONAL)
            if isinstance(kind, str):
                new.type, new.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                new.type = kind
        return added

    def map_message(name: str, field: str, value: str) -> None:
        """A message with a map from texts to messages."""
        entry_name = f"{''.join(word.title() for word in field.split('_'))}Entry"
        added = message(name, **{field: f"{name}.{entry_name}"})
        added.field[0].label = _Field.LABEL_REPEATED
        entry = added.nested_type.add(name=entry_name)
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
        entry.field.add(
            name="value",
            number=2,
            type=_Field.TYPE_MESSAGE,
            type_name=f".{_PACKAGE}.{value}",
            label=_Field.LABEL_OPTIONAL,
        )

    lists = {"BytesList": _Field.TYPE_BYTES, "FloatList": _Field.TYPE_FLOAT, "Int64List": _Field.TYPE_INT64}
    for name, kind in lists.items():
        message(name, value=kind).field[0].label = _Field.LABEL_REPEATED
    feature = message("Feature", **{f"{name[:-4].lower()}_list": name for name in lists})
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    map_message("Features", "feature", "Feature")
    message("Example", features="Features")
    message("FeatureList", feature="Feature").field[0].label = _Field.LABEL_REPEATED
    map_message("FeatureLists", "feature_list", "FeatureList")
    message("SequenceExample", context="Features", feature_lists="FeatureLists")

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = ("Example", "SequenceExample")
    example, sequence = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in names
    )
    return example, sequence


Example: Any
SequenceExample: Any
Example, SequenceExample = _messages()


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


def read_records(contents: bytes) -> Iterator[bytes]:
    """The records in the bytes of a whole file, as `write_record` wrote them, without a check for damage."""
    offset = 0
    while offset < len(contents):
        (length,) = struct.unpack_from("<Q", contents, offset)
        yield contents[offset + 12 : offset + 12 + length]
        offset += 12 + length + 4
