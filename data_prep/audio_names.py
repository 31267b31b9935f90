"""Which file holds which segment: the ways in which people name their copies of AudioSet.

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

from data_prep import audio_sources
from data_prep.audio_sources import Location
from data_prep.segments import VIDEO_ID, Segment

_NUMBER = r"\d+(?:\.\d+)?"
_NAME = re.compile(rf"(?P<id>{VIDEO_ID.pattern})(?:_(?P<start>{_NUMBER})(?:[_-]{_NUMBER})?)?")


def match(stem: str, segments: Dict[str, List[Segment]]) -> Optional[Segment]:
    """The segment that a file of this name holds.

    Args:
        stem: the name without its extension.
        segments: video id -> the segments of it that are wanted.

    Returns:
        None where the name follows none of the conventions, or where nothing is wanted of its video at its time.
        A name without a time stands for the only segment of its video.
    """
    for name in (stem, stem[1:]) if stem.startswith("Y") else (stem,):
        parts = _NAME.fullmatch(name)
        wanted = segments.get(parts["id"], []) if parts else []
        if parts and parts["start"] is None and len(wanted) == 1:
            return wanted[0]
        if parts and parts["start"] is not None:
            start = float(parts["start"])
            for segment in wanted:
                if start in (segment.start_seconds, round(1000 * segment.start_seconds)):
                    return segment
    return None


def find(source: str, segments: Iterable[Segment]) -> Tuple[Dict[str, Location], List[str]]:
    """Looks for the segments among the sounds of a folder or archive, to any depth.

    Returns:
        clip id -> its sound, for each segment that was found. Of several sounds of one segment (one for every label,
        say) the first in the order of their paths is taken. And in words, how many sounds are not used.

    Raises:
        UserError: what `audio_sources.find` raises.
    """
    by_video: Dict[str, List[Segment]] = {}
    for segment in segments:
        by_video.setdefault(segment.video_id, []).append(segment)
    found: Dict[str, Location] = {}
    strangers, repeated = [], []
    for sound in audio_sources.find(source):
        held = match(sound.stem, by_video)
        if not held:
            strangers.append(sound)
        elif found.setdefault(held.clip_id, sound) is not sound:
            repeated.append(sound)
    remarks = [
        f"{source}: {len(unused)} sounds {what}, and are left out, such as {unused[0]}\n"
        for unused, what in ((strangers, "hold no segment of the lists"), (repeated, "hold what another one holds"))
        if unused
    ]
    return found, remarks
