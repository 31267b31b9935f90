"""What is trained on and what is held out: a fold of cross-validation, or records of their own."""

import collections
import dataclasses
import sys
from typing import List, Sequence

from audioset_triplet.config.data import DataConfig
from audioset_triplet.errors import UserError
from audioset_triplet.records import clip_labels, reading


@dataclasses.dataclass(frozen=True)
class DataSplit:
    """What is trained on, and what is held out."""

    name: str
    train: DataConfig
    held_out: DataConfig


def fold_splits(data: DataConfig, folds: Sequence[int], train_folds: Sequence[int]) -> List[DataSplit]:
    """A split for each held-out fold; where `folds` is empty, for the last fold alone.

    Clips without a fold are on neither side; how many there are is said on stderr.

    Args:
        data: the records, of all folds.
        folds: to hold out, one at a time.
        train_folds: to train on; empty: all others.

    Raises:
        UserError: a fold that the records do not have, one that would be trained on and held out, or nothing to train
            on.
    """
    num_clips = collections.Counter(clip.fold for clip in clip_labels.read(data.data, ()))
    found = sorted(set(num_clips) - {-1})
    where = f"--data={data.data} holds the folds {', '.join(map(str, found))}"
    if len(found) < 2:
        what = f"fold {found[0]} alone" if found else "no folds"
        raise UserError(f"--data={data.data} holds {what}: name what to hold out by --eval_data.")
    if num_clips[-1]:
        print(f"{num_clips[-1]} clips have no fold: they are neither trained on nor held out.", file=sys.stderr)
    splits = []
    for fold in folds or found[-1:]:
        trained = tuple(train_folds) or tuple(other for other in found if other != fold)
        for flag, wanted in (("folds", (fold,)), ("train_folds", trained)):
            unknown = sorted(set(wanted) - set(found))
            if unknown:
                raise UserError(f"{where}, not {unknown[0]}, which --{flag} names.")
        if fold in trained:
            raise UserError(f"fold {fold} is held out (--folds) and cannot be trained on too (--train_folds).")
        train, held_out = dataclasses.replace(data, folds=trained), dataclasses.replace(data, folds=(fold,))
        splits.append(DataSplit(f"fold{fold}", train, held_out))
    return splits


def eval_split(data: DataConfig, eval_data: str) -> DataSplit:
    """Trains on the clips of `data`, holds out all of `eval_data` (a glob).

    Raises:
        UserError: a file or a clip that would be trained on and held out, no clip on a side, or nothing to train on
            but recordings that are held out.
    """
    shared = sorted(set(reading.expand_globs(data.data)) & set(reading.expand_globs(eval_data)))
    if shared:
        raise UserError(f"{shared[0]} is named by --data and by --eval_data: it cannot be trained on and held out.")
    clip_labels.apart(clip_labels.read(data.data, data.folds), clip_labels.read(eval_data, ()))  # here, not hours later
    return DataSplit("split", data, dataclasses.replace(data, data=eval_data))
