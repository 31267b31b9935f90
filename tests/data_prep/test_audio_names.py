import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep import audio_names, segments
from data_prep.segments import Segment

PLAIN, DASHES, LEADING_Y, UNDERSCORES = "R9_ZSCveAHg", "--PJHxphWEs", "YabcdefghiJ", "a_30_40_b_-"
# Two other videos whose ids look like one of the above cut at the wrong place.
SHIFTED = ("abcdefghiJ_", "bcdefghiJ_0")
SEGMENTS = [Segment(video_id, 30.0, 40.0, ("/m/1",)) for video_id in (PLAIN, DASHES, LEADING_Y, UNDERSCORES, *SHIFTED)]
BY_VIDEO = {segment.video_id: [segment] for segment in SEGMENTS}
CONVENTIONS = (
    "{id}",
    "Y{id}",
    "{id}_30000_40000",
    "{id}_30.000_40.000",
    "Y{id}_30.000_40.000",
    "{id}_30-40",
    "{id}_30",
)


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment.video_id)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_convention_finds_its_segment(convention, segment):
    assert audio_names.match(convention.format(id=segment.video_id), BY_VIDEO) == segment


@pytest.mark.parametrize(
    "stem",
    [
        "R9_ZSCveAHg_31",  # another part of that video
        "R9_ZSCveAHg_loud",
        "R9_ZSCveAHgx",
        "R9_ZSCveAH",
        "XR9_ZSCveAHg",
        "aaaaaaaaaaa",
        "",
    ],
)
def test_a_name_of_something_else_finds_nothing(stem):
    assert audio_names.match(stem, BY_VIDEO) is None


def test_of_several_segments_of_a_video_the_time_decides():
    two = [Segment(PLAIN, 0.0, 10.0, ("/m/1",)), Segment(PLAIN, 30.0, 40.0, ("/m/1",))]
    for name, expected in {"": None, "_0": two[0], "_30.000_40.000": two[1], "_30000": two[1], "_10": None}.items():
        assert audio_names.match(PLAIN + name, {PLAIN: two}) is expected


VIDEO_IDS = st.from_regex(segments.VIDEO_ID, fullmatch=True)


@given(VIDEO_IDS, st.sampled_from(CONVENTIONS), st.lists(VIDEO_IDS))
def test_no_other_id_gets_in_the_way(video_id, convention, others):
    by_video = {one: [Segment(one, 30.0, 40.0, ("/m/1",))] for one in (*others, video_id)}
    found = audio_names.match(convention.format(id=video_id), by_video)
    assert found is not None and found.video_id == video_id


def test_a_folder_is_searched_to_any_depth_for_any_extension(tmp_path):
    names = {
        "Animal/Y--PJHxphWEs.wav": "--PJHxphWEs_30000",
        "Zoo/deep/--PJHxphWEs_30-40.wav": "--PJHxphWEs_30000",
        "part00/R9_ZSCveAHg_30.000_40.000.flac": "R9_ZSCveAHg_30000",
        "a_30_40_b_-_30.wav": "a_30_40_b_-_30000",
        "YabcdefghiJ.M4A": "YabcdefghiJ_30000",
        ".DS_Store": None,
        "part00/R9_ZSCveAHg.json": None,  # what downloaders leave beside a file, and what comes before it in the order
        "notes.txt": None,
    }
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found, remarks, left_out = audio_names.find(tmp_path, SEGMENTS)
    first = {clip_id: name for name, clip_id in reversed(names.items()) if clip_id}
    assert {clip_id: location.path for clip_id, location in found.items()} == {
        clip_id: str(tmp_path / name) for clip_id, name in first.items()
    }
    (tmp_path / "song.mp3").touch()
    others = f"{tmp_path}: left out: {left_out.text()}\n"
    repeated = _left_out(tmp_path, "repeats the segment of another", "Zoo/deep/--PJHxphWEs_30-40.wav")
    assert remarks == [repeated, others] and set(left_out.kinds) == {"hidden files", ".json files", ".txt files"}
    stranger = _left_out(tmp_path, "holds no segment of the lists", "song.mp3")
    assert audio_names.find(tmp_path, SEGMENTS) == (found, [stranger, *remarks], left_out)


def _left_out(source, text, name):
    return f"{source}: 1 audio file {text}: left out, such as {source / name}\n"
