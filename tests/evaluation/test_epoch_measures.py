import dataclasses

import numpy as np
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import clip_scoring, metrics
from audioset_triplet.evaluation.epoch_measures import BankNeighbours, EvaluatedClips
from audioset_triplet.frontend import registry
from audioset_triplet.models.memory_bank import MemoryBank
from audioset_triplet.records import clip_labels
from tests import tiny_records
from tests.reference import knn as reference
from tests.tiny_network import build_tiny_network

FRONT_END = registry.by_name("log_mel")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Clips of four classes in two folds, in two files; one has no label, and two are of one recording."""
    clips = tiny_records.make_clips(16)
    clips[1] = tiny_records.make_clip(1, 1, fold=1, recording="shared")
    clips[4] = tiny_records.make_clip(4, 0, fold=2, recording="shared")
    clips[2] = dataclasses.replace(clips[2], labels=(), label_names=())
    folder = tmp_path_factory.mktemp("records")
    for name, part in (("a", clips[:7]), ("b", clips[7:])):
        tiny_records.write(folder / f"{name}.tfrecord", part)
    return str(folder / "*.tfrecord")


def test_neighbours_are_labelled_rows_of_recordings_that_are_not_evaluated(data):
    learned, evaluated = clip_labels.read(data, []), EvaluatedClips(data, [2], FRONT_END)
    bank, network = MemoryBank(16, 8, seed=0), build_tiny_network()
    measured = BankNeighbours(evaluated, learned[::-1], k=3, temperature=0.4)(
        {"network": network}, {"memory_bank": bank}
    )

    ordered = sorted(learned, key=lambda clip: clip.clip_id)
    usable = [
        row for row, clip in enumerate(ordered) if clip.fold == 1 and clip.labels and clip.recording_id != "shared"
    ]
    assert len(usable) == 6
    rows = bank.values()[usable]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    queries = evaluated.means(network)
    assert np.abs(np.linalg.norm(queries, axis=1) - 1).max() > 1e-4  # a mean of unit vectors
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    expected = reference.scores(queries, rows, [ordered[row].labels for row in usable], [0, 1, 2, 3], 3, 0.4)
    targets = np.array([clip.labels[0] for clip in evaluated.clips])
    assert measured["accuracy"] == (expected.argmax(axis=1) == targets).mean()
    scores = clip_scoring.of_clips(evaluated.clips, expected, {label: f"class{label}" for label in range(4)})
    assert measured["map"] == pytest.approx(metrics.measure(scores).map)


def test_a_mean_of_a_clip_is_weighted_and_in_the_order_of_the_clips(data):
    evaluated = EvaluatedClips(data, [], FRONT_END)
    assert [clip.clip_id for clip in evaluated.clips] == [f"clip{index}" for index in range(16)]
    network = build_tiny_network()
    means = evaluated.means(network)
    pcm = tiny_records.make_clip(9, 1).pcm
    windows = FRONT_END.windows((pcm / 32768).astype(np.float32))
    np.testing.assert_allclose(means[9], network(windows).numpy().mean(axis=0), atol=0.01)  # all are about as loud
    np.testing.assert_array_equal(evaluated.means(network), means)


def test_clips_that_cannot_be_evaluated_are_refused(data, tmp_path):
    unlabelled = [dataclasses.replace(clip, labels=(), label_names=()) for clip in tiny_records.make_clips(3)]
    path = tiny_records.write(tmp_path / "a.tfrecord", unlabelled)
    with pytest.raises(UserError, match="the clips to evaluate have no labels"):
        EvaluatedClips(path, [], FRONT_END)
    evaluated = EvaluatedClips(data, [2], FRONT_END)
    for learned in (clip_labels.read(path, []), evaluated.clips):
        with pytest.raises(UserError, match="there are no nearest neighbours"):
            BankNeighbours(evaluated, learned, 5, 0.4)
