"""experiments.import_features as a real process, and what the evaluations make of released features."""

import numpy as np
import pytest

from audioset_triplet.config.evaluation import TASKS, HeadConfig
from audioset_triplet.evaluation import comparisons
from audioset_triplet.labels import read_vocabulary
from audioset_triplet.store import feature_import, stored_clips
from tests import example_clips, feature_folders, processes, released_features
from tests.reference.feature_records import Record

MODULE = "experiments.import_features"
CLASSES = ["Dog", "Rain, heavy", "Whistle"]
SIZE = 32


def released(path, first, count):
    """A file of clips of every class in turn, as values of any length between -2 and 2; the ids of its clips."""
    centres = np.random.default_rng(0).normal(size=[len(CLASSES), SIZE])
    written = []
    for number in range(first, first + count):
        label = number % len(CLASSES)
        values = np.random.default_rng(number).normal(centres[label], 2.0, [4, SIZE]).clip(-8, 8) / 4
        steps = [[bytes(int((value + 2) * 63.75) for value in window)] for window in values]
        context = {"video_id": [f"-video_{number:04d}".encode()], "start_time_seconds": [float(number)]}
        context.update(end_time_seconds=[number + 10.0], labels=[label])
        written.append(Record(context, {"audio_embedding": steps}))
    released_features.write(path, written)
    return [f"-video_{number:04d}_{1000 * number}" for number in range(first, first + count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The embeddings of a released train part (fold 1) and eval part (fold 2), the files, and what the program said."""
    root = tmp_path_factory.mktemp("released")
    names = "".join(f'{number},/m/0{number},"{name}"\n' for number, name in enumerate(CLASSES))
    (root / "class_labels_indices.csv").write_text("index,mid,display_name\n" + names)
    released(root / "bal_train" / "-v.tfrecord", 0, 60)
    additions = feature_import.Additions("audioset-v1", read_vocabulary(str(root / "class_labels_indices.csv")), fold=1)
    feature_import.import_features([str(root / "bal_train" / "-v.tfrecord")], additions, str(root / "all"))
    released(root / "eval" / "-v.tfrecord", 60, 60)
    result = processes.run(
        MODULE,
        *processes.flags(features=root / "eval" / "*.tfrecord", output=root / "all", model_id="audioset-v1"),
        *processes.flags(class_labels=root / "class_labels_indices.csv", fold=2),
    )
    assert result.returncode == 0, result.stderr
    return root, result


def test_the_train_and_the_eval_part_are_folds_of_one_folder(folder):
    root, result = folder
    assert f"{root}/all: 60 clips, 240 windows in" in result.stdout and result.stderr == ""
    stored = stored_clips.read_clips(str(root / "all"))
    assert stored.clip_ids == [f"-video_{number:04d}_{1000 * number}" for number in range(120)]
    assert stored.class_names == dict(enumerate(CLASSES)) and stored.model_id == "audioset-v1-8bit"
    assert stored.folds.tolist() == [1] * 60 + [2] * 60


@pytest.mark.parametrize(
    "task",
    ["retrieval", "knn", *(pytest.param(one, marks=pytest.mark.slow) for one in ("classification", "semi_supervised"))],
)
def test_every_task_reads_them_and_compares_them_with_other_embeddings_of_the_clips(folder, tmp_path, task):
    root, _ = folder
    stored = stored_clips.read_clips(str(root / "all"))
    columns = zip(stored.clip_ids, stored.recording_ids, stored.labels, stored.folds.tolist())
    infos = [
        example_clips.ClipInfo(clip_id, recording_id, labels, (CLASSES[labels[0]],), fold)
        for clip_id, recording_id, labels, fold in columns
    ]
    example_clips.write(tmp_path / "noise", infos, noise=100.0)
    head = HeadConfig(hidden_units=16, head_min_steps=100, head_learning_rate=0.01)
    options = {
        "retrieval": {},
        "knn": {"train_folds": (1,)},
        "classification": {"train_folds": (1,), "head": head},
        "semi_supervised": {"train_folds": (1,), "head": head, "labels_per_class": (5,), "trials": 1},
    }
    sets = comparisons.embedding_sets(str(root / "all"), compared={"noise": str(tmp_path / "noise")})
    numbers = comparisons.compare(TASKS[task](folds=(2,), **options[task]), sets).numbers()
    key = "5/map" if task == "semi_supervised" else "map"
    assert numbers[f"{task}/{key}"] > 0.75 > 0.55 > numbers[f"{task}/noise/{key}"]


@pytest.mark.slow
def test_the_same_clips_are_chosen_for_a_comparison_and_unnamed_classes_are_said_to_be(folder, tmp_path):
    root, _ = folder
    ids = released(tmp_path / "all.tfrecord", 0, 9)
    wanted = [example_clips.ClipInfo(clip_id, clip_id) for clip_id in ids[::2]]
    example_clips.write(tmp_path / "mine", wanted)
    arguments = processes.flags(features=tmp_path / "*.tfrecord", output=tmp_path / "out", model_id="audioset-v1")
    result = processes.run(MODULE, *arguments, f"--clips_of={tmp_path / 'mine'}")
    assert result.returncode == 0, result.stderr
    assert "5 clips, 20 windows" in result.stdout and "4 are not in --clips_of" in result.stdout
    assert result.stderr.splitlines() == ["class names are numbers: give --class_labels"]
    stored = stored_clips.read_clips(str(tmp_path / "out"))
    assert stored.clip_ids == ids[::2] and stored.class_names == {0: "0", 1: "1", 2: "2"}


@pytest.mark.slow
def test_a_damaged_record_is_one_line(tmp_path):
    released(tmp_path / "x.tfrecord", 0, 3)
    (tmp_path / "x.tfrecord").write_bytes((tmp_path / "x.tfrecord").read_bytes()[:-1])
    arguments = processes.flags(features=tmp_path / "x.tfrecord", output=tmp_path / "out", model_id="audioset-v1")
    assert f"{tmp_path}/x.tfrecord: record 2: truncated: 1 of" in processes.error_of(processes.run(MODULE, *arguments))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_bad_calls_are_one_clear_line(folder, tmp_path):
    root, _ = folder
    example_clips.write(tmp_path / "others", example_clips.make_infos(4, 2))
    with feature_folders.writing(tmp_path / "ours", SIZE) as writer:
        writer.write(example_clips.ClipInfo("a", "a"), np.arange(1), np.eye(1, SIZE))
    theirs, ours = root / "eval" / "*.tfrecord", tmp_path / "ours" / "*.tfrecord"
    for options, message in [
        (dict(model_id="audioset-v1"), "--features is required"),
        (dict(features=tmp_path / "none" / "*.tfrecord", model_id="x"), "no such file"),
        (dict(features=root, model_id="x"), f"no *.tfrecord in this folder; {root} has "),
        (dict(features=theirs), "name it with --model_id"),
        (dict(features=ours, fold=1), "leave out --model_id, --class_labels and --fold"),
        (dict(features=theirs, model_id="x", class_labels=tmp_path / "none"), "no such file"),
        (dict(features=theirs, model_id="x", clips_of=tmp_path / "others"), "none of 60 clips could be used"),
    ]:
        result = processes.run(MODULE, *processes.flags(output=tmp_path / "out", **options))
        assert result.returncode == 1, options
        assert message in result.stderr.splitlines()[-1] and "Traceback" not in result.stderr
        assert not list(tmp_path.glob("out/*"))
