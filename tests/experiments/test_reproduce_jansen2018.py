"""The whole table as a real program, on synthetic sounds, with a tiny budget."""

import json
import signal

import pytest

from audioset_triplet.synthetic import recordings
from data_prep import esc50
from tests import processes
from tests.data_prep import written

MODULE = "experiments.reproduce_jansen2018"
BUDGET = dict(
    preset="small",
    steps=4,
    width=0.0625,
    blocks="1,1,1,1",
    embedding_size=8,
    batch_size=8,
    log_every_steps=2,
    checkpoint_every_steps=2,
    labels_per_class="1,2",
    trials=2,
    hidden_units=8,
    head_epochs=1,
    head_min_steps=10,
    deterministic=True,
)
ROWS = "log_mel untrained noise translation mixing proximity joint topline log_mel_fc4 resnet50 contrastive".split()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    recordings.write_world(str(root / "sounds"), num_classes=3, clips_per_class=15, seconds=2.5)
    written.write(esc50.clips(root / "sounds", [3, 4, 5], "all"), root / "records", num_shards=1)
    return root / "records" / "*.tfrecord"


def arguments(data, output, **options):
    return processes.flags(data=data, output=output, **{**BUDGET, **options})


def cells_of(folder):
    """Cell -> what it found, of table.json, without times."""
    return {cell["cell"]: cell for cell in json.loads((folder / "table.json").read_text())["cells"]}


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """The folder of a table that was made in one go."""
    folder = tmp_path_factory.mktemp("table") / "alone"
    result = processes.run(MODULE, *arguments(data, folder), timeout=800)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_table_is_complete(alone):
    table = json.loads((alone / "table.json").read_text())
    assert table["complete"] and not table["missing"] and len(table["cells"]) == len(table["timing"]) == 9 * 4 + 2 + 1
    assert [row["name"] for row in table["rows"]] == ROWS
    for row in table["rows"]:
        embedding = row["name"] not in ("log_mel_fc4", "resnet50")
        measures = {"classification/map", "classification/accuracy"}
        measures |= {"retrieval/map", "knn/accuracy"} if embedding else set()
        measures |= {"semi_supervised/1/map", "semi_supervised/2/map"} if row["name"] != "resnet50" else set()
        assert measures < set(row["means"])
        assert all(0 <= row["means"][measure]["mean"] <= 1 for measure in measures)
    assert len({cell["clips_digest"] for cell in table["cells"]}) == 1
    assert {cell["num_clips"] for cell in table["cells"]} == {9}
    assert "missing" not in (alone / "table.md").read_text()
    page = (alone / "report.html").read_text()
    assert (
        page.count("<polyline") == 8 and "Unfinished" not in page
    )  # six methods, the ResNet-50 and the contrastive row


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_table_that_was_stopped_twice_is_the_same(data, alone, tmp_path):
    options = arguments(data, tmp_path, only="joint,log_mel/knn,resnet50")
    folder = tmp_path / "fold5-seed0" / "joint"
    checkpoint = folder / "run" / "checkpoints" / "ckpt-2.index"
    killed = processes.stop_when_there(MODULE, *options, path=checkpoint, signal_number=signal.SIGKILL)
    assert killed == -signal.SIGKILL and not (folder / "retrieval.json").exists()
    interrupted = processes.stop_when_there(
        MODULE, *options, path=folder / "retrieval.json", signal_number=signal.SIGINT
    )
    finished = {path: path.read_bytes() for path in tmp_path.glob("*/*/*.json")}
    assert interrupted == 130 and folder / "retrieval.json" in finished

    result = processes.run(MODULE, *options)
    assert result.returncode == 0, result.stderr
    assert {path: path.read_bytes() for path in finished} == finished  # nothing that was done is done again
    expected, found = cells_of(alone), cells_of(tmp_path)
    assert set(found) == {"fold5/log_mel/knn", "fold5-seed0/resnet50/classification"} | {
        f"fold5-seed0/joint/{task}" for task in ("retrieval", "classification", "semi_supervised", "knn")
    }
    assert found == {name: expected[name] for name in found}
    table = json.loads((tmp_path / "table.json").read_text())
    assert not table["complete"] and "fold5-seed0/noise/retrieval" in table["missing"]
    assert "missing" in (tmp_path / "table.md").read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_finished_table_is_left_as_it_is_and_other_settings_are_refused(data, alone):
    before = {path: path.read_bytes() for path in alone.rglob("*") if path.is_file()}
    again = processes.run(MODULE, *arguments(data, alone))
    assert again.returncode == 0 and "39 of 39 cells are done" in again.stdout, again.stderr
    plan = processes.run(MODULE, *arguments(data, alone, seeds="0,1", only="joint"), "--dry_run")
    assert "4 of 8 cells are done; networks to train: 1, at most 4 steps" in plan.stdout, plan.stderr
    line = processes.error_of(processes.run(MODULE, *arguments(data, alone, steps=5)))
    assert "rows/*/training/steps: 4, now 5" in line and str(alone) in line
    assert before == {path: path.read_bytes() for path in alone.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_records_of_their_own_may_be_held_out_and_a_network_be_trained_on_few_labels(data, tmp_path):
    only = "log_mel/knn,resnet50/semi_supervised"
    few = dict(labels_per_class=2, trials=1, few_labels_from_scratch=True, only=only)
    sides = dict(data=data.parent / "fold3-*", eval_data=data.parent / "fold5-*")
    result = processes.run(MODULE, *arguments(output=tmp_path, **sides, **few))
    assert result.returncode == 0, result.stderr
    assert "6 clips of 3 classes" in result.stderr  # two of each
    found = cells_of(tmp_path)
    assert set(found) == {"split/log_mel/knn", "split-seed0/resnet50/semi_supervised"}
    assert {cell["num_clips"] for cell in found.values()} == {9}
    assert 0 <= found["split-seed0/resnet50/semi_supervised"]["values"]["2/map"][0] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "options, message",
    [
        (dict(folds=9), "--data={data} holds the folds 3, 4, 5, not 9, which --folds names"),
        (dict(only="jiont"), "--only=jiont: there is no row 'jiont'; the rows are log_mel"),
        (dict(folds=5, eval_data="x"), "--folds and --eval_data are two ways"),
        (dict(seeds="0,-1"), "--seed must be between 0 and 4294967295, not -1"),
    ],
)
def test_a_bad_input_is_one_clear_line(data, tmp_path, options, message):
    line = processes.error_of(processes.run(MODULE, *arguments(data, tmp_path / "table", **options)))
    assert message.format(data=data) in line and not (tmp_path / "table").exists()
