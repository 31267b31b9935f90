"""A part of the training clips: the same for every row and every seed, and each part contains all smaller ones."""

import hashlib
from typing import List, Sequence, Set

from audioset_triplet.clips import ClipInfo


def take(clips: Sequence[ClipInfo], share: float) -> List[ClipInfo]:
    """A share of the clips, in their order, and with it one clip at least of each of their classes.

    Clips are ordered by a digest of their ids alone. The first ones make the share, and each class adds its first clip
    if that is not among them.

    Args:
        clips: to choose from.
        share: above 0; 1: all clips.
    """
    if share >= 1:
        return list(clips)
    ordered = sorted(clips, key=lambda clip: _rank(clip.clip_id))
    taken = {clip.clip_id for clip in ordered[: max(1, round(share * len(ordered)))]}
    seen: Set[int] = set()
    for clip in ordered:
        if not seen.issuperset(clip.labels):
            seen.update(clip.labels)
            taken.add(clip.clip_id)
    return [clip for clip in clips if clip.clip_id in taken]


def _rank(clip_id: str) -> bytes:
    return hashlib.blake2b(clip_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
