"""The weak labels that a classifier learns from (`--weak_labels`): clips with the labels of a file."""

import dataclasses
import sys
from typing import Dict, List, Mapping, Sequence

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.plurals import counted
from audioset_triplet.records import clip_labels
from audioset_triplet.store import weak_labels


def relabelled(clips: Sequence[ClipInfo], path: str) -> List[ClipInfo]:
    """The clips that a file has, with its labels; prints on stderr what it has and what does not match.

    A clip that was rated and has none of the classes stays, without a label: it is a negative of all of them. A clip
    that the file lacks is left out.

    Args:
        clips: of the records.
        path: a file of `store.weak_labels`.

    Raises:
        UserError: what `weak_labels.read` raises; the records give the index of a class another name, or its name
            another index; none of the clips has a label.
    """
    known = weak_labels.read(path)
    _require_same_classes(clip_labels.class_names(clips), known.class_names, path)
    learned = [_with_labels(clip, known) for clip in clips if clip.clip_id in known.labels]
    num_labelled = sum(bool(clip.labels) for clip in learned)
    if not num_labelled:
        raise UserError(f"{path}: labels none of the {counted(len(clips), 'clip')}: give the records that it is about.")
    lines = [f"{counted(num_labelled, 'clip')} with labels, {len(learned) - num_labelled} without, which are negatives"]
    if len(learned) < len(clips):
        lines.append(f"{len(clips) - len(learned)} more are not in it: left out")
    if len(learned) < len(known.labels):
        lines.append(f"{len(known.labels) - len(learned)} of its clips are not learned from")
    print(f"{path}: {'; '.join(lines)}.", file=sys.stderr)
    return learned


def digests(path: str) -> Dict[str, str]:
    """For the data manifest of a run: what the labels of a file are known by; nothing where there is no file."""
    return {"weak_labels": weak_labels.digest(weak_labels.read(path))} if path else {}


def _with_labels(clip: ClipInfo, known: weak_labels.WeakLabels) -> ClipInfo:
    labels = known.labels[clip.clip_id]
    return dataclasses.replace(clip, labels=labels, label_names=tuple(known.class_names[label] for label in labels))


def _require_same_classes(of_records: Mapping[int, str], of_file: Mapping[int, str], path: str) -> None:
    advice = "export with a list of --classes in which the classes have their numbers in the records."
    index_of = {name: index for index, name in of_records.items()}
    for index, name in of_file.items():
        if of_records.get(index, name) != name:
            raise UserError(f"{path}: class {index} is {name!r}, and {of_records[index]!r} in the records: {advice}")
        if index_of.get(name, index) != index:
            raise UserError(f"{path}: {name!r} is class {index}, and class {index_of[name]} in the records: {advice}")
