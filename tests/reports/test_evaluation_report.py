"""Headlines and pages of all tasks."""

import re

import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.evaluation import ClassificationConfig, HeadConfig, KnnConfig, SemiSupervisedConfig
from audioset_triplet.evaluation import comparisons, metrics
from audioset_triplet.reports import evaluation_report, page
from tests import example_clips
from tests.evaluation.compared import compare_all, write_good_and_poor

HEAD = HeadConfig(hidden_units=16, head_epochs=1, head_min_steps=40, head_learning_rate=1e-2)


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """Task -> its numbers and its report."""
    folders = write_good_and_poor(tmp_path_factory.mktemp("reports"))
    compared = compare_all(folders)
    return {name: (one.numbers(), evaluation_report.build(one)) for name, one in compared.items()}


@pytest.mark.slow
def test_headlines_show_a_row_for_each_set(reported):
    for name, (numbers, report) in reported.items():
        lines = report.headline.splitlines()
        assert lines[0].startswith(name)
        for one in ("model", "poor one", "random order"):
            assert any(line.startswith(one) for line in lines), report.headline
        assert f"{numbers.get(f'{name}/map', numbers.get(f'{name}/4/map')):.3f}" in report.headline
    assert "4 classes have fewer than 20 clips" in reported["semi_supervised"][1].headline


@pytest.mark.slow
def test_pages_show_the_numbers_and_refer_to_nothing_outside(reported):
    for name, (numbers, report) in reported.items():
        (html,) = report.pages.values()
        assert html.startswith("<!doctype html>") and "good-model" in html
        for section in ("headline", "classes"):
            assert f'id="{section}"' in html, name
        value = numbers.get(f"{name}/map", numbers.get(f"{name}/20/map"))
        assert f"{value:.3f}" in html and "poor one" in html
        references = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)|url\(([^)]*)""", html)
        assert not references and "http" not in html.lower()
    few = reported["semi_supervised"][1].pages["report.html"]
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
    sides = {"folds": (2,), "train_folds": (1,)}
    configs = (
        ClassificationConfig(head=HEAD, **sides),
        KnnConfig(**sides),
        SemiSupervisedConfig(head=HEAD, labels_per_class=(3,), trials=1, **sides),
    )
    for config in configs:
        comparison = comparisons.compare(config, comparisons.embedding_sets(str(tmp_path)))
        report = evaluation_report.build(comparison)
        assert not any("accuracy" in key for key in comparison.numbers()) and "accuracy" not in report.headline
        assert "accuracy" not in report.pages["report.html"]


def test_titles_that_a_page_shows_are_escaped_and_readable(tmp_path):
    infos = [
        ClipInfo(one.clip_id, one.recording_id, one.labels, (f"door_<{one.labels[0]}>",), one.fold)
        for one in example_clips.make_infos(40, 4)
    ]
    example_clips.write(tmp_path, infos)
    sets = comparisons.embedding_sets(str(tmp_path))
    comparison = comparisons.compare(KnnConfig(folds=(2,), train_folds=(1,)), sets)
    html = evaluation_report.build(comparison).pages["report.html"]
    assert "door &lt;2&gt;" in html and "<2>" not in html
    assert "knn/class/door_<2>" in comparison.numbers()
    assert metrics.class_titles({1: "door_<1>"}) == {1: "door_<1>"}


def test_a_report_writes_its_pages_into_folders(tmp_path):
    page.Report("headline", {"report.html": "<p>all", "clusters/1.html": "<p>one"}).write(str(tmp_path / "made"))
    assert (tmp_path / "made" / "report.html").read_text() == "<p>all"
    assert (tmp_path / "made" / "clusters" / "1.html").read_text() == "<p>one"
