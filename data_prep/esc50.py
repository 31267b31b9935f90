"""Reading an ESC-50 folder, as it is downloaded or re-encoded (formats: karolpiczak/ESC-50, README.md).

The CSV names the files; they need not be WAV at 44.1 kHz.
"""

import pathlib
from typing import List, Optional, Sequence

from audioset_triplet.tables import Row
from data_prep import audio_sources, fold_sets
from data_prep.plan import ClipList, ClipRequest

LISTING = "meta/esc50.csv"
CLIP_SECONDS = 5.0
_COLUMNS = ("filename", "fold", "target", "category", "src_file")


def read_requests(source: pathlib.Path, esc10_only: bool) -> List[ClipRequest]:
    """The clips of the data set in a folder, or in a folder below it.

    Raises:
        UserError: what `fold_sets.find_listing` and `fold_sets.read_csv` raise.
    """
    root, listing = fold_sets.find_listing(source, [LISTING], "an ESC-50 folder")

    def make(row: Row) -> Optional[ClipRequest]:
        fold = row.integer("fold")
        request = ClipRequest(
            group=f"fold{fold}",
            location=audio_sources.of_file(root / "audio" / row["filename"]),
            clip_id=pathlib.PurePath(row["filename"]).stem,
            recording_id=row["src_file"],
            start_seconds=0.0,  # the positions of takes in their recordings are not published
            end_seconds=CLIP_SECONDS,
            labels=(row.integer("target"),),
            label_names=(row["category"],),
            fold=fold,
        )
        return request if not esc10_only or row["esc10"].strip().lower() == "true" else None

    return fold_sets.read_csv(listing, [*_COLUMNS, *(["esc10"] if esc10_only else [])], make)


def clips(source: pathlib.Path, folds: Sequence[int], subset: str) -> ClipList:
    """The clips to prepare; the arguments are the flags."""
    requests = read_requests(source, subset == "esc10")
    return fold_sets.of_folds(requests, folds, {"data_set": "ESC-50", "subset": subset})
