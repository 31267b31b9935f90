"""The metadata of clips in records: ids, labels, folds and times, without the audio."""

import dataclasses
from typing import Dict, Iterable, List, Sequence

from audioset_triplet import tables
from audioset_triplet.clips import ClipInfo, add_class_names, none_of_folds
from audioset_triplet.errors import UserError
from audioset_triplet.plurals import counted
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.records import globs, scanning


def read(data: str, folds: Sequence[int]) -> List[ClipInfo]:
    """The clips of some records, in the order of the files, without TensorFlow's runtime.

    Args:
        data: globs of TFRecord files, separated by commas.
        folds: only clips of these folds; empty: all.

    Raises:
        UserError: no file, a damaged record, no clip of these folds, or a clip that is given twice.
    """
    infos: Dict[str, ClipInfo] = {}
    stored_folds = set()
    with progress_bar(name="reading labels", unit="clips", leave=False) as progress:
        for file in globs.expand(data):
            for record in scanning.scan(file):
                if record.clip is None:
                    raise UserError(record.problem)
                progress.update()
                clip = record.clip
                stored_folds.add(clip.fold)
                if folds and clip.fold not in folds:
                    continue
                if clip.clip_id in infos:
                    raise UserError(
                        f"{data}: clip {clip.clip_id} is given twice: every clip needs an id that no other has."
                    )
                values = {field.name: getattr(clip, field.name) for field in dataclasses.fields(ClipInfo)}
                infos[clip.clip_id] = ClipInfo(**values)
    if not infos:
        raise UserError(none_of_folds(data, folds, stored_folds))
    return list(infos.values())


def class_names(clips: Iterable[ClipInfo]) -> Dict[int, str]:
    """The classes of some clips, ascending: index -> name.

    Raises:
        UserError: a class has two names.
    """
    names: Dict[int, str] = {}
    for clip in clips:
        add_class_names(names, zip(clip.labels, clip.label_names), f"clip {clip.clip_id}")
    return dict(sorted(names.items()))


def select(clips: Sequence[ClipInfo], path: str) -> List[ClipInfo]:
    """The clips whose ids are in a file: one on each line, or the column clip_id of a table.

    Raises:
        UserError: the file cannot be read, is empty, or names a clip that is not there.
    """
    line_of = {line.values[0]: line.number for line in tables.read_list(path, "clip_id")}
    known = {clip.clip_id for clip in clips}
    missing = [clip_id for clip_id in line_of if clip_id not in known]
    if missing:
        close = tables.closest(missing[0], known)
        raise UserError(
            f"--clips={path}: {len(missing)} of {len(line_of)} clips are not in the records: {missing[0]!r} on line "
            f"{line_of[missing[0]]}{f'; is it {close!r}?' if close else ''}"
        )
    if not line_of:
        raise UserError(f"--clips={path} names no clip: it needs one clip id per line.")
    return [clip for clip in clips if clip.clip_id in line_of]


def exclude_recordings(trained: Sequence[ClipInfo], evaluated: Sequence[ClipInfo]) -> List[ClipInfo]:
    """The training clips without those cut from a recording of an evaluation clip.

    Raises:
        UserError: a clip is in both lists, or no training clip is left.
    """
    common = sorted({clip.clip_id for clip in trained} & {clip.clip_id for clip in evaluated})
    if common:
        raise UserError(
            f"{counted(len(common), 'clip is', 'clips are')} both to be trained on and to be evaluated on, such as "
            f"{common[0]}: choose disjoint sets (--folds, --eval_folds, --eval_data)."
        )
    recordings = {clip.recording_id for clip in evaluated}
    usable = [clip for clip in trained if clip.recording_id not in recordings]
    if not usable:
        raise UserError("every clip to be trained on is of a recording that is evaluated on: choose other folds.")
    return usable
