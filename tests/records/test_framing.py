"""Records that are written without TensorFlow are TensorFlow's."""

import pathlib
import subprocess
import sys

import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet.records import framing

FLOATS = st.floats(width=32, allow_nan=False)
INTEGERS = st.integers(-(2**63), 2**63 - 1)


@given(
    features=st.dictionaries(
        st.text(max_size=5),
        st.one_of(
            st.tuples(st.just("bytes_list"), st.lists(st.binary(max_size=5), max_size=3)),
            st.tuples(st.just("float_list"), st.lists(FLOATS, max_size=3)),
            st.tuples(st.just("int64_list"), st.lists(INTEGERS, max_size=3)),
        ),
        max_size=4,
    )
)
def test_the_message_has_the_bytes_of_tensorflows(features):
    ours, theirs = framing.Example(), tf.train.Example()
    for key, (kind, values) in features.items():
        for example in (ours, theirs):
            getattr(example.features.feature[key], kind).value.extend(values)
            example.features.feature[key].SetInParent()
    serialized = theirs.SerializeToString(deterministic=True)
    assert ours.SerializeToString(deterministic=True) == serialized
    assert framing.Example.FromString(serialized) == ours


@given(records=st.lists(st.binary(max_size=300), max_size=5))
def test_the_framing_is_tensorflows(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("records")
    with open(folder / "ours", "wb") as file:
        for record in records:
            framing.write_record(file, record)
    with tf.io.TFRecordWriter(str(folder / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert (folder / "ours").read_bytes() == (folder / "theirs").read_bytes()


def test_writing_records_and_decoding_audio_need_no_tensorflow():
    code = (
        "import sys; from audioset_triplet.media import audio_files, encodings;"
        "from audioset_triplet.records import framing, schema;"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=pathlib.Path(__file__).parents[2])
