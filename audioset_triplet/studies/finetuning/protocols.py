"""The protocols of the data sets: which folds there are, and how many classes."""

import dataclasses
from typing import Dict, List, Sequence

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Train on all folds but one, evaluate on that one, for each fold; the number is the mean over the folds."""

    title: str
    num_folds: int
    num_classes: int


# The folds are those that data_prep gives to the clips.
PROTOCOLS: Dict[str, Protocol] = {
    "esc10": Protocol("ESC-10", 5, 10),
    "esc50": Protocol("ESC-50", 5, 50),
    "urbansound8k": Protocol("UrbanSound8K", 10, 10),
    "dcase2013": Protocol("DCASE 2013 scenes, public and private set", 2, 10),
    "dcase2013_challenge": Protocol("DCASE 2013 scenes, five folds of the private set", 5, 10),
}


def require(name: str, clips: Sequence[ClipInfo]) -> None:
    """Raises a UserError where clips cannot be of the data set of a protocol."""
    protocol = PROTOCOLS[name]
    classes = {label for clip in clips for label in clip.labels}
    if len(classes) != protocol.num_classes:
        raise UserError(
            f"--protocol={name}: {protocol.title} has {protocol.num_classes} classes, and the records have "
            f"{len(classes)}: give the records of that data set, or another of {', '.join(PROTOCOLS)}."
        )
    unknown = sorted({clip.fold for clip in clips} - set(range(1, protocol.num_folds + 1)))
    if unknown:
        raise UserError(
            f"--protocol={name}: {protocol.title} has the folds 1 to {protocol.num_folds}, and the records have fold "
            f"{unknown[0]}."
        )


def missing(name: str, held_out: Sequence[str]) -> List[int]:
    """The folds of a protocol that are not among the held-out ones (fold4)."""
    return [fold for fold in range(1, PROTOCOLS[name].num_folds + 1) if f"fold{fold}" not in held_out]


def describe(name: str, held_out: Sequence[str]) -> str:
    """Whether the folds that are held out are those of a protocol, in words."""
    lacking = ", ".join(map(str, missing(name, held_out)))
    return f"{PROTOCOLS[name].title}, " + (
        f"without fold {lacking}: these are not numbers of the protocol." if lacking else "all folds."
    )
