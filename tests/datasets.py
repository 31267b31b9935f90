"""Where tests find real recordings, which are not part of the repository; a test that needs one skips without it.

They are looked for in the folder that the environment variable AUDIOSET_TRIPLET_DATASETS names, else in
`../shared/datasets` beside the checkout.
"""

import os
import pathlib

import pytest

_DEFAULT = pathlib.Path(__file__).resolve().parents[2] / "shared" / "datasets"


def _folder(name: str, needed: str) -> pathlib.Path:
    folder = pathlib.Path(os.environ.get("AUDIOSET_TRIPLET_DATASETS") or _DEFAULT) / name
    if not (folder / needed).exists():
        pytest.skip(
            f"needs the recordings of {name}: no {folder / needed} (AUDIOSET_TRIPLET_DATASETS names their parent)"
        )
    return folder


def esc50() -> pathlib.Path:
    """ESC-50 as FLAC, 16 kHz: audio/*.flac and meta/esc50.csv."""
    return _folder("ESC-50", "meta/esc50.csv")


def esc50_ogg() -> pathlib.Path:
    """Forty clips of ESC-50 as OGG, 44.1 kHz, in the same layout."""
    return _folder("ESC-50-ogg", "meta/esc50.csv")


def clips() -> pathlib.Path:
    """One clip in several codecs and rates, and a short video."""
    return _folder("clips", ".")


def audioset() -> pathlib.Path:
    """The lists of AudioSet and its ontology; no sound."""
    return _folder("AudioSet", "ontology.json")
