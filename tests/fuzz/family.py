"""What a family of inputs is."""

import pathlib
from typing import Callable, Dict, NamedTuple

from tests.fuzz.outcomes import Outcome

EXAMPLE = ".example"


class Family(NamedTuple):
    """Valid inputs by file name, and how a damaged one is run: (its path, an empty folder) -> outcome.

    A name that ends in `EXAMPLE` is the message of one record, which gets the checksums of a TFRecord after its damage.
    """

    samples: Dict[str, bytes]
    run: Callable[[pathlib.Path, pathlib.Path], Outcome]
    takes_folder: bool = False  # of many inputs, whose names may be odd
