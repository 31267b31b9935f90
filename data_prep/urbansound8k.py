"""Reading an UrbanSound8K folder, as it is downloaded (formats: Salamon et al. 2014, UrbanSound8K_README.txt)."""

import pathlib
from typing import List, Sequence

from audioset_triplet.tables import Row
from data_prep import audio_sources, fold_sets
from data_prep.plan import ClipList, ClipRequest

LISTINGS = ("metadata/UrbanSound8K.csv", "UrbanSound8K.csv")
_COLUMNS = ("slice_file_name", "fsID", "start", "end", "fold", "classID", "class")


def read_requests(source: pathlib.Path) -> List[ClipRequest]:
    """The clips of the data set in a folder, or in a folder below it; the list is in metadata/ or in the folder itself.

    Slices of one Freesound recording share its number and are in one fold.

    Raises:
        UserError: what `fold_sets.find_listing` and `fold_sets.read_csv` raise.
    """
    root, listing = fold_sets.find_listing(source, LISTINGS, "an UrbanSound8K folder")

    def make(row: Row) -> ClipRequest:
        number = row.integer("fold")
        fold = f"fold{number}"
        start, end = row.number("start"), row.number("end")
        if not 0 <= start < end <= start + 60:
            raise ValueError(f"{start} to {end} is no slice of a few seconds")
        return ClipRequest(
            group=fold,
            location=audio_sources.of_file(root / "audio" / fold / row["slice_file_name"]),
            clip_id=pathlib.PurePath(row["slice_file_name"]).stem,
            recording_id=row["fsID"],
            start_seconds=start,
            end_seconds=end,
            labels=(row.integer("classID"),),
            label_names=(row["class"],),
            fold=number,
        )

    return fold_sets.read_csv(listing, _COLUMNS, make)


def clips(source: pathlib.Path, folds: Sequence[int]) -> ClipList:
    """The clips to prepare; the arguments are the flags."""
    return fold_sets.of_folds(read_requests(source), folds, {"data_set": "UrbanSound8K"})
