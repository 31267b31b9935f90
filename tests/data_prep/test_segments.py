import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet import labels
from audioset_triplet.errors import UserError
from data_prep import segments
from data_prep.segments import Segment
from tests import datasets

EXPECTED = [Segment("--aaaaaaaaa", 30.0, 40.0, ("/m/1", "/m/2")), Segment("Yb_bbbbbbb-", 0.0, 9.0, ("/t/dd1",))]
PUBLISHED = """# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=2, num_segs=2, num_unique_labels=3, num_positive_labels=3
# YTID, start_seconds, end_seconds, positive_labels
--aaaaaaaaa, 30.000, 40.000, "/m/1,/m/2"
Yb_bbbbbbb-, 0.000, 9.000, "/t/dd1"
"""
COPIED = """# YTID, start_seconds, end_seconds, positive_labels
--aaaaaaaaa,30,40,"/m/1,/m/2"
Yb_bbbbbbb-,0,9,/t/dd1
"""


def read(tmp_path, text, encoding="utf-8"):
    (tmp_path / "list.csv").write_text(text, encoding=encoding)
    return segments.read_segments(str(tmp_path / "list.csv"))


@pytest.mark.parametrize(
    "text",
    [
        PUBLISHED,
        COPIED,
        PUBLISHED.partition("\n")[2],
        COPIED.replace("# ", ""),
        COPIED.partition("\n")[2],
        PUBLISHED.replace("\n", "\r\n"),
        PUBLISHED + "\n",
    ],
)
def test_every_dialect_is_read(tmp_path, text):
    assert read(tmp_path, text) == (EXPECTED, [])
    assert read(tmp_path, text, "utf-8-sig") == (EXPECTED, [])


def test_a_clip_is_named_as_strong_labels_name_it():
    assert [segment.clip_id for segment in EXPECTED] == ["--aaaaaaaaa_30000", "Yb_bbbbbbb-_0"]


@pytest.mark.parametrize(
    "row, message",
    [
        ('#NAME?,30,40,"/m/1"', "'#NAME\\?' is not the id of a video"),
        ("aaaaaaaaaa,30,40,/m/1", "'aaaaaaaaaa' is not the id of a video"),
        ("bbbbbbbbbbb,30,forty,/m/1", "'30' to 'forty' are no times"),
        ("bbbbbbbbbbb,40,30,/m/1", "40 to 30 is no time interval"),
        ("bbbbbbbbbbb,nan,30,/m/1", "nan to 30 is no time interval"),
        ("bbbbbbbbbbb,30,inf,/m/1", "30 to inf is no time interval"),
        ('bbbbbbbbbbb,30,40,""', "no label"),
        ("bbbbbbbbbbb,30,40", "3 columns instead of 4"),
        ("--aaaaaaaaa,30.0,35,/m/1", "--aaaaaaaaa_30000 is named twice"),
    ],
)
def test_a_bad_row_costs_that_row_only(tmp_path, row, message):
    for text, line_number in ((COPIED + row + "\n", 4), (COPIED.replace("Yb_", row + "\nYb_"), 3)):
        found, (bad,) = read(tmp_path, text)
        assert found == EXPECTED and bad.line_number == line_number
        assert re.fullmatch(message, bad.message)


@pytest.mark.parametrize("text", ["", COPIED.splitlines()[0], "index,mid,display_name\n0,/m/1,Speech\n"])
def test_another_file_is_no_list_of_segments(tmp_path, text):
    with pytest.raises(UserError, match="list.csv: names no segment.*: is this a list of segments of AudioSet"):
        read(tmp_path, text)
    with pytest.raises(UserError, match="none: no such file"):
        segments.read_segments(str(tmp_path / "none"))


VIDEO_IDS = st.from_regex(segments.VIDEO_ID, fullmatch=True)
LABEL_IDS = st.lists(st.from_regex(r"/[mgt]/[a-z0-9_]{1,8}", fullmatch=True), min_size=1, max_size=4)


@given(st.lists(st.tuples(VIDEO_IDS, st.integers(0, 10**6), st.integers(1, 10), LABEL_IDS), min_size=1), st.booleans())
def test_a_list_that_is_written_is_read(tmp_path_factory, rows, published):
    listed = {}
    for video_id, start, length, label_ids in rows:
        segment = Segment(video_id, float(start), float(start + length), tuple(label_ids))
        listed.setdefault(segment.clip_id, segment)
    pattern = '{0}, {1:.3f}, {2:.3f}, "{3}"' if published else '{0},{1:.0f},{2:.0f},"{3}"'
    lines = [
        pattern.format(one.video_id, one.start_seconds, one.end_seconds, ",".join(one.label_ids))
        for one in listed.values()
    ]
    text = "\n".join([*(PUBLISHED if published else COPIED).splitlines()[: 3 if published else 1], *lines])
    assert read(tmp_path_factory.mktemp("list"), text) == (list(listed.values()), [])


@pytest.mark.parametrize("name, count", [("balanced_train", 22160), ("eval", 20371)])
def test_the_published_lists(name, count):
    folder = datasets.audioset()
    found, bad = segments.read_segments(str(folder / f"{name}_segments.csv"))
    assert (len(found), bad) == (count, [])
    vocabulary = labels.read_vocabulary(str(folder / "class_labels_indices.csv"))
    assert {id_ for segment in found for id_ in segment.label_ids} == set(vocabulary.ids)
    if name == "balanced_train":
        assert sum(len(segment.label_ids) for segment in found) == 52882  # as its header says
