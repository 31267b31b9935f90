"""Which windows of exemplar segments are searched for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_triplet.config.search import ExemplarConfig
from audioset_triplet.errors import UserError
from audioset_triplet.search import exemplars
from audioset_triplet.search.exemplars import ExemplarWindows, Segment
from tests.reference import average_linkage
from tests.search import stores

WHOLE = (np.nan, np.nan)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def windows_of(vectors, segments):
    nothing = np.zeros(len(vectors))
    return ExemplarWindows(np.array(segments), nothing.astype(object), nothing, vectors)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.sampled_from([0.0, 0.3, 0.9, 1.4, 2.0]))
def test_clusters_are_those_of_average_linkage(seed, count, near):
    vectors = unit(np.random.default_rng(seed).normal(size=(count, 3)))
    numbers = exemplars.shared_clusters(windows_of(vectors, range(count)), near, 1)
    found = [set(np.flatnonzero(numbers == number).tolist()) for number in range(numbers.max() + 1)]
    assert found == average_linkage.clusters(vectors, near)


def test_clusters_join_until_two_segments_share_one():
    angles = np.radians([0, 1, 2, 40, 60, 90, 91])  # of segments 0, 0, 0, 1, 2, 2, 2
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    windows = windows_of(vectors, [0, 0, 0, 1, 2, 2, 2])
    alone = exemplars.shared_clusters(windows, 0.1, 1)
    assert alone.tolist() == [0, 0, 0, 1, 2, 3, 3]
    shared = exemplars.shared_clusters(windows, 0.1, 2)
    assert shared.tolist() == [0, 0, 0, 1, 1, 2, 2]  # 40 and 60 degrees are the nearest of two segments
    assert exemplars.shared_clusters(windows, 0.4, 2).tolist() == shared.tolist()  # 20 degrees: 0.347


@pytest.mark.parametrize(
    "start, end, expected",
    [
        (*WHOLE, [0, 1, 2, 3, 4]),
        (0.96, 1.92, [1]),
        (1.0, 1.2, [1]),
        (0.5, 2.5, [1, 2]),  # 0.46 s of the first and 0.58 s of the third
        (0.45, 2.3, [0, 1]),
        (1.9, 1.94, [1, 2]),  # half in each
        (4.7, 9.0, []),  # 0.1 s of the last: neither half of it nor of the segment
        (4.0, 9.0, [4]),
    ],
)
def test_the_windows_that_a_segment_is_heard_in(start, end, expected):
    starts = (0.96 * np.arange(5)).astype(np.float32)
    assert exemplars.windows_in(starts, Segment("a", start, end)).tolist() == expected
    assert exemplars.windows_in(starts[:1], Segment("a", start, end)).tolist() == [0]


def planted(folder):
    """Background in all clips, an event at the third of six windows of clips 0 to 3, and another one in clip 0."""
    random = np.random.default_rng(0)
    event, other, background = np.eye(8)[:3]

    def near(direction):
        return direction + 0.05 * random.normal(size=8)

    clips = {}
    for number in range(30):
        windows = [near(background) if number % 2 else random.normal(size=8) for _ in range(6)]
        windows[0] = near(background)
        if number < 4:
            windows[2] = near(event)
        if number == 0:
            windows[4:] = [near(other), near(other)]
        clips[f"talks/{number}/a"] = np.stack(windows)
    store = stores.write(folder, clips, 7)
    return store, np.stack([row["vector"] for row in stores.rows(store)])


def test_windows_that_several_segments_share_are_searched_for(tmp_path):
    store, drawn = planted(tmp_path)
    segments = [Segment(f"talks/{number}/a", *WHOLE) for number in range(3)]
    config = ExemplarConfig(near_share=0.03, common_share=0.1)
    (found,) = exemplars.find({"beep": segments}, str(store), drawn, config)
    (shared,) = found.clusters
    assert shared.clip_ids.tolist() == [segment.clip_id for segment in segments]
    np.testing.assert_allclose(shared.start_seconds, 3 * [1.92], atol=1e-6)
    assert found.num_windows == 18 and found.num_common == 7  # the background of three clips: 1, 5 and 1 windows
    assert "beep: 3 segments with 18 windows, 7 of them common; searched for: 1 of" in exemplars.describe(found)
    (found,) = exemplars.find({"beep": segments[:1]}, str(store), drawn, config)
    assert len(found.clusters) == found.num_clusters > 1  # of a single segment all clusters count


def test_each_segment_keeps_its_least_common_window(tmp_path):
    store, drawn = planted(tmp_path)
    segments = [Segment("talks/2/a", 0.0, 0.96), Segment("talks/5/a", *WHOLE)]  # nothing but background
    (found,) = exemplars.find({"hum": segments}, str(store), drawn, ExemplarConfig(common_share=0.001))
    (shared,) = found.clusters
    assert shared.segments.tolist() == [0, 1] and found.num_common == 5


def test_segments_are_read_once_each(tmp_path):
    (tmp_path / "segments.csv").write_text(
        "segment_id,start_time_seconds,end_time_seconds,label\na,1,2,dog\nb,,,cat\na,1.0,2.0,dog\nb,,,cat\nb,0,1,dog\n"
    )
    read = exemplars.read(str(tmp_path / "segments.csv"))
    assert read["dog"] == [("a", 1.0, 2.0), ("b", 0.0, 1.0)]
    assert [segment.clip_id for segment in read["cat"]] == ["b"] and np.isnan(read["cat"][0].start_seconds)


def test_segments_that_are_not_there_are_one_clear_line(tmp_path):
    store, drawn = planted(tmp_path)
    for segment, message in [
        (Segment("talks/99/a", *WHOLE), "exemplar talks/99/a: .* has no clip of this name; ids are paths below"),
        (
            Segment("talks/1/a", 7.0, 8.0),
            "talks/1/a, 7 to 8 s: holds no window of the clip, whose last one starts at 4.8",
        ),
    ]:
        with pytest.raises(UserError, match=message):
            exemplars.find({"x": [segment]}, str(store), drawn, ExemplarConfig())
