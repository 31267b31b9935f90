"""Files of ratings and of strong labels: what is written is read, what is none is refused, and what ratings decide."""

import codecs
import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_triplet.errors import UserError
from audioset_triplet.store import ratings, strong_labels
from audioset_triplet.store.intervals import Intervals
from audioset_triplet.store.ratings import ANSWERS, NOT_ACOUSTIC, NOT_PRESENT, PRESENT, UNSURE, Ratings

FILES = ("of.tsv", "of.csv", "of.parquet")
HEADER = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\tpresent\n"
BARK = ("yt_1000", 0.96, 1.92, "/m/05tny_")

_texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1)
_times = st.tuples(*[st.floats(0, 1e6, allow_nan=False)] * 2).map(sorted) | st.just([np.nan, np.nan])


def made(rows):
    """Ratings from (clip, start, end, label, answer)."""
    columns = list(zip(*rows)) or [()] * 5
    clip_ids, starts, ends, labels, answers = (
        np.array(column, kind) for column, kind in zip(columns, (object, float, float, object, object))
    )
    return Ratings(clip_ids, starts, ends, labels, answers)


def assert_equal(first, second):
    assert vars(first).keys() == vars(second).keys()
    for name, values in vars(first).items():
        np.testing.assert_array_equal(values, vars(second)[name], name)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(_texts, _times, _texts, st.sampled_from(ANSWERS)), min_size=1, max_size=6))
def test_what_is_written_is_read(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("ratings")
    written = made([(clip_id, *times, label, answer) for clip_id, times, label, answer in rows])
    for name in FILES:
        ratings.write(str(folder / name), written)
        assert_equal(ratings.read(str(folder / name)), written)
        assert not list(folder.glob("*.tmp*"))


def test_files_are_those_of_audioset(tmp_path):
    path = tmp_path / "framed.tsv"
    rows = [(*BARK, PRESENT), ("-_a_b_0", 0.0, 10.0, "/t/dd00041", NOT_PRESENT)]
    ratings.write(str(path), made(rows))
    assert path.read_text().splitlines() == [
        HEADER.strip(),
        "yt_1000\t0.960\t1.920\t/m/05tny_\tPRESENT",
        "-_a_b_0\t0.000\t10.000\t/t/dd00041\tNOT_PRESENT",
    ]
    ratings.write(str(tmp_path / "own.parquet"), made([*rows, ("c", np.nan, np.nan, "dog", UNSURE)]))
    assert pq.read_table(tmp_path / "own.parquet").to_pylist()[2] == {
        "segment_id": "c",
        "start_time_seconds": None,
        "end_time_seconds": None,
        "label": "dog",
        "present": "UNSURE",
    }
    events = Intervals(*(np.array([value], object if isinstance(value, str) else float) for value in BARK))
    strong_labels.write(str(tmp_path / "strong.tsv"), events)
    assert (tmp_path / "strong.tsv").read_text() == "\n".join(
        ["\t".join(strong_labels.COLUMNS), "yt_1000\t0.960\t1.920\t/m/05tny_", ""]
    )
    assert_equal(strong_labels.read(str(tmp_path / "strong.tsv")), events)
    with pytest.raises(UserError, match="framed.tsv: has a column 'present': these are ratings, not strong labels"):
        strong_labels.read(str(path))


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_spreadsheet_opens_and_saves_it(tmp_path, separator):
    """As Excel does: the mark says that it is UTF-8; saved with the separator of the country, quotes where needed."""
    path = tmp_path / "ratings.csv"
    written = made(
        [("Hüte; a “b”, c.wav", 0.96, 1.92, 'Speech, "male"; 男', PRESENT), ("c", np.nan, np.nan, "dog", UNSURE)]
    )
    ratings.write(str(path), written)
    assert path.read_bytes().startswith(codecs.BOM_UTF8)
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=separator, lineterminator="\r\n").writerows(rows)
    assert_equal(ratings.read(str(path)), written)


@pytest.mark.parametrize(
    "line, message",
    [
        ("a\t0\t1\tdog\tYES", "line 3: present is 'YES', not one of PRESENT, NOT_PRESENT, UNSURE, NOT_ACOUSTIC"),
        ("a\t0\tone\tdog\tPRESENT", "line 3: end_time_seconds is 'one', not a number"),
        ("a\t2\t1\tdog\tPRESENT", "line 3: from 2 to 1 is no interval"),
        ("a\t-1\t1\tdog\tPRESENT", "line 3: from -1 to 1 is no interval"),
        ("a\t0\tinf\tdog\tPRESENT", "line 3: end_time_seconds is inf, which is not finite"),
        ("a\t\t1\tdog\tPRESENT", "line 3: from nothing to 1 is no interval of seconds; both may be empty"),
        ("\t0\t1\tdog\tPRESENT", "line 3: segment_id is empty"),
        ("a\t0\t1\t\tPRESENT", "line 3: label is empty"),
        ("a\t0\t1\tdog", "line 3: has 4 values, and there are 5 columns"),
    ],
)
def test_a_row_that_is_no_rating_is_named(tmp_path, line, message):
    path = tmp_path / "framed.tsv"
    path.write_text(f"{HEADER}b\t0\t1\tdog\tPRESENT\n{line}\n")
    with pytest.raises(UserError, match=message) as raised:
        ratings.read(str(path))
    assert str(raised.value).startswith(str(path)) and "\n" not in str(raised.value)


def test_what_is_no_file_of_ratings_is_refused(tmp_path):
    path = str(tmp_path / "own.parquet")
    (tmp_path / "empty.tsv").write_text(HEADER)
    (tmp_path / "strong.tsv").write_text("segment_id\tstart_time_seconds\tend_time_seconds\tlabel\na\t\t\tdog\n")
    for name, message in {
        "empty.tsv": "holds no row",
        "strong.tsv": "line 1: no column 'present'",
        "none.tsv": "no such file",
        "none.parquet": "no such file",
    }.items():
        with pytest.raises(UserError, match=message):
            ratings.read(str(tmp_path / name))
    with pytest.raises(UserError, match="line 2: from nothing to nothing is no interval of seconds.$"):
        strong_labels.read(str(tmp_path / "strong.tsv"))
    (tmp_path / "own.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="damaged, or no Parquet"):
        ratings.read(path)
    ratings.write(path, made([(*BARK, PRESENT)]))
    table = pq.read_table(path)
    for changed, message in [
        (table.drop_columns("label"), "has no column label, only segment_id"),
        (table.set_column(1, "start_time_seconds", pa.array([1])), "start_time_seconds holds int64, not double"),
        (table.set_column(3, "label", pa.array([None], pa.string())), "row 1: label is empty"),
        (table.set_column(1, "start_time_seconds", pa.array([3.0])), "row 1: from 3 to 1.92 is no interval"),
    ]:
        pq.write_table(changed, path)
        with pytest.raises(UserError, match=message):
            ratings.read(path)


def test_a_pair_is_decided_by_its_ratings_together():
    rows = [
        (*BARK, PRESENT),
        ("yt_1000", 0.96, 1.92, "/m/0bt9lr", NOT_PRESENT),
        (*BARK, UNSURE),  # decides nothing
        ("yt_1000", 0.9600001, 1.92, "/m/0bt9lr", NOT_ACOUSTIC),  # the same negative again
        ("yt_1000", 1.92, 2.88, "/m/0bt9lr", NOT_ACOUSTIC),
        ("b", np.nan, np.nan, "/m/0bt9lr", UNSURE),
        ("c", np.nan, np.nan, "dog", NOT_PRESENT),
        ("a", 0.0, 0.96, "dog", PRESENT),
        ("a", 0.0, 0.96, "dog", NOT_ACOUSTIC),  # contradicts
        ("a", 0.0, 0.96, "dog", PRESENT),
        ("c", np.nan, np.nan, "dog", NOT_PRESENT),
    ]
    pairs = ratings.decide(made(rows))
    chosen = [rows[row] for row in (0, 1, 4, 6)]
    for name, column in zip(("clip_ids", "start_seconds", "end_seconds", "labels"), zip(*chosen)):
        np.testing.assert_array_equal(getattr(pairs, name), column)
    assert pairs.is_present.tolist() == [True, False, False, False]
    assert (pairs.num_unsure, pairs.num_not_acoustic, pairs.num_contradictory) == (2, 3, 1)
    nothing = ratings.decide(made([(*BARK, UNSURE)]))
    assert len(nothing) == 0 and nothing.num_unsure == 1
