"""What a folder of vectors of windows says of itself: whose they are, and of which kind.

Shapes: R windows, D size of a vector.
"""

import abc
import dataclasses
import json
import typing
from typing import Any, ClassVar, Dict, Mapping, Sequence, Type, TypeVar

import numpy as np

from audioset_triplet.errors import UserError

Info = TypeVar("Info", bound="PartInfo")


class PartInfo(abc.ABC):
    """The metadata of a part, and of a folder, whose parts differ in the code version alone; a dataclass."""

    KIND: ClassVar[str]  # what the vectors are; the names of parts begin with it
    COLUMN: ClassVar[str]  # that holds them

    model_id: str
    front_end_id: str
    code_version: str

    @property
    @abc.abstractmethod
    def vector_size(self) -> int:
        """D."""

    def to_json(self) -> Dict[str, Any]:
        """The fields."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    def to_metadata(self) -> Dict[str, str]:
        """The fields as text; those that are no text as JSON."""
        values = self.to_json().items()
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values}

    @classmethod
    def from_metadata(cls: Type[Info], metadata: Mapping[bytes, bytes]) -> Info:
        """The inverse of `to_metadata`, after Parquet; KeyError of a missing field, TypeError and ValueError."""
        types = typing.get_type_hints(cls)
        names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        texts = {name: metadata[name.encode()].decode() for name in names}
        return cls.from_json({name: text if types[name] is str else json.loads(text) for name, text in texts.items()})

    @classmethod
    @abc.abstractmethod
    def from_json(cls: Type[Info], values: Mapping[str, Any]) -> Info:
        """Of the fields as JSON gives them; KeyError, TypeError or ValueError if they are not such fields."""

    @abc.abstractmethod
    def identity(self) -> Dict[str, Any]:
        """What parts of one folder have in common, by its name."""

    @abc.abstractmethod
    def are_valid(self, vectors: np.ndarray) -> np.ndarray:
        """[R] bool: which vectors [R, D] are what the kind promises."""

    @abc.abstractmethod
    def fault(self, vector: np.ndarray) -> str:
        """What an invalid vector [D] is, as text that goes on after "has"."""

    @abc.abstractmethod
    def are_missing(self, vectors: np.ndarray) -> np.ndarray:
        """[R] bool: which vectors [R, D] say that the model gives nothing for the window."""

    def check(self, vectors: np.ndarray, clip_ids: Sequence, where: str) -> None:
        """Raises a UserError that names the first clip [R] with an invalid vector [R, D]."""
        wrong = np.flatnonzero(~self.are_valid(vectors))
        if wrong.size:
            raise UserError(f"{where}: clip {clip_ids[int(wrong[0])]} has {self.fault(vectors[wrong[0]])}.")


def check_same_model(first: Info, first_path: str, second: Info, second_path: str, advice: str = "") -> None:
    """Raises a UserError that names both paths and what differs in their metadata."""
    ours, theirs = first.identity(), second.identity()
    advice = advice or f"a folder holds the {first.KIND} of one model; choose another folder"
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            values = [of.get(name, "none") for of in (ours, theirs)]
            raise UserError(f"{first_path} has {name} {values[0]}, but {second_path} has {values[1]}: {advice}.")
