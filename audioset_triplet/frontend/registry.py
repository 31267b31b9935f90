"""The front ends by name: `--front_end` of every program that trains a network.

A new front end is a module beside this one and an entry in FRONT_ENDS. The three-band ones are a family, whose names
say how long a window is and how many channels the audio has: three_band-4s-stereo.
"""

from typing import Callable, Dict, Optional

from audioset_triplet.errors import UserError
from audioset_triplet.frontend import log_mel, three_band
from audioset_triplet.frontend.front_end import HOP_MARK, FrontEnd

FRONT_ENDS: Dict[str, FrontEnd] = {"log_mel": log_mel.build()}

# The front ends that have several ways to the spectrum (`front_end.SPECTRA`), which give the same features.
_WITH_SPECTRUM: Dict[str, Callable[[str], FrontEnd]] = {"log_mel": log_mel.build}


def by_name(name: str, spectrum: str = "auto") -> FrontEnd:
    """The front end of a name.

    Args:
        name: as in FRONT_ENDS, or of a three-band one (`three_band.settings_of_name`).
        spectrum: one of `front_end.SPECTRA`.

    Raises:
        UserError: the name is unknown, which names the known ones, or the front end has no such spectrum.
    """
    settings = three_band.settings_of_name(name)
    if settings:
        return three_band.build(settings, spectrum)
    if name not in FRONT_ENDS:
        family = ", ".join(three_band.NAMES)
        raise UserError(
            f"--front_end={name} is not known; the front ends are {', '.join(FRONT_ENDS)}, {family}, these with the "
            "seconds of a window or stereo where wanted: three_band-4s-stereo."
        )
    if spectrum == "auto":
        return FRONT_ENDS[name]
    if name not in _WITH_SPECTRUM:
        raise UserError(f"--spectrum={spectrum} cannot be chosen for the front end {name}.")
    return _WITH_SPECTRUM[name](spectrum)


def find(front_end_id: str) -> Optional[FrontEnd]:
    """The front end of an id, as stored embeddings have it; None: it is not known."""
    own_id, has_hop, hop = front_end_id.partition(HOP_MARK)
    settings = three_band.settings_of_id(own_id)
    known = {front_end.id: front_end for front_end in FRONT_ENDS.values()}
    front_end = three_band.build(settings, "auto") if settings else known.get(own_id)
    if front_end is None or not has_hop:
        return front_end
    return front_end.with_hop_samples(int(hop)) if hop.isdecimal() and int(hop) else None


def portable(name: str) -> FrontEnd:
    """The front end of a name in operators that formats for devices have: without an FFT where it can do without."""
    has_product = name in _WITH_SPECTRUM or three_band.settings_of_name(name)
    return by_name(name, "product" if has_product else "auto")


def by_id(front_end_id: str) -> FrontEnd:
    """As `find`; a UserError names the known ones."""
    front_end = find(front_end_id)
    if front_end is None:
        known = ", ".join(front_end.id for front_end in FRONT_ENDS.values())
        raise UserError(f"front end {front_end_id} is not known; the front ends are {known}, threeband-...")
    return front_end
