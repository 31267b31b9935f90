"""Which classes of the scores the labels of a file are: by their ids in AudioSet's class list, or by name."""

import dataclasses
from typing import Dict, Iterable, List, Mapping, Optional

from audioset_triplet import tables
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import metrics
from audioset_triplet.labels import Vocabulary


@dataclasses.dataclass(frozen=True)
class MatchedLabels:
    """The labels of a file."""

    classes: Dict[str, int]  # label -> class index, where the scores have the class
    lost: List[str]  # the other labels, ascending

    def __len__(self) -> int:
        return len(self.classes) + len(self.lost)


def match(
    labels: Iterable[str], class_names: Mapping[int, str], vocabulary: Optional[Vocabulary], path: str
) -> MatchedLabels:
    """Finds the classes of labels.

    Args:
        labels: of a file, in any order, repeated or not.
        class_names: class index -> name, of the classes that have scores.
        vocabulary: the classes by index, whose ids the labels are; None: the labels are names of classes.
        path: of the file, for errors.

    Raises:
        UserError: no label has scores; the vocabulary is not that of the scores.
    """
    unique = sorted(set(labels))
    if vocabulary is None:
        numbers: Mapping[str, int] = {title: index for index, title in metrics.class_titles(dict(class_names)).items()}
    else:
        _require_same_list(class_names, vocabulary)
        numbers = vocabulary.numbers
    classes = {label: numbers[label] for label in unique if numbers.get(label) in class_names}
    if not classes:
        raise UserError(f"{path}: {_nothing_matches(unique[0], class_names, vocabulary)}")
    return MatchedLabels(classes, [label for label in unique if label not in classes])


def _require_same_list(class_names: Mapping[int, str], vocabulary: Vocabulary) -> None:
    for index, name in class_names.items():
        if name in ("", str(index)):  # records without names of classes
            continue
        listed = vocabulary.names[index] if index < len(vocabulary) else None
        if listed is None or tables.folded(listed) != tables.folded(name):
            other = f"{listed!r} in --class_labels" if listed else f"--class_labels has {len(vocabulary)} classes only"
            raise UserError(f"class {index} is {name!r} in the scores, and {other}: give the list of their records.")


def _nothing_matches(label: str, class_names: Mapping[int, str], vocabulary: Optional[Vocabulary]) -> str:
    if vocabulary is None:
        example = next(iter(class_names.values()))
        advice = "give --class_labels=class_labels_indices.csv, which has the classes of ids"
        if not label.startswith("/"):
            advice = "write the names of the classes, or give --class_labels"
        return f"no label (such as {label!r}) is the name of a class of the scores (such as {example!r}): {advice}."
    if label in vocabulary.numbers:
        return f"the scores have none of its classes (such as {vocabulary.names[vocabulary.numbers[label]]!r})."
    return f"no label (such as {label!r}) is an id of --class_labels (such as {vocabulary.ids[0]!r})."
