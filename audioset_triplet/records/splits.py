"""Training and held-out sets: folds of cross-validation, or separate records."""

import collections
import dataclasses
import sys
from typing import List, Sequence

from audioset_triplet.config.data import DataConfig
from audioset_triplet.errors import UserError
from audioset_triplet.plurals import counted
from audioset_triplet.records import clip_labels, globs


@dataclasses.dataclass(frozen=True)
class DataSplit:
    """A training set and a held-out set."""

    name: str
    train: DataConfig
    held_out: DataConfig


def fold_splits(data: DataConfig, folds: Sequence[int], train_folds: Sequence[int]) -> List[DataSplit]:
    """A split for each held-out fold; where `folds` is empty, for the last fold alone.

    Clips without a fold are in neither set; a line on stderr counts them.

    Args:
        data: the records, of all folds.
        folds: to hold out, one at a time.
        train_folds: to train on; empty: all others.

    Raises:
        UserError: a fold that the records do not have, a fold in both sets, or an empty training set.
    """
    num_clips = collections.Counter(clip.fold for clip in clip_labels.read(data.data, ()))
    all_folds = sorted(set(num_clips) - {-1})
    where = f"--data={data.data} holds the folds {', '.join(map(str, all_folds))}"
    if len(all_folds) < 2:
        folds_text = f"fold {all_folds[0]} alone" if all_folds else "no folds"
        raise UserError(f"--data={data.data} holds {folds_text}: name what to hold out by --eval_data.")
    if num_clips[-1]:
        print(
            f"{counted(num_clips[-1], 'clip has', 'clips have')} no fold: they are neither trained on nor held out.",
            file=sys.stderr,
        )
    splits = []
    for fold in folds or all_folds[-1:]:
        trained = tuple(train_folds) or tuple(other for other in all_folds if other != fold)
        for flag, selected in (("folds", (fold,)), ("train_folds", trained)):
            unknown = sorted(set(selected) - set(all_folds))
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
        UserError: a file or a clip in both sets, an empty set, or only training clips of held-out recordings.
    """
    shared = sorted(set(globs.expand(data.data)) & set(globs.expand(eval_data)))
    if shared:
        raise UserError(f"{shared[0]} is named by --data and by --eval_data: it cannot be trained on and held out.")
    clip_labels.exclude_recordings(
        clip_labels.read(data.data, data.folds), clip_labels.read(eval_data, ())
    )  # here, not hours later
    return DataSplit("split", data, dataclasses.replace(data, data=eval_data))
