"""The data sets of the study, and what is held out of them."""

import dataclasses
import functools
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Sequence

from audioset_triplet import named_values
from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.records import clip_labels
from audioset_triplet.studies.finetuning import protocols

_FOLD = "-fold"  # between the name and the number


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Records of one data set."""

    name: str
    data: str  # globs
    clips: Sequence[ClipInfo]

    @property
    def title(self) -> str:
        """As a reader knows it."""
        return protocols.PROTOCOLS[self.name].title if self.name in protocols.PROTOCOLS else self.name

    @functools.cached_property
    def clip_ids(self) -> FrozenSet[str]:
        return frozenset(clip.clip_id for clip in self.clips)

    def recordings(self, fold: int) -> FrozenSet[str]:
        """Of the clips of a fold."""
        return frozenset(clip.recording_id for clip in self.clips if clip.fold == fold)


DataSets = Mapping[str, DataSet]


class HeldOut(NamedTuple):
    """A fold of a data set, on which networks are evaluated."""

    data_set: str
    fold: int

    @property
    def split(self) -> str:
        """The name of the split; also part of paths."""
        return f"{self.data_set}{_FOLD}{self.fold}"

    @classmethod
    def of_split(cls, split: str) -> "HeldOut":
        """The inverse of `split`."""
        data_set, _, fold = split.rpartition(_FOLD)
        return cls(data_set, int(fold))


def read(values: Sequence[str]) -> Dict[str, DataSet]:
    """The data sets of --data_sets.

    Args:
        values: texts NAME=GLOB.

    Raises:
        UserError: no text, one of another form, records that cannot be read, or that are not of the data set whose
            name they have (`protocols`).
    """
    sets: Dict[str, DataSet] = {}
    for name, data in named_values.named("data_sets", values).items():
        sets[name] = DataSet(name, data, clip_labels.read(data, ()))
        if name in protocols.PROTOCOLS:
            protocols.require(name, sets[name].clips)
    return sets


def held_out(values: Sequence[str], sets: DataSets) -> List[HeldOut]:
    """The folds of --held_out.

    Args:
        values: texts NAME=FOLD; empty: every fold of every set.
        sets: those that there are.

    Raises:
        UserError: a text of another form, a set or a fold that there is not, or a set with one fold alone.
    """
    folds = {name: sorted({clip.fold for clip in one.clips} - {-1}) for name, one in sets.items()}
    if not values:
        chosen = [HeldOut(name, fold) for name in sets for fold in folds[name]]
    else:
        pairs = named_values.pairs("held_out", values, known=sets, of="data_sets")
        chosen = [HeldOut(name, _fold(name, text, folds[name])) for name, text in dict.fromkeys(pairs)]
    for name in {one.data_set for one in chosen} | (set() if values else set(sets)):
        if len(folds[name]) < 2:
            raise UserError(f"--data_sets={name}={sets[name].data}: no fold can be held out: two at least are needed.")
    return chosen


def _fold(name: str, text: str, folds: Sequence[int]) -> int:
    if text not in map(str, folds):
        raise UserError(f"--held_out={name}={text}: {name} has the folds {', '.join(map(str, folds))}.")
    return int(text)


def whole(name: str, sets: DataSets) -> DataSet:
    """The largest data set that has all clips of one: ESC-50 for ESC-10; without a larger one the set itself."""
    return max((one for one in sets.values() if sets[name].clip_ids <= one.clip_ids), key=lambda one: len(one.clips))


def distinct(sets: DataSets) -> List[DataSet]:
    """The data sets without those whose clips are all in a larger one."""
    return list({whole(name, sets).name: whole(name, sets) for name in sets}.values())
