"""Several embedding sets on the same clips: all tasks have one shape."""

import json

import numpy as np
import pytest

from audioset_triplet.config.evaluation import (
    TASKS,
    ClassificationConfig,
    HeadConfig,
    KnnConfig,
    ScoresConfig,
    SemiSupervisedConfig,
)
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import comparisons, knn, retrieval, semi_supervised, splits
from audioset_triplet.evaluation.comparisons import EmbeddingSet
from audioset_triplet.store import stored_clips, weak_labels
from tests import example_clips
from tests.evaluation.compared import CONFIGS, compare_all, write_good_and_poor


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return write_good_and_poor(tmp_path_factory.mktemp("comparisons"))


@pytest.fixture(scope="module")
def compared(folders):
    return compare_all(folders)


def test_every_task_on_embeddings_has_a_config():
    assert {"scores": ScoresConfig, **{name: type(config) for name, config in CONFIGS.items()}} == TASKS


@pytest.mark.slow
def test_numbers_are_those_of_the_evaluations_for_the_model_and_for_what_it_is_compared_with(folders, compared):
    from audioset_triplet.evaluation import classification

    numbers = {name: comparison.numbers() for name, comparison in compared.items()}
    for model, prefix in (("good", ""), ("poor", "poor one/")):
        fold = stored_clips.clip_vectors(str(folders / model), [2])
        split = splits.read_split(str(folders / model), [1], str(folders / model), [2])
        classified = classification.evaluate(CONFIGS["classification"], split)
        few = semi_supervised.evaluate(CONFIGS["semi_supervised"], split).trials[4]
        expected = {
            "retrieval/{}map": retrieval.evaluate(CONFIGS["retrieval"], fold).map,
            "classification/{}map": classified.map,
            "classification/{}accuracy": classified.accuracy,
            "classification/{}class/class 2": classified.class_average_precision[2],
            "knn/{}eer": knn.evaluate(CONFIGS["knn"], split).eer,
            "semi_supervised/{}4/map": np.mean([one.map for one in few]),
            "semi_supervised/{}4/accuracy_std": np.std([one.accuracy for one in few], ddof=1),
        }
        for key, value in expected.items():
            assert numbers[key.split("/")[0]][key.format(prefix)] == pytest.approx(value, abs=1e-12), key
    for name in CONFIGS:
        assert numbers[name][f"{name}/poor one/model_id"] == "poor-model" and numbers[name]["model_id"] == "good-model"
        assert numbers[name]["seed"] == 3 and len(numbers[name]["clips_digest"]) == 16
        json.dumps(numbers[name], allow_nan=False)
    assert numbers["semi_supervised"]["semi_supervised/20/classes_short"] == 4
    assert numbers["semi_supervised"]["semi_supervised/20/labelled_clips"] == 40
    assert "semi_supervised/poor one/20/classes_short" not in numbers["semi_supervised"]
    assert numbers["classification"]["head/hidden_units"] == 16 and numbers["knn"]["neighbours"] == 5
    assert numbers["retrieval"]["draws"] == 5


def test_embedding_sets_are_named_and_have_their_own_training_folders():
    assert comparisons.embedding_sets("A", "", {"b": "B"}, {}) == [
        EmbeddingSet("model", "A", "A"),
        EmbeddingSet("b", "B", "B"),
    ]
    assert comparisons.embedding_sets("A", "T", {"b": "B"}, {"b": "C"}) == [
        EmbeddingSet("model", "A", "T"),
        EmbeddingSet("b", "B", "C"),
    ]
    for name in ("a/b", "map", "class", "accuracy", "5", "model"):
        with pytest.raises(UserError, match="name of your own"):
            comparisons.embedding_sets("A", "", {name: "B"}, {})
    with pytest.raises(UserError, match="--train_compare names c"):
        comparisons.embedding_sets("A", "", {"b": "B"}, {"c": "C"})


def test_only_the_same_clips_are_compared(folders, tmp_path):
    example_clips.write(tmp_path, example_clips.make_infos(70, 4), model_id="fewer")
    sets = comparisons.embedding_sets(str(folders / "good"), compared={"f": str(tmp_path)})
    for config in CONFIGS.values():
        with pytest.raises(UserError, match="hold different clips"):
            comparisons.compare(config, sets)


def test_weak_labels_and_the_weight_of_annotated_clips_reach_the_split(folders, tmp_path, monkeypatch):
    from audioset_triplet.evaluation import classification

    train = stored_clips.read_clips(str(folders / "good"), [1])
    path = str(tmp_path / "weak_labels.csv")
    rows = [weak_labels.Row(clip_id, 1, "class 1", 0, index == 0) for index, clip_id in enumerate(train.clip_ids[:3])]
    weak_labels.write(path, rows)
    config = ClassificationConfig(folds=(2,), train_folds=(1,), weak_labels=path, annotated_weight=4.0)
    given = []
    monkeypatch.setattr(classification, "evaluate", lambda config, split: given.append(split))
    comparisons.compare(config, comparisons.embedding_sets(str(folders / "good")))
    (split,) = given
    assert split.weights[:4].tolist() == [4, 1, 1, 1] and np.flatnonzero(split.usable).tolist() == [0, 1, 2]


def test_an_empty_list_of_labels_per_class_is_refused():
    with pytest.raises(UserError, match="--labels_per_class needs"):
        SemiSupervisedConfig(labels_per_class=())
    assert KnnConfig().folds == ClassificationConfig(head=HeadConfig()).folds == ()
