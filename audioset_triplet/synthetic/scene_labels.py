"""What is said of a scene: when each label is heard, and which frames of a class are rated.

As in AudioSet's releases: strong labels are intervals, and framed ratings say of a frame of 0.96 s and a class that it
is present or not. Only clear cases are rated: a frame that a class touches for a moment has no rating of it.
"""

from typing import List, Mapping, NamedTuple, Optional, Sequence

from audioset_triplet.synthetic.activity import Interval

_SLACK_SECONDS = 1e-6  # of sums of times


class Rating(NamedTuple):
    """Of one frame and class."""

    start: float  # seconds
    end: float
    label: int
    is_present: bool


def rate_frames(
    heard: Mapping[int, Sequence[Interval]], hard_negatives: Sequence[int], seconds: float, frame_seconds: float
) -> List[Rating]:
    """The ratings of a scene: of its labels, and of similar classes that are absent throughout.

    A label is present in a frame of which its intervals cover at least half, or which holds at least half of one of
    them; it is not where it is not heard at all. Each interval is present in a frame, except behind the last whole one.

    Args:
        heard: label -> when it is heard, in seconds.
        hard_negatives: none of these labels.
        seconds: length of the scene; an incomplete last frame is not rated.
        frame_seconds: length of a frame.

    Returns:
        By frame, then by class.
    """
    ratings = []
    for frame in range(int(seconds / frame_seconds + _SLACK_SECONDS)):
        start, end = frame * frame_seconds, (frame + 1) * frame_seconds
        for label in sorted([*heard, *hard_negatives]):
            is_present = _rate(heard.get(label, ()), start, end)
            if is_present is not None:
                ratings.append(Rating(start, end, label, is_present))
    return ratings


def _rate(heard: Sequence[Interval], start: float, end: float) -> Optional[bool]:
    """Whether a class is present in a frame; None: unclear."""
    common = [max(0.0, min(last, end) - max(first, start)) for first, last in heard]
    holds_most = any(part + _SLACK_SECONDS >= (last - first) / 2 for part, (first, last) in zip(common, heard))
    if holds_most or sum(common) + _SLACK_SECONDS >= (end - start) / 2:
        return True
    return None if any(common) else False
