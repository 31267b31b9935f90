"""The parts of a folder of embeddings: their metadata, and the checks on them.

Shapes: R rows (windows), D embedding size.
"""

import dataclasses
import os
import typing
from typing import Any, ClassVar, Dict, List, Mapping, Optional

import numpy as np
import pyarrow as pa

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.store import window_parts
from audioset_triplet.store.part_info import PartInfo, check_same_model

FEATURES_INFO = "features.json"  # beside feature records (`store.features`): their StoreInfo
NORM_TOLERANCE = 1e-3  # wide enough for embeddings that were computed in bfloat16


@dataclasses.dataclass(frozen=True)
class StoreInfo(PartInfo):
    """The metadata of embeddings, which are of unit norm."""

    KIND: ClassVar[str] = "embeddings"
    COLUMN: ClassVar[str] = "embedding"

    model_id: str
    front_end_id: str
    embedding_size: int
    code_version: str

    @property
    def vector_size(self) -> int:
        return self.embedding_size

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "StoreInfo":
        size = int(values["embedding_size"])
        return cls(values["model_id"], values["front_end_id"], size, values["code_version"])

    def identity(self) -> Dict[str, Any]:
        return {name: getattr(self, name) for name in ("model_id", "front_end_id", "embedding_size")}

    def are_valid(self, vectors: np.ndarray) -> np.ndarray:
        return has_unit_norm(vectors)

    def fault(self, vector: np.ndarray) -> str:
        return f"an embedding of the norm {np.linalg.norm(vector):.4g}, not 1"

    def are_missing(self, vectors: np.ndarray) -> np.ndarray:
        return ~vectors.any(axis=1)


def has_unit_norm(embeddings: np.ndarray) -> np.ndarray:
    """[R] bool: which embeddings [R, D] are finite and of unit norm."""
    return np.abs(np.linalg.norm(embeddings, axis=1) - 1) <= NORM_TOLERANCE  # NaN is not


def matrix(batch: pa.RecordBatch) -> np.ndarray:
    """The embeddings [R, D] of a batch."""
    return window_parts.matrix(batch, StoreInfo.COLUMN)


def part_paths(folder: str) -> List[str]:
    """The finished parts of a folder, in the order of their numbers."""
    return window_parts.part_paths(folder, StoreInfo.KIND)


def read_info(path: str) -> StoreInfo:
    """The metadata of a part, as `window_parts.read_info`."""
    return window_parts.read_info(path, StoreInfo)


def check_folder(folder: str, info: StoreInfo) -> None:
    """Raises a UserError if a folder holds embeddings of another model or front end, in either format, or scores."""
    if os.path.isdir(folder):
        window_parts.require_kind(folder, StoreInfo.KIND)
    for path in part_paths(folder):
        check_same_model(read_info(path), path, info, "this run")
    features_info = read_features_info(folder)
    if features_info:
        check_same_model(features_info, os.path.join(folder, FEATURES_INFO), info, "this run")


def read_features_info(folder: str) -> Optional[StoreInfo]:
    """The metadata of feature records in features.json beside them; None without such a file.

    Raises:
        UserError: a damaged file.
    """
    path = os.path.join(folder, FEATURES_INFO)
    if not os.path.exists(path):
        return None
    values = files.read_json_object(path)
    hints = typing.get_type_hints(StoreInfo)
    types = {field.name: hints[field.name] for field in dataclasses.fields(StoreInfo)}
    if values.keys() != types.keys() or not all(isinstance(values[name], kind) for name, kind in types.items()):
        expected = ", ".join(f"{name} ({kind.__name__})" for name, kind in types.items())
        raise UserError(f"{path}: damaged: expected {expected}; choose another folder, or make the features again.")
    return StoreInfo(**values)
