"""Files of questions: what is written is read, and a row that is no question is named."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_triplet.errors import UserError
from audioset_triplet.store import questions
from audioset_triplet.store.questions import SOURCES, Questions
from tests.store.test_ratings import _texts, _times, assert_equal

_json = st.dictionaries(_texts, st.integers() | _texts | st.lists(st.booleans()), max_size=2)
_scores = st.just(np.nan) | st.floats(allow_nan=False, allow_infinity=False)


def made(rows):
    """Questions from (clip, start, end, label, score, source, details)."""
    clip_ids, starts, ends, labels, scores, sources, details = zip(*rows)
    texts = [np.array(values, object) for values in (clip_ids, labels, sources)]
    numbers = [np.array(values, float) for values in (starts, ends, scores)]
    return Questions(texts[0], numbers[0], numbers[1], texts[1], numbers[2], texts[2], list(details))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(_texts, _times, st.just("") | _texts, _scores, st.sampled_from(SOURCES), _json),
        min_size=1,
        max_size=6,
    )
)
def test_what_is_written_is_read(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("questions")
    written = made([(clip_id, *times, *others) for clip_id, times, *others in rows])
    for name in ("of.csv", "of.tsv", "of.parquet"):
        questions.write(str(folder / name), written)
        assert_equal(questions.read(str(folder / name)), written)


def test_a_file_needs_the_columns_of_intervals_alone(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("segment_id;start_time_seconds;end_time_seconds;label\na.wav;;;\nb.wav;1;2.5;dog\n")
    read = questions.read(str(path))
    assert read.labels.tolist() == ["", "dog"] and read.sources.tolist() == ["file"] * 2
    assert np.isnan(read.scores).all() and read.details == [{}, {}]
    questions.write(str(path), read)
    assert path.read_text().splitlines()[2] == "b.wav,1.000,2.500,dog,,file,"


def test_scores_in_parquet_may_be_numbers(tmp_path):
    path = str(tmp_path / "candidates.parquet")
    columns = {"segment_id": ["a", "b"], "start_time_seconds": [0.5, None], "end_time_seconds": [1.5, None]}
    columns.update(label=["dog", None], score=[0.1, None], source=["mined", "top"], details=['{"rank": 1}', None])
    pq.write_table(pa.table(columns), path)
    read = questions.read(path)
    assert read.scores[0] == 0.1 and np.isnan(read.scores[1]) and read.details == [{"rank": 1}, {}]


@pytest.mark.parametrize(
    "line, message",
    [
        ("a,,,dog,x,top,", "line 2: score is 'x', not a number"),
        ("a,,,dog,nan,top,", "line 2: score is nan, which is not finite"),
        ("a,,,dog,1,best,", "line 2: source is 'best', not one of cluster, mined"),
        ("a,,,dog,1,top,{", "line 2: details are no JSON"),
        ("a,,,dog,1,top,[]", "line 2: details are a list, not a JSON object"),
        (",,,dog,1,top,", "line 2: segment_id is empty"),
        ("a,2,1,dog,1,top,", "line 2: from 2 to 1 is no interval"),
    ],
)
def test_a_row_that_is_no_question_is_named(tmp_path, line, message):
    path = tmp_path / "of.csv"
    path.write_text(f"{','.join(questions.COLUMNS)}\n{line}\n")
    with pytest.raises(UserError, match=message) as raised:
        questions.read(str(path))
    assert str(raised.value).startswith(str(path))
