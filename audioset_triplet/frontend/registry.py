"""The front ends by name: `--front_end` of every program that trains a network.

A new front end is a module beside this one and an entry in FRONT_ENDS.
"""

from typing import Callable, Dict

from audioset_triplet.errors import UserError
from audioset_triplet.frontend import log_mel
from audioset_triplet.frontend.front_end import FrontEnd

FRONT_ENDS: Dict[str, FrontEnd] = {"log_mel": log_mel.build()}

# The front ends that have several ways to the spectrum (`front_end.SPECTRA`), which give the same features.
_WITH_SPECTRUM: Dict[str, Callable[[str], FrontEnd]] = {"log_mel": log_mel.build}


def by_name(name: str, spectrum: str = "auto") -> FrontEnd:
    """The front end of a name.

    Args:
        name: as in FRONT_ENDS.
        spectrum: one of `front_end.SPECTRA`.

    Raises:
        UserError: the name is unknown, which names the known ones, or the front end has no such spectrum.
    """
    if name not in FRONT_ENDS:
        raise UserError(f"--front_end={name} is not known; the front ends are {', '.join(FRONT_ENDS)}.")
    if spectrum == "auto":
        return FRONT_ENDS[name]
    if name not in _WITH_SPECTRUM:
        raise UserError(f"--spectrum={spectrum} cannot be chosen for the front end {name}.")
    return _WITH_SPECTRUM[name](spectrum)


def by_id(front_end_id: str) -> FrontEnd:
    """The front end of an id, as stored embeddings have it; a UserError names the known ones."""
    front_ends = {front_end.id: front_end for front_end in FRONT_ENDS.values()}
    if front_end_id not in front_ends:
        raise UserError(f"front end {front_end_id} is not known; the front ends are {', '.join(front_ends)}.")
    return front_ends[front_end_id]
