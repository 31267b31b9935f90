"""The rows of the table, its settings, and the list of what there is to do."""

import dataclasses
import json
import os

import pytest

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.config.network import VectorConfig
from audioset_triplet.config.studies import Jansen2018Config
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import LossConfig, SamplingConfig, TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.records import reading
from audioset_triplet.records.splits import DataSplit
from audioset_triplet.studies import dry_run as plans
from audioset_triplet.studies import grid, progress
from audioset_triplet.studies.cells import plan
from audioset_triplet.studies.jansen2018 import dry_run, evaluations, rows, settings
from tests import tiny_records
from tests.cell_results import make_result

BASE = TripletConfig(training=TrainingConfig(steps=60), sampling=SamplingConfig(noise_sigma=0.7))
EVALUATIONS = evaluations.Evaluations(HeadConfig(), (1, 5), 2)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    path = tiny_records.write(tmp_path_factory.mktemp("records") / "a.tfrecord", [tiny_records.make_clip(0)])
    return [DataSplit(f"fold{fold}", DataConfig(path, (1, 2)), DataConfig(path, (fold,))) for fold in (3, 4)]


def test_rows_differ_in_their_method_and_in_nothing_else():
    table_rows, configs = rows.build(BASE)
    methods = {name: config.sampling.method for name, config in configs.items() if name != "resnet50"}
    paper = {"noise", "translation", "mixing", "proximity", "joint"}
    assert {name: methods[name] for name in paper} == {name: name for name in paper}
    assert methods["topline"] == "labels"
    for name in (*paper, "topline", "untrained"):
        assert dataclasses.replace(configs[name], sampling=BASE.sampling) == BASE
    assert not set(configs) - {row.name for row in table_rows}
    scratch = configs["resnet50"]
    assert scratch.training == BASE.training
    assert (scratch.network.width, scratch.network.resnet) == (BASE.network.width, BASE.network.resnet)
    tasks_of = {row.name: row.tasks for row in table_rows}
    assert tasks_of["resnet50"] == ("classification",) and len(tasks_of["joint"]) == 4
    with_few_labels = {row.name: row.tasks for row in rows.build(BASE, few_labels_from_scratch=True)[0]}
    assert with_few_labels["resnet50"] == ("classification", "semi_supervised")
    assert [row.name for row in table_rows if row.beyond_paper] == ["contrastive"]
    contrastive = configs["contrastive"]
    assert (contrastive.sampling.combination, contrastive.loss.loss) == ("composed", "instances")
    vectors = contrastive.network.vectors
    assert vectors.layers == ("embedding", "stage2", "stage3", "features") and vectors.whitening > 0
    assert dataclasses.replace(contrastive.network, vectors=VectorConfig()) == BASE.network
    assert contrastive.training == BASE.training
    steps = {row.name: row.steps for row in table_rows}
    assert steps == {
        "log_mel": None,
        "log_mel_fc4": None,
        "untrained": None,
        **dict.fromkeys((*paper, "topline", "contrastive", "resnet50"), 60),
    }
    assert {row.name for row in table_rows if not row.has_seed} == {"log_mel", "log_mel_fc4"}


def test_all_constraints_at_once_change_the_rows_that_combine_some():
    pairs = dataclasses.replace(
        BASE, sampling=dataclasses.replace(BASE.sampling, method="joint", combination="composed")
    )
    combination = {
        name: config.sampling.combination for name, config in rows.build(pairs)[1].items() if name != "resnet50"
    }
    assert {name for name, value in combination.items() if value == "composed"} == {
        "joint",
        "topline",
        "untrained",
        "contrastive",
    }
    titles = {row.name: row.title for row in rows.build(pairs)[0]}
    assert {name for name, title in titles.items() if "all constraints at once" in title} == {"joint", "topline"}


def test_the_loss_of_the_contrastive_row_never_enters_the_paper_s_rows():
    tempered = dataclasses.replace(BASE, loss=LossConfig(temperature=0.3))
    assert rows.build(tempered)[1]["contrastive"].loss == LossConfig(loss="instances", temperature=0.3)
    with pytest.raises(UserError, match="--loss=triplet, not nt_xent"):
        rows.build(dataclasses.replace(BASE, loss=LossConfig(loss="nt_xent")))


def extended(folder, splits, base=BASE, evaluations=EVALUATIONS):
    """The settings of the table in a folder after a run without cells."""
    given = settings.describe(splits, rows.build(base)[1], evaluations)
    grid.fill(grid.Study(str(folder), "table", (), (), given, evaluate=None, report=lambda results, known: None))
    return json.loads((folder / "config.json").read_text())


def test_a_table_may_be_extended_by_splits_and_rows(tmp_path, splits):
    first = extended(tmp_path / "table", splits[:1])
    both = extended(tmp_path / "table", splits[1:])
    assert set(first["splits"]) == {"fold3"} and set(both["splits"]) == {"fold3", "fold4"}
    assert both["rows"] == first["rows"] and both["rows"]["joint"]["sampling"]["noise_sigma"] == 0.7
    assert both == extended(tmp_path / "table", splits) == extended(tmp_path / "table", splits)
    del both["rows"]["joint"]  # as if the row were new
    (tmp_path / "table" / "config.json").write_text(json.dumps(both))
    assert "joint" in extended(tmp_path / "table", splits)["rows"]


def test_the_settings_of_a_row_have_neither_its_seed_nor_its_data():
    described = settings.describe([], {"joint": BASE}, EVALUATIONS)["rows"]["joint"]
    assert "seed" not in described["training"] and described["data"] == {"shuffle_clips": 2000, "windows_per_clip": 1}


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"base": dataclasses.replace(BASE, training=TrainingConfig(steps=90))},
            r"rows/\*/training/steps: 60, now 90\)",
        ),
        ({"evaluations": dataclasses.replace(EVALUATIONS, trials=3)}, "evaluations/trials: 2, now 3"),
        (
            {"evaluations": evaluations.Evaluations(HeadConfig(hidden_units=8), (1, 5), 2)},
            "head/hidden_units: 512, now 8",
        ),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, splits, change, message):
    extended(tmp_path, splits)
    before = (tmp_path / "config.json").read_text()
    with pytest.raises(UserError, match=message):
        extended(tmp_path, splits, **change)
    assert (tmp_path / "config.json").read_text() == before


def test_a_difference_in_one_row_names_it_and_a_difference_in_all_rows_is_named_once(tmp_path, splits):
    extended(tmp_path, splits)
    before = json.loads((tmp_path / "config.json").read_text())
    before["rows"]["topline"]["loss"]["margin"] = 0.7
    for row in before["rows"].values():
        row["network"]["width"] = 0.5
    (tmp_path / "config.json").write_text(json.dumps(before))
    with pytest.raises(UserError) as caught:
        extended(tmp_path, splits)
    message = str(caught.value)
    assert "(rows/*/network/width: 0.5, now 1.0, rows/topline/loss/margin: 0.7, now 0.1)" in message


def test_a_table_of_an_older_format_is_refused(tmp_path, splits):
    extended(tmp_path, splits)
    before = json.loads((tmp_path / "config.json").read_text())
    del before["format"]
    (tmp_path / "config.json").write_text(json.dumps(before))
    with pytest.raises(UserError, match="format: 1, now 2"):
        extended(tmp_path, splits)


def test_other_data_and_other_training_folds_are_refused(tmp_path, splits):
    extended(tmp_path / "table", splits)
    less = dataclasses.replace(splits[0], train=dataclasses.replace(splits[0].train, folds=(1,)))
    with pytest.raises(UserError, match=r"splits/fold3/train/folds: \[1, 2\], now \[1\]"):
        extended(tmp_path / "table", [less])
    path = tiny_records.write(tmp_path / "a.tfrecord", [tiny_records.make_clip(0), tiny_records.make_clip(1)])
    other = dataclasses.replace(splits[0], held_out=DataConfig(path, (3,)))
    with pytest.raises(UserError, match="splits/fold3/held_out/bytes"):
        extended(tmp_path / "table", [other])
    elsewhere = tmp_path / "moved"
    elsewhere.mkdir()
    (elsewhere / "a.tfrecord").write_bytes(open(splits[0].train.data, "rb").read())
    moved = [
        DataSplit(
            one.name,
            dataclasses.replace(one.train, data=str(elsewhere / "a.tfrecord")),
            dataclasses.replace(one.held_out, data=str(elsewhere / "a.tfrecord")),
        )
        for one in splits
    ]
    extended(tmp_path / "table", moved)  # the same files in another place


def test_files_of_one_name_in_two_folders_are_two_files(tmp_path):
    paths = []
    for name, num_clips in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        made = [tiny_records.make_clip(i, seconds=1.0) for i in range(num_clips)]
        paths.append(tiny_records.write(tmp_path / name / "train.tfrecord", made))
    described = reading.describe_files(",".join(paths))
    assert described["files"] == 2 and described["bytes"] == sum(os.path.getsize(path) for path in paths)
    assert len({described["files_digest"], *(reading.describe_files(path)["files_digest"] for path in paths)}) == 3


def test_damaged_settings_are_named(tmp_path, splits):
    extended(tmp_path, splits)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="config.json: damaged"):
        extended(tmp_path, splits)


def described(planned, finished, table_rows, configs):
    budgets = dry_run.budgets([row.name for row in table_rows], configs)
    return list(plans.describe(planned, finished, budgets, dry_run.networks(configs, EVALUATIONS)))


def test_the_plan_lists_what_is_done_and_how_many_steps_are_left():
    table_rows, configs = rows.build(BASE)
    planned = plan(table_rows, ["fold4"], [0], ["log_mel", "untrained", "joint", "topline"])
    finished = [make_result("joint", cell.task, [0.5]) for cell in planned if cell.row == "joint"]
    lines = described(planned, {result.cell: result for result in finished}, table_rows, configs)
    assert len(lines) == 5
    assert lines[0].split()[:5] == ["fold4/log_mel", "no", "training", "retrieval", "to"]
    assert "no training" in lines[1] and "60 steps" in lines[2] and "knn done" in lines[2] and "knn to do" in lines[3]
    assert lines[4].startswith("4 of 16 cells are done; networks to train: 1, at most 60 steps")


def test_the_plan_counts_a_network_for_each_draw_of_few_labels():
    table_rows, configs = rows.build(BASE, few_labels_from_scratch=True)
    *_, last = described(plan(table_rows, ["fold4"], [0], ["resnet50"]), {}, table_rows, configs)
    # All labels, and two trials of 1 and 5 labels.
    assert last.startswith("0 of 2 cells are done; networks to train: 5, at most 300 steps")


def test_the_rest_is_estimated_from_similar_cells():
    table_rows, configs = rows.build(BASE)
    took = {("joint", "retrieval"): 100.0, ("joint", "knn"): 2.0, ("log_mel", "retrieval"): 10.0}
    results = [
        dataclasses.replace(make_result(row, task, [0.5]), seconds=seconds) for (row, task), seconds in took.items()
    ]
    todo = {str(cell): cell for cell in plan(table_rows, ["fold4"], [0], [])}

    def expected(*names):
        finished = {result.cell: result for result in results}
        return progress.expected_seconds([todo[name] for name in names], finished, table_rows)

    assert expected("fold4-seed0/noise/retrieval", "fold4-seed0/topline/knn") == 102
    assert expected("fold4-seed0/untrained/retrieval") == 10
    assert expected("fold4-seed0/noise/classification") == 2  # no such row has finished it: their fastest
    del results[:2]  # the trained rows
    assert expected("fold4-seed0/untrained/retrieval") == 10 and expected("fold4-seed0/noise/retrieval") is None
    assert (progress.remaining(3725.2), progress.remaining(None)) == ("about 1:02:05 to go", "networks to train")
    assert expected() == 0


def test_the_line_of_a_cell_has_its_numbers_and_its_time():
    values = {"5/map": [0.25, 0.75], "5/accuracy": [0.5], "5/eer": [0.1]}
    line = progress.describe(dataclasses.replace(make_result("joint", "semi_supervised", values), seconds=3725.2))
    assert line == "fold4-seed0/joint/semi_supervised: 5/map 0.500, 5/accuracy 0.500 (1:02:05)"


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(UserError, match="--labels_per_class must have values that are at least 1, not 5,0"):
        Jansen2018Config(labels_per_class=(5, 0))
    with pytest.raises(UserError, match="--seeds must have values that are at least 0 and at most .*, not 0,-1"):
        Jansen2018Config(seeds=(0, -1))
    with pytest.raises(UserError, match="--folds and --eval_data are two ways"):
        Jansen2018Config(folds=(5,), eval_data="x")
