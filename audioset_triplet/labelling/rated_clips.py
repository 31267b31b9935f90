"""Ratings become weak labels: what votes decide about clips, as a classifier learns from it.

A clip has the labels that are PRESENT in it, or in an interval of it. One whose ratings as a whole clip are all
NOT_PRESENT or NOT_ACOUSTIC has none of the classes, and is a negative example. What is absent from an interval may be
in the rest of the clip, so that such a rating alone says nothing. A clip is left out where it may have a label without
having got it: where a rating is UNSURE, or votes do not decide. As in any weak labels, a class that nobody was asked
about counts as absent.
"""

from typing import Dict, List, Mapping, NamedTuple, Set

from audioset_triplet import tables
from audioset_triplet.config.voting import ExportConfig, VotingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import annotation_files, log_folder, votes
from audioset_triplet.labelling.annotation_log import AnnotationLog
from audioset_triplet.plurals import counted
from audioset_triplet.store import weak_labels
from audioset_triplet.store.ratings import PRESENT, UNSURE


class RatedClips(NamedTuple):
    """The clips about which votes decide, in the order of their first votes."""

    labels: Dict[str, List[str]]  # clip id -> names of classes; empty: none of them
    num_left_out: int  # clips that may have a label without having got it, or were rated in parts only


def labels_of_clips(log: AnnotationLog, config: VotingConfig) -> RatedClips:
    """The labels that votes decide; see above. Gold questions are left out."""
    present: Dict[str, List[str]] = {}
    undecided: Dict[str, Set[str]] = {}
    rated_as_a_whole: Set[str] = set()
    for ((clip_id, start, _), label), rating in votes.decisions(log, config).items():
        labels = present.setdefault(clip_id, [])
        if rating == PRESENT and label not in labels:
            labels.append(label)
        elif rating in (None, UNSURE):
            undecided.setdefault(clip_id, set()).add(label)
        if start is None:
            rated_as_a_whole.add(clip_id)
    known = {
        clip_id: labels
        for clip_id, labels in present.items()
        if (labels or clip_id in rated_as_a_whole) and undecided.get(clip_id, set()) <= set(labels)
    }
    return RatedClips(known, len(present) - len(known))


def export(workdir: str, output: str, config: ExportConfig) -> str:
    """Writes the labels of clips that votes decide (`store.weak_labels`), and returns of how many.

    Args:
        workdir: the folder of the log.
        output: the CSV.
        config: what decides, and the numbers of the classes.

    Raises:
        UserError: no log, no label is decided, or a label is none of the classes.
    """
    log = log_folder.read(workdir)
    rated = labels_of_clips(log, config.voting)
    names = sorted({label for labels in rated.labels.values() for label in labels})
    if not names:
        raise UserError(f"{workdir}: no label is decided yet: {counted(len(log.answers), 'answer')}.")
    known = annotation_files.read_classes(config.classes) if config.classes else log.classes or dict(enumerate(names))
    classes = {name: _class_of(name, known, config.classes or log.path) for name in names}
    rows: List[weak_labels.Row] = []
    for clip_id, labels in rated.labels.items():
        numbers = sorted({classes[label] for label in labels})
        rows += [weak_labels.Row(clip_id, number, known[number], None, True) for number in numbers]
        rows += [] if numbers else [weak_labels.Row(clip_id, None, None, None, True)]
    weak_labels.write(output, rows)
    num_labelled = sum(bool(labels) for labels in rated.labels.values())
    lines = [
        f"{output}: {counted(num_labelled, 'clip')} with {counted(len(set(classes.values())), 'class')}, "
        f"{len(rated.labels) - num_labelled} with none of them"
    ]
    if rated.num_left_out:
        lines.append(f"{counted(rated.num_left_out, 'clip')} left out: unsure, not decided, or rated in parts only")
    return "\n".join(lines)


def _class_of(name: str, known: Mapping[int, str], source: str) -> int:
    """The number of a class by its name, in another case perhaps."""
    meant = tables.meant(name, known.values())
    if meant is None:
        close = tables.closest(name, known.values())
        hint = f"; is it {close!r}?" if close else ""
        raise UserError(f"{source}: the label {name!r} is none of its {counted(len(known), 'class')}{hint}: --classes.")
    return next(number for number, class_name in known.items() if class_name == meant)
