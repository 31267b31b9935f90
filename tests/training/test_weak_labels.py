"""Learning from weak labels of a file instead of those of the records."""

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.classifier import BalanceConfig, ClassifierConfig, ClassifierLossConfig, LabelConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models.registry import ARCHITECTURES
from audioset_triplet.records import example_ids
from audioset_triplet.runs import classes, manifest
from audioset_triplet.store import weak_labels as store
from audioset_triplet.training import classifier, inputs
from tests import tiny_records
from tests.toy_network import TOY

GIVEN = {"clip0": (1,), "clip1": (), "clip2": (1, 3), "clip5": (), "elsewhere": (2,)}
NAMES = {1: "class1", 2: "class2", 3: "class3"}


@pytest.fixture(scope="module", autouse=True)
def toy():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(ARCHITECTURES, "toy", TOY)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six clips, whose labels in the records are 0, 1, 2, 3, 0, 1."""
    return tiny_records.write(tmp_path_factory.mktemp("records") / "clips.tfrecord", tiny_records.make_clips(6))


def write(path, given, names=NAMES):
    rows = [
        store.Row(clip_id, label, names.get(label), None, True)
        for clip_id, labels in given.items()
        for label in labels or [None]
    ]
    store.write(str(path), rows)
    return str(path)


def config_of(data, path="", loss="auto", balance="none"):
    return ClassifierConfig(
        data=DataConfig(data=data),
        labels=LabelConfig(weak_labels=path),
        balance=BalanceConfig(class_balance=balance),
        loss=ClassifierLossConfig(loss=loss),
        network=ClassifierNetworkConfig(architecture="toy"),
        training=TrainingConfig(batch_size=8, steps=2, log_every_steps=2, checkpoint_every_steps=2),
    )


@pytest.mark.parametrize("balance", ["none", "repeat"])
def test_windows_have_the_labels_of_the_file(data, tmp_path, balance, capsys):
    path = write(tmp_path / "weak.csv", GIVEN)
    config = config_of(data, path, balance=balance)
    learned = classifier.training_clips(config)
    assert {clip.clip_id: clip.labels for clip in learned} == {clip: GIVEN[clip] for clip in GIVEN if "clip" in clip}
    assert capsys.readouterr().err.splitlines() == [
        f"{path}: 2 clips with labels, 2 without, which are negatives; 2 more are not in it: left out; 1 of its clips "
        "are not learned from."
    ]
    batches = list(inputs.labelled_batches(config, [1, 3], learned).take(10).as_numpy_iterator())
    ids = np.concatenate([batch.example_id for batch in batches])
    targets = np.concatenate([batch.targets for batch in batches])
    hashes = example_ids.hash_ids(tf.constant(list(GIVEN))).numpy()
    for (clip_id, labels), of_clip in zip(GIVEN.items(), hashes):
        if clip_id == "elsewhere":
            assert of_clip not in ids
        else:
            assert (targets[ids == of_clip] == [1 in labels, 3 in labels]).all() and of_clip in ids
    assert set(ids) <= set(hashes)


def test_clips_without_a_label_make_a_class_of_its_own_learnable(data, tmp_path):
    config = config_of(data, write(tmp_path / "weak.csv", {"clip0": (1,), "clip1": ()}))
    known = classifier.find_classes(classifier.training_clips(config), config.loss)
    assert known.names == {1: "class1"} and known.loss == "sigmoid" and known.priors == {1: 0.5}
    with pytest.raises(UserError, match="--loss=softmax .* 1 of 2 clips have none or several"):
        classifier.find_classes(classifier.training_clips(config), ClassifierLossConfig(loss="softmax"))


@pytest.mark.parametrize(
    "given, names, message",
    [
        ({"clip0": (1,)}, {1: "dog"}, "class 1 is 'dog', and 'class1' in the records: export with a list"),
        ({"clip0": (7,)}, {7: "class1"}, "'class1' is class 7, and class 1 in the records: export with a list"),
        ({"elsewhere": (1,), "clip0": ()}, NAMES, "labels none of the 6 clips: give the records that it is about"),
    ],
)
def test_labels_of_other_records_are_refused(data, tmp_path, given, names, message):
    path = write(tmp_path / "weak.csv", given, names)
    with pytest.raises(UserError, match=message) as raised:
        classifier.training_clips(config_of(data, path))
    assert str(raised.value).startswith(path)
    with pytest.raises(UserError, match="--frame_labels are of the labels of the records"):
        LabelConfig(weak_labels=path, frame_labels=path)


@pytest.mark.slow
def test_a_run_does_not_go_on_with_other_weak_labels(data, tmp_path):
    path, workdir = write(tmp_path / "weak.csv", GIVEN), str(tmp_path / "run")
    config = config_of(data, path)
    classifier.train(config, classifier.training_clips(config), workdir)
    assert manifest.read(workdir)["weak_labels"] == store.digest(store.read(path))
    assert classes.read(workdir).num_clips == 4
    write(path, dict(reversed(GIVEN.items())))
    classifier.train(config, classifier.training_clips(config), workdir)  # the same labels, and all steps are taken
    write(path, {**GIVEN, "clip0": (3,), "clip2": (1, 3), "clip5": ()})
    with pytest.raises(UserError, match="holds a run on other"):
        classifier.train(config, classifier.training_clips(config), workdir)
    write(path, {**GIVEN, "clip0": (), "clip1": (1,)})  # the same classes and clips
    with pytest.raises(UserError, match="holds a run on other clips or records .weak_labels: "):
        classifier.train(config, classifier.training_clips(config), workdir)
