"""The scores of clips by a classifier, in memory and as one Parquet file: a row per clip.

    clip_id  string
    scores   fixed_size_list<float32>[C], higher: more likely
    targets  fixed_size_list<bool>[C]

The file metadata holds the class index of each column and the names of the classes, both as JSON.
"""

import dataclasses
import json
from typing import Any, Dict, List

import numpy as np
import pyarrow as pa

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.store import parquet


@dataclasses.dataclass(frozen=True)
class ClipScores:
    """Scores of n clips for C classes; the score of a clip is the weighted mean over its windows.

    Raises:
        ValueError: shapes that do not match, or classes that are not ascending.
        UserError: a score that is not finite, or a clip that is given twice.
    """

    clip_ids: List[str]
    scores: np.ndarray  # [n, C] float32, higher: more likely
    targets: np.ndarray  # [n, C] bool
    classes: List[int]  # [C] class index (label of the records) of each column, ascending
    class_names: Dict[int, str]

    def __post_init__(self) -> None:
        expected = (len(self.clip_ids), len(self.classes))
        for name, dtype in (("scores", np.float32), ("targets", np.bool_)):
            values = getattr(self, name)
            if values.shape != expected or values.dtype != dtype:
                raise ValueError(f"{name} must be {np.dtype(dtype)} {expected}, not {values.dtype} {values.shape}")
        if list(self.classes) != sorted(set(self.classes)):
            raise ValueError(f"classes must be ascending, not {self.classes}")
        if not np.isfinite(self.scores).all():
            clip, column = np.argwhere(~np.isfinite(self.scores))[0]
            raise UserError(
                f"clip {self.clip_ids[clip]}: the score of class {self.classes[column]} is "
                f"{self.scores[clip, column]}, not a finite number; the classifier is broken."
            )
        seen = set()
        for clip_id in self.clip_ids:
            if clip_id in seen:
                raise UserError(f"clip {clip_id} is given twice: every clip needs an id of its own.")
            seen.add(clip_id)


def write(path: str, scores: ClipScores) -> None:
    """Writes the scores to a Parquet file, which appears when it is complete and replaces an older one."""
    num_classes = len(scores.classes)
    metadata = {"classes": json.dumps(list(map(int, scores.classes))), "class_names": json.dumps(scores.class_names)}
    columns = {
        "clip_id": pa.array(scores.clip_ids, pa.string()),
        "scores": pa.FixedSizeListArray.from_arrays(pa.array(scores.scores.reshape(-1)), num_classes),
        "targets": pa.FixedSizeListArray.from_arrays(pa.array(scores.targets.reshape(-1)), num_classes),
    }
    with files.atomic_path(path) as temporary:
        parquet.write(pa.table(columns).replace_schema_metadata(metadata), temporary)


def read(path: str) -> ClipScores:
    """The inverse of `write`.

    Raises:
        UserError: no such file, a damaged one, or one that `write` did not write.
    """
    try:
        table = parquet.read(path)
        metadata = table.schema.metadata or {}
        if table["clip_id"].null_count:
            raise ValueError("a row without clip_id")
        classes = json.loads(metadata[b"classes"])
        names = json.loads(metadata[b"class_names"])
        return ClipScores(
            clip_ids=table["clip_id"].to_pylist(),
            scores=_matrix(table["scores"], len(classes)),
            targets=_matrix(table["targets"], len(classes)),
            classes=classes,
            class_names={int(index): name for index, name in names.items()},
        )
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file of scores.") from error
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not a file of scores, or a damaged one ({str(error).splitlines()[0]}).") from error


def require_same_clips(first: ClipScores, first_path: str, second: ClipScores, second_path: str) -> None:
    """Raises a UserError unless both are of the same clips with the same labels: only then metrics are comparable."""
    if set(first.clip_ids) != set(second.clip_ids):
        raise UserError(
            f"{first_path} and {second_path} hold different clips ({len(first.clip_ids)} and {len(second.clip_ids)}): "
            "score the same records for both."
        )
    first_labels, second_labels = _labels(first), _labels(second)
    different = [clip_id for clip_id, labels in first_labels.items() if labels != second_labels[clip_id]]
    if different:
        raise UserError(f"{first_path} and {second_path} give different labels to clip {different[0]}.")


def _labels(scores: ClipScores) -> Dict[str, List[int]]:
    """Clip id -> its labels, ascending."""
    classes = np.array(scores.classes)
    return {clip_id: classes[row].tolist() for clip_id, row in zip(scores.clip_ids, scores.targets)}


def _matrix(column: Any, num_classes: int) -> np.ndarray:
    """A column of fixed-size lists -> [n, C]."""
    return column.combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(column), num_classes)
