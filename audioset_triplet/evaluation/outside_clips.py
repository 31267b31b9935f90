"""Clips of other stores among the training clips: sounds of none of the classes, as most of a real collection is.

An annotator who hears such a clip says so: it costs a label like any other clip, and is a negative of every class. It
is kept as a class of its own, `NONE`, which no evaluated clip has: so a softmax has a place for it, and no metric
counts it.
"""

import dataclasses
from typing import Sequence

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.store import part_info, stored_clips

NONE = "none of the classes"


def with_outside(split: Split, folder: str, folders: Sequence[str], left_out: Sequence[str]) -> Split:
    """A split whose training clips are joined by those of other stores.

    A clip of another store is not usable where it has a class with the name of one of the split, or one of `left_out`
    (another name for the same sound: dog_bark for dog), or where its recording is evaluated.

    Args:
        split: the classes and their clips.
        folder: where its training clips are, for errors.
        folders: the other stores.
        left_out: names of classes.

    Raises:
        UserError: a store of another model, a clip that is in two of the stores, no usable clip in one of them, or a
            name of `left_out` that no clip has.
    """
    none = 1 + max(split.classes)
    train, usable = split.train, split.usable
    own_names, recordings = set(split.class_names.values()), set(split.evaluated.recording_ids)
    not_met = set(left_out)
    for outside_folder in folders:
        outside = stored_clips.read_clips(outside_folder)
        part_info.check_same_model(
            train.info, folder, outside.info, outside_folder, "embed the clips of --outside with the same model"
        )
        twice = {*train.clip_ids, *split.evaluated.clip_ids} & set(outside.clip_ids)
        if twice:
            raise UserError(f"--outside={outside_folder}: clip {min(twice)} is in another store too.")
        names = [{outside.class_names[label] for label in labels} for labels in outside.labels]
        not_met -= set(outside.class_names.values())
        is_outside = np.array(
            [
                not of_clip & (own_names | set(left_out)) and recording not in recordings
                for of_clip, recording in zip(names, outside.recording_ids)
            ]
        )
        if not is_outside.any():
            raise UserError(f"--outside={outside_folder}: every clip has one of the classes.")
        train = stored_clips.joined(train, dataclasses.replace(outside, labels=[(none,)] * len(names)))
        usable = np.concatenate([usable, is_outside])
    if not_met:
        raise UserError(f"--outside_except: no clip of --outside has the class {min(not_met)!r}.")
    class_names = {**split.class_names, none: NONE}
    return Split(
        train=dataclasses.replace(train, class_names=class_names),
        usable=usable,
        weights=np.ones(len(usable), np.float32),
        evaluated=split.evaluated,
        classes=[*split.classes, none],
        class_names=class_names,
    )
