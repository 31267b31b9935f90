"""The front ends by name. A new one is a module beside this and a line in `_BUILDERS`."""

import functools
from typing import Callable, Dict

from audioset_triplet.errors import UserError
from audioset_triplet.frontend import log_mel
from audioset_triplet.frontend.front_end import FrontEnd

# Name -> its front end with one of `front_end.SPECTRA`. All of them have one id: their features agree.
_BUILDERS: Dict[str, Callable[[str], FrontEnd]] = {"log_mel": log_mel.build}


@functools.cache
def by_name(name: str, spectrum: str = "auto") -> FrontEnd:
    """The front end of a name; a UserError that lists the names there are.

    Args:
        name: as in `FRONT_ENDS`.
        spectrum: one of `front_end.SPECTRA`, the way to the spectrum.
    """
    if name not in _BUILDERS:
        raise UserError(f"--front_end must be one of {', '.join(_BUILDERS)}, not {name!r}.")
    return _BUILDERS[name](spectrum)


FRONT_ENDS: Dict[str, FrontEnd] = {name: by_name(name) for name in _BUILDERS}


def by_id(front_end_id: str) -> FrontEnd:
    """The front end of an id, as stored embeddings have it; a UserError that lists the ids there are."""
    front_ends = {front_end.id: front_end for front_end in FRONT_ENDS.values()}
    if front_end_id not in front_ends:
        raise UserError(f"front end {front_end_id} is not one of {', '.join(front_ends)}.")
    return front_ends[front_end_id]
