"""Heads from ratings: which windows are learned from, folds that keep recordings together, scores out of fold."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from audioset_triplet.config.detection import RatedHeadConfig
from audioset_triplet.config.voting import VotingConfig
from audioset_triplet.detection import cross_validation, fitting, rated_examples, rated_head
from audioset_triplet.detection.rated_examples import WindowCache
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import log_folder
from audioset_triplet.labelling.events import Answer, Candidate, Question
from audioset_triplet.store import heads
from audioset_triplet.store.questions import RANDOM, TOP
from audioset_triplet.store.ratings import NOT_ACOUSTIC, NOT_PRESENT, PRESENT, UNSURE
from tests.detection import rated
from tests.search import stores


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A folder with a store, what is planted in it, and a log that rates the first 20 clips."""
    root = tmp_path_factory.mktemp("archive")
    planted = rated.archive(root / "store")
    rated.write_log(root / "labels", rated.ratings_of(planted, list(planted)[:20]))
    return root, planted


def config(**options):
    return dataclasses.replace(RatedHeadConfig(), **options)


def examples_of(root):
    log = log_folder.read(str(root / "labels"))
    return rated_examples.join(rated_examples.of_log(log, VotingConfig()), WindowCache(str(root / "store")), rated.HOP)


def test_intervals_have_their_windows(tmp_path):
    vectors = np.eye(6)
    stores.write(tmp_path / "store", {"a/1/x": vectors, "a/2/y": vectors[:3]})
    questions = [
        Question("a/1/x", 0.96, 1.92, (Candidate("dog", source=RANDOM), Candidate("cat", source=TOP))),  # a window
        Question("a/1/x", 1.0, 4.0, (Candidate("dog", source=TOP),)),  # windows 1, 2 and 3
        Question("a/2/y", None, None, (Candidate("dog", source=TOP), Candidate("cow", source=TOP))),  # the whole clip
        Question("a/1/x", 50.0, 51.0, (Candidate("dog", source=TOP),)),  # behind its end
        Question("gone", None, None, (Candidate("dog", source=TOP),)),
    ]
    of_questions = [{"dog": PRESENT, "cat": UNSURE}, {"dog": NOT_PRESENT}, {"dog": NOT_ACOUSTIC, "cow": NOT_PRESENT}]
    of_questions += [{"dog": PRESENT}, {"dog": PRESENT}]
    with log_folder.open_or_create(str(tmp_path / "labels"), None, {}) as log:
        log.add_questions(questions)
        log.add_answers([Answer(number, "anna", of) for number, of in enumerate(of_questions)])
    examples = examples_of(tmp_path)
    assert examples.classes == ["cow", "dog"]
    windows = [examples.vectors[examples.intervals == number].argmax(axis=1).tolist() for number in range(3)]
    assert windows == [[1], [1, 2, 3], [0, 1, 2]]
    sums = np.bincount(examples.intervals, examples.weights)
    np.testing.assert_allclose(sums, 1)
    assert examples.recordings.tolist() == ["recording1", "recording1", "recording2"]
    of_pairs = list(zip(examples.rated.tolist(), examples.columns.tolist(), examples.is_present.tolist()))
    assert of_pairs == [(0, 1, True), (1, 1, False), (2, 1, False), (2, 0, False)]
    assert examples.is_random.tolist() == [True, False, False, False]
    log = log_folder.read(str(tmp_path / "labels"))
    lines = rated_examples.in_words(rated_examples.of_log(log, VotingConfig()), examples)
    assert lines == [
        "4 ratings of 3 intervals in 2 recordings, 1 drawn at random",
        "2 ratings are of clips without embeddings, or outside their windows: left out",
    ]


def test_a_logistic_head_is_that_of_scikit_learn(archive):
    examples = examples_of(archive[0])
    everything = np.ones(len(examples), bool)
    columns, layers = cross_validation.fit(examples, everything, "logistic", 0)
    assert columns == [0, 1]
    rows = examples.columns == 0
    model = LogisticRegression(C=fitting.LOGISTIC_C, max_iter=1000)
    vectors = examples.vectors[examples.rated[rows]]  # a rated interval is a window here
    model.fit(vectors * np.sqrt(rated.SIZE), examples.is_present[rows])
    expected = model.predict_proba(vectors * np.sqrt(rated.SIZE))[:, 1]
    np.testing.assert_allclose(heads.scores(layers, vectors)[:, 0], expected, atol=1e-4)


def test_folds_keep_recordings_together_and_share_every_kind(archive):
    examples = examples_of(archive[0])
    folds = cross_validation.folds_of_recordings(examples, 5, 0)
    assert len({(name, fold) for name, fold in zip(examples.recordings, folds)}) == len(set(examples.recordings)) == 10
    sizes = np.bincount(folds)
    assert len(sizes) == 5 and sizes.min() == sizes.max() == 24  # two recordings of 12 windows in each
    for column in range(2):
        for is_present in (False, True):
            rows = (examples.columns == column) & (examples.is_present == is_present)
            assert set(folds[examples.rated[rows]]) == set(range(5))
    again = cross_validation.folds_of_recordings(examples, 5, 0)
    np.testing.assert_array_equal(folds, again)


@pytest.mark.parametrize("kind", ["logistic", pytest.param("fc", marks=pytest.mark.slow)])
def test_scores_out_of_fold_rank_what_was_not_seen(archive, kind):
    root, planted = archive
    trained = rated_head.of_workdir(str(root / "labels"), str(root / "store"), config(classifier=kind))
    head = trained.head
    assert head.info.classes == ("cat", "dog") and head.info.kind == kind and len(head.layers) == 1 + (kind == "fc")
    assert head.info.hop_seconds == head.info.window_seconds == rated.HOP
    qualities = rated_head.quality(head, config())
    for column, one in enumerate(qualities):
        of_class = head.ratings.of_class(column)
        expected = average_precision_score(of_class.is_present, of_class.scores)
        assert one.average_precision == pytest.approx(expected) and expected > 0.8
        # The same is true of clips that nobody rated.
        windows = [row for row in stores.rows(root / "store") if row["clip_id"] in list(planted)[20:]]
        scores = head.scores(np.stack([row["vector"] for row in windows]))[:, column]
        own = {"dog": 0, "cat": 1}[one.name]
        is_present = [planted[row["clip_id"]][round(row["start"] / rated.HOP), own] for row in windows]
        assert abs(average_precision_score(is_present, scores) - expected) < 0.15
        assert one.threshold and one.threshold.events.low >= 0.9
    again = rated_head.of_workdir(str(root / "labels"), str(root / "store"), config(classifier=kind))
    assert again.head.id == head.id
    numbers = rated_head.numbers(qualities)
    assert numbers["head/num_classes"] == 2 and 0.8 < numbers["head/map"] <= 1
    assert numbers["head/class/dog/threshold"] == qualities[1].threshold.score


def test_a_score_out_of_fold_depends_on_other_recordings_alone(archive):
    examples = examples_of(archive[0])
    before = cross_validation.scores_out_of_fold(examples, "logistic", 5, 0).scores
    folds = cross_validation.folds_of_recordings(examples, 5, 0)
    own = folds[examples.rated] == folds[0]
    others = dataclasses.replace(examples, is_present=np.where(own, ~examples.is_present, examples.is_present))
    columns, layers = cross_validation.fit(others, ~own, "logistic", 0)
    for place, column in enumerate(columns):
        rows = own & (examples.columns == column)
        for row in np.flatnonzero(rows):
            windows = examples.clips[examples.clip_of[examples.rated[row]]]
            scores = heads.scores(layers, windows.vectors)[:, place]
            np.testing.assert_allclose(scores[examples.places_of(examples.rated[row])].max(), before[row])


def test_few_ratings_and_what_they_lack(tmp_path, archive):
    root, planted = archive
    kinds = {True: [], False: []}
    for one in rated.ratings_of(planted, list(planted), ("dog",)):
        kinds[one[3]].append(one)
    one_a_recording = {is_present: {one[0].split("/")[1]: one for one in of} for is_present, of in kinds.items()}
    present, absent = (list(one_a_recording[is_present].values())[:5] for is_present in (True, False))
    store = str(root / "store")
    folder = rated.write_log(tmp_path / "five", present + absent)
    qualities = rated_head.quality(rated_head.of_workdir(folder, store, config()).head, config())
    assert qualities[0].num_present == qualities[0].num_absent == 5 and qualities[0].average_precision is not None
    cow = [(*one[:2], "cow", True) for one in present]
    folder = rated.write_log(tmp_path / "with-cow", present + absent + cow)
    trained = rated_head.of_workdir(folder, store, config())
    assert trained.head.info.left_out == {"cow": "5 present and none not present: rate some that are"}
    assert "cow: 5 present and none not present" in "\n".join(
        rated_head.in_words(rated_head.quality(trained.head, config()))
    )
    with pytest.raises(UserError, match="no class can be learned yet: cow: 5 present and none not present"):
        rated_head.of_workdir(rated.write_log(tmp_path / "cow", cow), store, config())
    alone = [one for one in kinds[True] if one[0].split("/")[1] == "0"]
    folder = rated.write_log(tmp_path / "alone", alone + absent)
    (one,) = rated_head.quality(rated_head.of_workdir(folder, store, config()).head, config())
    assert one.average_precision is None and "two recordings" in one.problem
    empty = rated.write_log(tmp_path / "empty", [])
    with pytest.raises(UserError, match="nobody has rated a clip yet"):
        rated_head.of_workdir(empty, store, config())
    elsewhere = rated.write_log(tmp_path / "elsewhere", [("gone", 0, "dog", True)])
    with pytest.raises(UserError, match="holds none of the 1 rated clip, such as gone"):
        rated_head.of_workdir(elsewhere, store, config())


def test_the_window_of_a_store(tmp_path):
    stores.write(tmp_path / "one", {"a/1/x": np.eye(2)[:1]})
    with pytest.raises(UserError, match="--window_seconds"):
        rated_examples.window_times(str(tmp_path / "one"), 0)
    assert rated_examples.window_times(str(tmp_path / "one"), 2.5) == (2.5, 2.5)
    stores.write(tmp_path / "several", {"a/1/x": np.eye(2)[:1], "a/2/y": np.eye(2)})
    assert rated_examples.window_times(str(tmp_path / "several"), 0) == (rated.HOP, rated.HOP)
