"""From folders to numbers, headlines and pages: all tasks have one shape."""

import json
import re

import numpy as np
import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import classification, knn, metrics, retrieval, semi_supervised
from audioset_triplet.reports import tasks
from audioset_triplet.store import stored_clips
from tests import example_clips

HEAD = HeadConfig(hidden_units=16, head_epochs=1, head_min_steps=40, head_learning_rate=1e-2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Embeddings of the same clips by a good model and by a poor one."""
    root = tmp_path_factory.mktemp("tasks")
    infos = example_clips.make_infos(80, 4)
    example_clips.write(root / "good", infos, noise=0.5, model_id="good-model")
    example_clips.write(root / "poor", infos, noise=5.0, model_id="poor-model")
    return root


@pytest.fixture(scope="module")
def outcomes(folders):
    request = tasks.Request(
        sources=tasks.sources(str(folders / "good"), "", {"poor one": str(folders / "poor")}, {}),
        folds=(2,),
        train_folds=(1,),
        seed=3,
        head=HEAD,
        labels_per_class=(4, 1, 20),
        trials=2,
    )
    return {name: task(request) for name, task in tasks.TASKS.items()}


def arguments(folders, model):
    return str(folders / model), [1], str(folders / model), [2]


@pytest.mark.slow
def test_numbers_are_those_of_the_evaluations_for_the_model_and_for_what_it_is_compared_with(folders, outcomes):
    for model, prefix in (("good", ""), ("poor", "poor one/")):
        fold = stored_clips.clip_vectors(str(folders / model), [2])
        classified = classification.evaluate(*arguments(folders, model), HEAD, 3)
        few = semi_supervised.evaluate(*arguments(folders, model), HEAD, [4], trials=2, seed=3)[4]
        expected = {
            "retrieval/{}map": retrieval.evaluate(fold, seed=3).map,
            "classification/{}map": classified.map,
            "classification/{}accuracy": classified.accuracy,
            "classification/{}class/class 2": classified.class_average_precision[2],
            "knn/{}eer": knn.evaluate(*arguments(folders, model)).eer,
            "semi_supervised/{}4/map": np.mean([one.map for one in few]),
            "semi_supervised/{}4/accuracy_std": np.std([one.accuracy for one in few], ddof=1),
        }
        for key, value in expected.items():
            assert outcomes[key.split("/")[0]].numbers[key.format(prefix)] == pytest.approx(value, abs=1e-12), key
    for name, outcome in outcomes.items():
        assert outcome.numbers[f"{name}/poor one/model_id"] == "poor-model"
        json.dumps(outcome.numbers, allow_nan=False)
    assert outcomes["semi_supervised"].numbers["semi_supervised/20/classes_short"] == 4
    assert outcomes["semi_supervised"].numbers["semi_supervised/20/labelled_clips"] == 40
    assert outcomes["classification"].numbers["head/hidden_units"] == 16


@pytest.mark.slow
def test_headlines_show_a_row_for_each_set(outcomes):
    for name, outcome in outcomes.items():
        lines = outcome.headline.splitlines()
        assert lines[0].startswith(name)
        for one in ("model", "poor one", "random order"):
            assert any(line.startswith(one) for line in lines), outcome.headline
        assert f"{outcome.numbers.get(f'{name}/map', outcome.numbers.get(f'{name}/4/map')):.3f}" in outcome.headline
    assert "4 classes have fewer than 20 clips" in outcomes["semi_supervised"].headline


@pytest.mark.slow
def test_pages_show_the_numbers_and_refer_to_nothing_outside(outcomes):
    for name, outcome in outcomes.items():
        assert outcome.page.startswith("<!doctype html>") and "good-model" in outcome.page
        for section in ("headline", "classes"):
            assert f'id="{section}"' in outcome.page, name
        value = outcome.numbers.get(f"{name}/map", outcome.numbers.get(f"{name}/20/map"))
        assert f"{value:.3f}" in outcome.page and "poor one" in outcome.page
        references = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)|url\(([^)]*)""", outcome.page)
        assert not references and "http" not in outcome.page.lower()
    few = outcomes["semi_supervised"].page
    assert few.count("<polyline") == 4 and few.count("<circle") == 12  # two sets, mAP and accuracy, three numbers
    assert "4 classes have" in few


def test_a_set_with_several_labels_per_clip_has_no_accuracy_and_one_number_of_labels_makes_a_curve(tmp_path):
    infos = [
        ClipInfo(one.clip_id, one.recording_id, (*one.labels, 4), (*one.label_names, "x"), one.fold)
        if row % 5 == 0
        else one
        for row, one in enumerate(example_clips.make_infos(80, 4))
    ]
    example_clips.write(tmp_path, infos)
    request = tasks.Request(
        tasks.sources(str(tmp_path), "", {}, {}), (2,), (1,), head=HEAD, labels_per_class=(3,), trials=1
    )
    for name in ("classification", "knn", "semi_supervised"):
        outcome = tasks.TASKS[name](request)
        assert not any("accuracy" in key for key in outcome.numbers) and "accuracy" not in outcome.headline
        assert "accuracy" not in outcome.page


def test_sources_are_named_and_have_their_own_training_folders():
    assert tasks.sources("A", "", {"b": "B"}, {}) == [tasks.Source("model", "A", "A"), tasks.Source("b", "B", "B")]
    assert tasks.sources("A", "T", {"b": "B"}, {"b": "C"}) == [
        tasks.Source("model", "A", "T"),
        tasks.Source("b", "B", "C"),
    ]
    for name in ("a/b", "map", "class", "accuracy", "5", "model"):
        with pytest.raises(UserError, match="name of your own"):
            tasks.sources("A", "", {name: "B"}, {})
    with pytest.raises(UserError, match="--train_compare names c"):
        tasks.sources("A", "", {"b": "B"}, {"c": "C"})


def test_only_the_same_clips_are_compared(folders, tmp_path):
    example_clips.write(tmp_path, example_clips.make_infos(70, 4), model_id="fewer")
    for name in tasks.TASKS:
        request = tasks.Request(
            tasks.sources(str(folders / "good"), "", {"f": str(tmp_path)}, {}), (2,), (1,), head=HEAD
        )
        with pytest.raises(UserError, match="hold different clips"):
            tasks.TASKS[name](request)


def test_titles_that_a_page_shows_are_escaped_and_readable(tmp_path):
    infos = [
        ClipInfo(one.clip_id, one.recording_id, one.labels, (f"door_<{one.labels[0]}>",), one.fold)
        for one in example_clips.make_infos(40, 4)
    ]
    example_clips.write(tmp_path, infos)
    request = tasks.Request(tasks.sources(str(tmp_path), "", {}, {}), (2,), (1,))
    outcome = tasks.TASKS["knn"](request)
    assert "door &lt;2&gt;" in outcome.page and "<2>" not in outcome.page
    assert "knn/class/door_<2>" in outcome.numbers
    assert metrics.class_titles({1: "door_<1>"}) == {1: "door_<1>"}
