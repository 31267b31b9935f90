"""The metadata of clips, and a digest of a set of clips."""

import dataclasses
import hashlib
from typing import Dict, Iterable, Optional, Sequence, Tuple

from audioset_triplet.errors import UserError


@dataclasses.dataclass(frozen=True)
class ClipInfo:
    """A clip without its audio; the times are relative to the recording."""

    clip_id: str
    recording_id: str
    labels: Tuple[int, ...] = ()
    label_names: Tuple[str, ...] = ()
    fold: int = -1
    start_seconds: float = 0.0
    end_seconds: float = 0.0


def add_class_names(class_names: Dict[int, str], named: Iterable[Tuple[int, str]], where: str) -> None:
    """Adds (class index, name) pairs; a UserError if a class gets a second name."""
    for index, name in named:
        if class_names.setdefault(index, name) != name:
            raise UserError(f"{where}: class {index} is called both {class_names[index]!r} and {name!r}.")


def none_of_folds(where: str, folds: Sequence[int], stored: Iterable[int]) -> str:
    """What an error says where no clip is of some folds.

    Args:
        where: what holds the clips.
        folds: that were asked for; empty: all.
        stored: the folds of all clips there.
    """
    known = sorted(set(stored) - {ClipInfo.fold})
    if not folds:
        return f"{where}: holds no clip."
    if not known:
        return f"{where}: its clips have no folds: leave out --folds."
    requested, present = (", ".join(map(str, numbers)) for numbers in (folds, known))
    return f"{where}: holds no clip of fold {requested}, only of {present}."


def digest(clip_ids: Iterable[str]) -> str:
    r"""16 hexadecimal digits that depend on a set of clip ids alone, not on their order.

    The first 16 digits of the SHA-256 of the ids, sorted by their UTF-8 bytes and joined by line breaks, as from
    `printf %s "$(LC_ALL=C sort -u ids.txt)" | sha256sum | cut -c 1-16`. A line break or a
    backslash in an id is written \n or \\.
    """
    lines = sorted({clip_id.replace("\\", r"\\").replace("\n", r"\n") for clip_id in clip_ids})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def digests(evaluated: Iterable[str], train: Optional[Iterable[str]] = None) -> Dict[str, str]:
    """The digests in results: `clips_digest`, and `train_clips_digest` where there are training clips.

    Args:
        evaluated: ids of the clips that are evaluated.
        train: ids of all clips of the training folds. They include clips that are left out, because they have no label
            or their recording is evaluated: the digest is then that of whole folds, as in coverage.json.
    """
    result = {"clips_digest": digest(evaluated)}
    return result if train is None else {**result, "train_clips_digest": digest(train)}


def in_words(digests: Dict[str, str]) -> str:
    """The result of `digests` as text."""
    evaluated, *train = digests.values()
    return f"clips digest {evaluated}" + "".join(f", of the training clips {train_digest}" for train_digest in train)
