"""Reading an ESC-50 folder, as it is downloaded or re-encoded (formats: karolpiczak/ESC-50, README.md).

The CSV names the files; they need not be WAV at 44.1 kHz.
"""

import pathlib
from typing import List, Mapping, Optional, Sequence

from data_prep import audio_sources, fold_sets
from data_prep.plan import ClipList, ClipRequest

LISTING = "meta/esc50.csv"
CLIP_SECONDS = 5.0


def read_requests(source: pathlib.Path, esc10_only: bool) -> List[ClipRequest]:
    """The clips of the data set in a folder, or in a folder below it.

    Raises:
        UserError: what `fold_sets.find_listing` and `fold_sets.read_csv` raise.
    """
    root, listing = fold_sets.find_listing(source, [LISTING], "an ESC-50 folder")

    def make(row: Mapping[str, str]) -> Optional[ClipRequest]:
        request = ClipRequest(
            group=f"fold{int(row['fold'])}",
            location=audio_sources.of_file(root / "audio" / row["filename"]),
            clip_id=pathlib.PurePath(row["filename"]).stem,
            recording_id=row["src_file"],
            start_seconds=0.0,  # the positions of takes in their recordings are not published
            end_seconds=CLIP_SECONDS,
            labels=(int(row["target"]),),
            label_names=(row["category"],),
            fold=int(row["fold"]),
        )
        return request if not esc10_only or row["esc10"].lower() == "true" else None

    return fold_sets.read_csv(listing, make)


def clips(source: pathlib.Path, folds: Sequence[int], subset: str) -> ClipList:
    """The clips to prepare; the arguments are the flags."""
    requests = read_requests(source, subset == "esc10")
    return fold_sets.of_folds(requests, folds, {"data_set": "ESC-50", "subset": subset})
