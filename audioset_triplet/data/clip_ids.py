"""A name for a set of clips: two results can be compared where they are about the same clips."""

import hashlib
from typing import Iterable


def digest(clip_ids: Iterable[str]) -> str:
    r"""16 hexadecimal digits that depend on a set of clip ids alone, not on their order.

    They are the first of the SHA-256 of the ids, sorted by their UTF-8 bytes, with a line break between two, so that
    anybody can check them: `printf %s "$(LC_ALL=C sort -u ids.txt)" | sha256sum | cut -c 1-16`. A line break or a
    backslash in an id is written \n or \\.
    """
    lines = sorted({clip_id.replace("\\", r"\\").replace("\n", r"\n") for clip_id in clip_ids})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
