"""File names in copies of AudioSet: the conventions in use, and which file holds which segment.

    Y<id>.wav                          PANNs
    <id>_<start ms>_<end ms>.flac      audiosetdl
    <id>_30.000_40.000.wav             DCASE 2017, often with a leading Y
    <id>_30-40.wav                     audioset-download, in a folder for every label
    <id>_30.wav                        audioset-processing, and .wav.gz
    <id>.flac                          the copy on Hugging Face

An id has 11 characters, among them `_` and `-`, and may itself begin with Y: names are never split at such characters.
"""

import re
from typing import Dict, Iterable, List, Optional, Tuple

from audioset_triplet.media.folder_walk import LeftOut
from audioset_triplet.plurals import counted
from data_prep import audio_sources
from data_prep.audio_sources import Location
from data_prep.segments import VIDEO_ID, Segment

_NUMBER = r"\d+(?:\.\d+)?"
_NAME = re.compile(rf"(?P<id>{VIDEO_ID.pattern})(?:_(?P<start>{_NUMBER})(?:[_-]{_NUMBER})?)?")


def match(stem: str, segments: Dict[str, List[Segment]]) -> Optional[Segment]:
    """The segment in a file of this name.

    Args:
        stem: the name without its extension.
        segments: video id -> the listed segments of the video.

    Returns:
        None where the name follows none of the conventions, or no segment of its video and time is listed. A name
        without a time means the only listed segment of its video.
    """
    for name in (stem, stem[1:]) if stem.startswith("Y") else (stem,):
        parts = _NAME.fullmatch(name)
        listed = segments.get(parts["id"], []) if parts else []
        if parts and parts["start"] is None and len(listed) == 1:
            return listed[0]
        if parts and parts["start"] is not None:
            start = float(parts["start"])
            for segment in listed:
                if start in (segment.start_seconds, round(1000 * segment.start_seconds)):
                    return segment
    return None


def find(source: str, segments: Iterable[Segment]) -> Tuple[Dict[str, Location], List[str], LeftOut]:
    """Searches a folder or archive, to any depth, for the files of segments.

    Returns:
        clip id -> its file, for each segment that has one. If several files hold a segment (one for every label, say),
        the first in the order of their paths is taken. Then remarks that count the unused files, and what is left out
        of the search.

    Raises:
        UserError: what `audio_sources.find` raises.
    """
    by_video: Dict[str, List[Segment]] = {}
    for segment in segments:
        by_video.setdefault(segment.video_id, []).append(segment)
    locations: Dict[str, Location] = {}
    unlisted, repeated = [], []
    left_out = LeftOut()
    for location in audio_sources.find(source, left_out):
        segment_of_file = match(location.stem, by_video)
        if not segment_of_file:
            unlisted.append(location)
        elif locations.setdefault(segment_of_file.clip_id, location) is not location:
            repeated.append(location)
    remarks = [
        f"{source}: {counted(len(unused), one, several)}: left out, such as {unused[0]}\n"
        for unused, one, several in (
            (unlisted, "audio file holds no segment of the lists", "audio files hold no segment of the lists"),
            (repeated, "audio file repeats the segment of another", "audio files repeat the segments of others"),
        )
        if unused
    ]
    if left_out.kinds:
        remarks.append(f"{source}: left out: {left_out.text()}\n")
    return locations, remarks, left_out
