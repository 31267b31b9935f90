"""The rows of the tables, their cells and settings, the parts of the training clips, the budget, and the pages."""

import dataclasses
import json
import random

import pytest

from audioset_triplet.clips import ClipInfo, digest
from audioset_triplet.config.classifier import ClassifierConfig, LabelConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.evaluation import ScoresConfig
from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.config.studies import AudioSet2017Config
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.table import Cell, CellResult
from audioset_triplet.reports import study_page
from audioset_triplet.studies import dry_run
from audioset_triplet.studies.audioset2017 import evaluation_sets, rows, settings, study, subsets
from audioset_triplet.studies.audioset2017.budgets import Budget, Enough, StepTimes
from audioset_triplet.studies.audioset2017.classifiers import Classifiers
from audioset_triplet.studies.audioset2017.evaluation_sets import EvaluationSet
from tests import tiny_records

BASE = ClassifierConfig(
    labels=LabelConfig(frame_labels="refined", dropped_windows="negative"), training=TrainingConfig(steps=60)
)
CONFIG = AudioSet2017Config(embedding_model="model")
TASKS = ("scores", "ratings", "strong")


def evaluation_set(name, data="", labels=(0,), **files):
    return EvaluationSet(name, DataConfig(data), [ClipInfo("a", "a", labels)], ScoresConfig(**files))


def test_a_row_differs_from_the_one_it_is_compared_with_in_one_thing():
    recipes = rows.build(CONFIG, BASE)
    assert list(recipes) == [
        *("fc", "alexnet", "vgg19", "inception_v3", "resnet50", "mobilenet"),
        *("clips_0.1", "clips_0.01", "beta_0.1", "beta_0.25", "beta_1", "refined", "embedding"),
        *("fc_labels", "resnet50_labels", "embedding_labels"),
    ]
    reference = recipes["resnet50"].config
    assert reference == dataclasses.replace(BASE, labels=LabelConfig())
    for name in CONFIG.architectures:
        config = recipes[name].config
        assert config.network == ClassifierNetworkConfig(architecture=name) and recipes[name].share == 1
        assert dataclasses.replace(config, network=reference.network) == reference
    assert {name: recipe.share for name, recipe in recipes.items() if recipe.share < 1} == {
        "clips_0.1": 0.1,
        "clips_0.01": 0.01,
        **dict.fromkeys(("fc_labels", "resnet50_labels", "embedding_labels"), 0.005),
    }
    assert recipes["clips_0.1"].config == recipes["resnet50_labels"].config == reference
    deferred = dataclasses.replace(BASE, loss=dataclasses.replace(BASE.loss, weights_from=0.5))
    assert rows.build(CONFIG, deferred)["resnet50"].config == reference
    assert rows.build(CONFIG, deferred)["beta_1"].config.loss == dataclasses.replace(deferred.loss, prior_exponent=1)
    for exponent in (0.1, 0.25, 1):
        config = recipes[f"beta_{exponent:g}"].config
        assert config.loss.prior_exponent == exponent and dataclasses.replace(config, loss=reference.loss) == reference
    refined = recipes["refined"].config
    assert refined.labels == LabelConfig(frame_labels=rows.FRAME_LABELS, dropped_windows="negative")
    assert dataclasses.replace(refined, labels=LabelConfig()) == reference
    assert [name for name, recipe in recipes.items() if recipe.refined_by] == ["refined"]
    assert recipes["embedding"].config is None and recipes["fc_labels"].config == recipes["fc"].config


def test_labels_are_refined_by_the_classifier_before():
    recipes = rows.build(dataclasses.replace(CONFIG, refinements=3), BASE)
    refined_by = {name: recipe.refined_by for name, recipe in recipes.items() if recipe.refined_by}
    assert refined_by == {"refined": "resnet50", "refined_2": "refined", "refined_3": "refined_2"}
    assert recipes["refined_3"].config == recipes["refined"].config
    assert rows.refining(recipes, "refined_3") == ["resnet50", "refined", "refined_2"]
    assert rows.refining(recipes, "resnet50") == []


def test_other_rows_have_the_architecture_that_is_asked_for():
    small = dataclasses.replace(BASE, network=ClassifierNetworkConfig(architecture="mobilenet", width=0.5))
    recipes = rows.build(AudioSet2017Config(), small)
    assert not [name for name in recipes if name.startswith("embedding")]
    assert (
        recipes["beta_1"].config.network == small.network
        and recipes["clips_0.1"].title == "MobileNet, 1/10 of the clips"
    )
    assert recipes["fc"].config.network == ClassifierNetworkConfig(architecture="fc", width=0.5)
    with pytest.raises(UserError, match="--architecture=mobilenet is not among --architectures=fc,vgg19"):
        rows.build(AudioSet2017Config(architectures=("fc", "vgg19")), small)
    with pytest.raises(UserError, match="--architecture=fcc is not known"):
        rows.build(AudioSet2017Config(architectures=("fcc", "mobilenet")), small)


def test_a_part_of_the_clips_contains_all_smaller_ones_and_a_clip_of_each_class():
    draw = random.Random(0)
    clips = [
        ClipInfo(f"clip{i}", f"clip{i}", tuple(sorted({int(39 * draw.random() ** 4), draw.randrange(3)})))
        for i in range(1000)
    ]
    clips.append(ClipInfo("rare", "rare", (99,)))
    classes = {label for clip in clips for label in clip.labels}
    parts = {share: subsets.take(clips, share) for share in (0.001, 0.005, 0.01, 0.1, 0.5, 1.0)}
    ids = {share: [clip.clip_id for clip in part] for share, part in parts.items()}
    for share, part in parts.items():
        assert {label for clip in part for label in clip.labels} == classes
        assert round(share * len(clips)) <= len(part) <= round(share * len(clips)) + len(classes)
        assert ids[share] == [clip.clip_id for clip in clips if clip.clip_id in set(ids[share])]  # in their order
    shares = sorted(parts)
    assert all(set(ids[less]) < set(ids[more]) for less, more in zip(shares, shares[1:]))
    shuffled = draw.sample(clips, len(clips))
    assert {clip.clip_id for clip in subsets.take(shuffled, 0.1)} == set(ids[0.1])


def test_a_set_has_the_evaluations_that_it_has_something_for():
    sets = {
        "balanced": evaluation_set("balanced", ratings="r.tsv", strong_labels="s.tsv"),
        "skewed": evaluation_set("skewed"),
        "rated": evaluation_set("rated", labels=(), ratings="r.tsv"),
    }
    table_rows = rows.table_rows(rows.build(CONFIG, BASE), TASKS, {})
    config = dataclasses.replace(CONFIG, seeds=(0, 1), only=("fc", "refined/strong"))
    assert list(map(str, study.plan(table_rows, sets, config))) == [
        *(f"balanced-seed0/{name}" for name in ("fc/scores", "fc/ratings", "fc/strong", "refined/strong")),
        *(f"balanced-seed1/{name}" for name in ("fc/scores", "fc/ratings", "fc/strong", "refined/strong")),
        *("skewed-seed0/fc/scores", "skewed-seed1/fc/scores", "rated-seed0/fc/ratings", "rated-seed1/fc/ratings"),
    ]
    with pytest.raises(UserError, match="there is no row 'resnet'"):
        study.plan(table_rows, sets, dataclasses.replace(config, only=("resnet",)))


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "--eval_data is required"),
        ({"eval_data": ("eval/*.tfrecord",)}, "--eval_data needs NAME=VALUE"),
        ({"eval_data": ("a/b=c",)}, "names without /, not 'a/b=c'"),
        ({"eval_data": ("a=b", "a=c")}, "--eval_data has the name a twice"),
        ({"eval_data": ("a=b",), "ratings": ("b=r",)}, "--ratings=b=r: no set of --eval_data has this name; .* a"),
    ],
)
def test_sets_that_are_not_named_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        evaluation_sets.read(AudioSet2017Config(**options))


def test_a_set_without_a_label_needs_annotations(tmp_path):
    clip = dataclasses.replace(tiny_records.make_clip(0), labels=(), label_names=())
    data = tiny_records.write(tmp_path / "a.tfrecord", [clip])
    with pytest.raises(UserError, match="--eval_data=a=.*: no clip has a label: give --ratings or --strong_labels"):
        evaluation_sets.read(AudioSet2017Config(eval_data=(f"a={data}",)))
    sets = evaluation_sets.read(AudioSet2017Config(eval_data=(f"a={data}",), ratings=("a=r.tsv",)))
    assert sets["a"].tasks == ("ratings",)


def test_a_budget_is_as_many_steps_as_fit_into_its_wall_time(tmp_path):
    budget = Budget(str(tmp_path), core_minutes=40, cores=2)
    assert budget.seconds == 1200 and budget.steps_within(0.5) == 2400 and budget.steps_within(2000) == 1
    assert budget.known_steps(BASE) is None and Budget(str(tmp_path), 0, 2).known_steps(BASE) == 60
    path = tmp_path / "budgets" / "resnet50.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"step_seconds": 0.4, "steps": 3000}))
    assert budget.steps(BASE, []) == 3000  # what was measured is not measured again
    assert budget.measured(["fc", "resnet50"]) == {"resnet50": {"step_seconds": 0.4, "steps": 3000}}
    path.write_text("{}")
    with pytest.raises(UserError, match="resnet50.json: damaged"):
        budget.steps(BASE, [])


def test_the_first_steps_of_a_warm_up_do_not_count():
    ends = [10.0, 11.0, 12.0, 13.0, 14.0, *(14 + 0.25 * step for step in range(1, 20))]
    times = StepTimes(seconds=2, clock=iter(ends).__next__)
    with pytest.raises(Enough):
        for step in range(len(ends)):
            times.on_train_batch_end(step)
    assert times.num_measured == 8 and times.mean_seconds == 0.25
    unlimited = StepTimes()
    unlimited.ends = ends[:9]
    assert unlimited.mean_seconds is None  # four steps are too few


def test_settings_name_the_budget_and_neither_seeds_nor_places(tmp_path):
    data = tiny_records.write(tmp_path / "a.tfrecord", [tiny_records.make_clip(0)])
    (tmp_path / "r.tsv").write_text("12345")
    sets = {"a": evaluation_set("a", data, ratings=str(tmp_path / "r.tsv"))}
    recipes = rows.build(CONFIG, BASE)
    shared = Classifiers(CONFIG, DataConfig(data, (1,)), recipes, "resnet50", sets, Budget("", 0, 2))
    described = settings.describe(shared)
    assert described["train"]["clips"] == 1 and described["train"]["clips_digest"] == digest(["clip0"])
    assert described["rows"]["fc"]["training"]["steps"] == 60 and "seed" not in described["rows"]["fc"]["training"]
    assert described["rows"]["embedding_labels"] == {"share": 0.005} and "budget" not in described
    assert described["sets"]["a"]["bytes_of_ratings"] == 5 and described["embedding_model"] == "model"
    assert str(tmp_path) not in json.dumps(described)
    timed = settings.describe(dataclasses.replace(shared, budget=Budget("", 40, 2)))
    assert timed["budget"] == {"core_minutes": 40, "cores": 2} and "steps" not in timed["rows"]["fc"]["training"]


def make_result(cell, **values):
    details = {"classes": {"dog": {"prior": 0.25, "d_prime": 1.5}}}
    if cell.task == "scores":
        details["bins"] = [[0.1, 0.2, 0.75], [0.6, 0.5, 0.25]]
    return CellResult(
        cell=cell,
        values={name: [value] for name, value in {"map": 0.5, "auc": 0.9, "training_clips": 1200, **values}.items()},
        class_average_precision={"dog": 0.5},
        num_clips=80,
        clips_digest=f"digest of {cell.split}",
        seconds=10.0,
        made={"date": "2026-01-02 03:04 UTC", "machine": "a machine", "versions": "TensorFlow 2.15"},
        details=details,
    )


def test_tables_and_figures_show_published_numbers_beside_ours_and_what_is_missing(tmp_path):
    sets = {"balanced": evaluation_set("balanced", ratings="r.tsv"), "skewed": evaluation_set("skewed")}
    recipes = rows.build(CONFIG, BASE)
    table_rows = rows.table_rows(recipes, TASKS[:2], {})
    config = dataclasses.replace(CONFIG, output=str(tmp_path))
    planned = study.plan(table_rows, sets, config)
    measured = {"resnet50": 0.625, "beta_1": 0.59375, "clips_0.1": 0.46875, "fc": 0.28125}
    cells = [cell for cell in planned if cell.row in measured]
    finished = {cell: make_result(cell, map=measured[cell.row], mean_recall=0.375, eer=0.15625) for cell in cells}
    tables = study.tables_of(table_rows, planned, finished, sets)
    shared = Classifiers(config, DataConfig(), recipes, "resnet50", sets, Budget(str(tmp_path), 0, 2))
    described = study.describe(tables, finished, {"setting": 1}, shared)
    text = study_page.markdown(described)
    # Hershey et al. 2017, Tables 2 and 4, and the talk; d-prime was not measured here.
    assert "| ResNet-50 | 0.916 | 1.952 | 0.182 | 0.900 | – | 0.625 | – | – |" in text
    assert "| ResNet-50, 1/10 of the clips | 1,200 | 0.922 | 2.006 | 0.202 | 0.900 | – | 0.469 |" in text
    assert "| FC | 1,200 | 0.333 | 0.445 | 0.156 | 0.281 | 0.900 | – |" in text
    assert "| embedding, FC, few labels | – | 0.340 | 0.429 | missing | missing | missing | missing |" in text
    assert text.startswith(f"Unfinished: {len(planned) - len(finished)} of {len(planned)} cells are missing")
    html = study_page.render(described)
    for drawn in (
        "mAP against training clips",
        "mean recall against β",
        "balanced: calibration",
        "balanced: rated pairs",
    ):
        assert f'aria-label="{drawn}"' in html
    study.write(described, tables, shared)
    numbers = json.loads((tmp_path / "table.json").read_text())
    assert not numbers["complete"] and set(numbers["sets"]) == {"balanced", "skewed"}
    assert len(numbers["sets"]["balanced"]["cells"]) == 8 and (tmp_path / "table.md").read_text() == text


def test_the_plan_counts_each_network_once(tmp_path):
    sets = {"a": evaluation_set("a"), "b": evaluation_set("b")}
    config = dataclasses.replace(CONFIG, output=str(tmp_path), only=("refined", "fc", "embedding"))
    recipes = rows.build(config, BASE)
    planned = study.plan(rows.table_rows(recipes, TASKS[:1], {}), sets, config)
    (tmp_path / "classifiers" / "seed0" / "fc" / "model").mkdir(parents=True)

    def lines(core_minutes, steps):
        shared = Classifiers(config, DataConfig(), recipes, "resnet50", sets, Budget("", core_minutes, 2))
        known = dict.fromkeys(recipes, steps)
        words, networks = study.budgets(shared, known), study.networks(shared, known)
        return list(dry_run.describe(planned, {Cell("a", 0, "fc", "scores"): make_result}, words, networks))

    # The classifier of the refined row, and the one whose scores refine.
    assert lines(0, 60)[-1] == "1 of 6 cells are done; networks to train: 2, at most 120 steps"
    assert lines(40, None)[-1] == "1 of 6 cells are done; networks to train: 2"
    assert lines(40, None)[0].split() == ["a-seed0/fc", "40", "core-min", "scores", "done"]
    assert "head" in next(line for line in lines(0, 60) if "embedding" in line)
