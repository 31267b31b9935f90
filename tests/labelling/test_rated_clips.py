"""Ratings become weak labels of clips."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_triplet.config.voting import ExportConfig, VotingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import log_folder, rated_clips
from audioset_triplet.labelling.events import Answer, Candidate, Question
from audioset_triplet.store import weak_labels
from audioset_triplet.store.ratings import ANSWERS, NOT_ACOUSTIC, NOT_PRESENT, PRESENT, UNSURE

LABELS = ("dog", "cat")
PARTS = ((None, None), (0.0, 1.0), (1.0, 2.0))


def write_log(folder, rated, classes=None):
    """A log of one rater's ratings: (clip, part) -> label -> rating."""
    with log_folder.open_or_create(str(folder), None, classes or {}) as log:
        log.add_questions([Question(clip, *part, tuple(map(Candidate, LABELS))) for clip, part in rated])
        log.add_answers([Answer(number, "anna", ratings) for number, ratings in enumerate(rated.values())])
    return log_folder.read(str(folder))


def labels_of(rated):
    """The labels of a clip by its ratings, from the definition; None: it is left out."""
    by_label = {label: {one.get(label) for one in rated.values()} for label in LABELS}
    labels = {label for label, ratings in by_label.items() if PRESENT in ratings}
    if any(UNSURE in by_label[label] for label in set(LABELS) - labels):
        return None
    return labels if labels or rated.get((None, None)) else None


_ratings = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(ANSWERS), min_size=1)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from("ab"), st.dictionaries(st.sampled_from(PARTS), _ratings, min_size=1)))
def test_labels_are_those_of_the_definition(tmp_path_factory, rated):
    log = write_log(
        tmp_path_factory.mktemp("log"),
        {(clip, part): ratings for clip, parts in rated.items() for part, ratings in parts.items()},
    )
    known = rated_clips.labels_of_clips(log, VotingConfig())
    expected = {clip: labels_of(parts) for clip, parts in rated.items()}
    assert {clip: set(labels) for clip, labels in known.labels.items()} == {
        clip: labels for clip, labels in expected.items() if labels is not None
    }
    assert known.num_left_out == list(expected.values()).count(None)


RATED = {
    ("a", (None, None)): {"dog": NOT_PRESENT, "cat": NOT_PRESENT},
    ("a", (0.0, 1.0)): {"dog": PRESENT},
    ("b", (None, None)): {"dog": NOT_ACOUSTIC},
    ("c", (0.0, 1.0)): {"dog": NOT_PRESENT},  # may be in the rest
    ("d", (None, None)): {"dog": PRESENT, "cat": UNSURE},
    ("e", (None, None)): {"dog": PRESENT, "cat": PRESENT},
}


def test_a_file_of_weak_labels(tmp_path):
    write_log(tmp_path, RATED)
    path = str(tmp_path / "weak.csv")
    text = rated_clips.export(str(tmp_path), path, ExportConfig(what="weak_labels"))
    assert text.splitlines() == [
        f"{path}: 2 clips with 2 classes, 1 with none of them",
        "2 clips left out: unsure, not decided, or rated in parts only",
    ]
    read = weak_labels.read(path)
    assert read.labels == {"a": (1,), "b": (), "e": (0, 1)} and read.class_names == {0: "cat", 1: "dog"}
    (tmp_path / "classes.txt").write_text("Bird\nDog\ncat\n")
    config = ExportConfig(what="weak_labels", classes=str(tmp_path / "classes.txt"))
    rated_clips.export(str(tmp_path), path, config)
    read = weak_labels.read(path)
    assert read.labels == {"a": (1,), "b": (), "e": (1, 2)} and read.class_names == {1: "Dog", 2: "cat"}
    (tmp_path / "classes.txt").write_text("Dog\ncats\n")
    with pytest.raises(UserError, match="classes.txt: the label 'cat' is none of its 2 classes; is it 'cats'"):
        rated_clips.export(str(tmp_path), path, config)
    with pytest.raises(UserError, match="--classes has no effect without --what=weak_labels"):
        ExportConfig(classes="classes.txt")


def test_numbers_are_those_of_the_log_and_undecided_clips_are_left_out(tmp_path):
    log = write_log(tmp_path, {("e", (None, None)): RATED["e", (None, None)]}, {3: "dog", 7: "cat"})
    rated_clips.export(str(tmp_path), str(tmp_path / "weak.csv"), ExportConfig(what="weak_labels"))
    assert weak_labels.read(str(tmp_path / "weak.csv")).labels == {"e": (3, 7)}
    log.add_answers([Answer(0, "bo", {"dog": PRESENT, "cat": NOT_PRESENT})])
    with pytest.raises(UserError, match="no label is decided yet: 2 answers"):
        rated_clips.export(str(tmp_path), str(tmp_path / "weak.csv"), ExportConfig(what="weak_labels"))
