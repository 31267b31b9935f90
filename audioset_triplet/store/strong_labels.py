"""Strong labels: the events of clips, each with its onset, its offset and the label of its class.

A table with tabs, the columns of AudioSet's temporally strong labels (audioset_eval_strong.tsv; Hershey et al. 2021),
or Parquet with the same columns (`store.intervals`). Every clip of the file is annotated in full: a class without an
event there is absent. Times are seconds from the start of the clip.
"""

from audioset_triplet.errors import UserError
from audioset_triplet.store import intervals
from audioset_triplet.store.intervals import Intervals

COLUMNS = intervals.COLUMNS


def read(path: str) -> Intervals:
    """The events of a file.

    Raises:
        UserError: what `intervals.read` raises; ratings, some of which say that a class is absent.
    """
    rows = intervals.read(path)
    if "present" in rows.header:
        raise UserError(f"{path}: has a column 'present': these are ratings, not strong labels.")
    return rows.intervals


def write(path: str, events: Intervals) -> None:
    """The inverse of `read`: a table with tabs, or Parquet where the name ends in .parquet."""
    intervals.write(path, events)
