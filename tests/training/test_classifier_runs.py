"""Training on labels as a person runs it: real records, real processes."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.classifier import BalanceConfig, ClassifierConfig, ClassifierLossConfig, LabelConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import clip_scoring
from audioset_triplet.export import saved_model
from audioset_triplet.export.embedder import cut_windows
from audioset_triplet.frontend import registry
from audioset_triplet.jobs import passes
from audioset_triplet.media import pcm
from audioset_triplet.models import networks
from audioset_triplet.models.registry import ARCHITECTURES
from audioset_triplet.runs import checkpoints, classes, metrics_log, run_config, trained_networks
from audioset_triplet.store import embeddings, scores, window_scores
from audioset_triplet.training import classifier, inputs, pipeline
from tests import frame_label_files, processes, tiny_records
from tests.export import archives
from tests.toy_network import TOY
from tests.training.tiny_runs import check_killed_run

MODULE = "experiments.train_classifier"
TINY = dict(preset="small_classifier", width=0.0625, blocks="1,1,1,1", batch_size=8)
TINY.update(log_every_steps=2, checkpoint_every_steps=3)
TOY_RUN = dict(TINY, architecture="toy")  # for programs that tests.toy_network runs


@pytest.fixture(scope="module", autouse=True)
def toy():
    """An architecture that is built in no time; of programs only those that tests.toy_network runs know it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(ARCHITECTURES, "toy", TOY)
        yield


def fading_clip():
    clip = tiny_records.make_clip(17, label=9, seconds=3.0, fold=2)
    fading = clip.pcm * np.linspace(1, 0, len(clip.pcm)) ** 2
    return dataclasses.replace(clip, pcm=fading.astype(np.int16))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """16 clips of 4 classes in two folds; of the second fold one clip is short and one of a class of its own."""
    made = tiny_records.make_clips()
    made.append(tiny_records.make_clip(16, label=1, seconds=0.5, fold=2))
    made.append(fading_clip())
    return tiny_records.write(tmp_path_factory.mktemp("records") / "clips.tfrecord", made)


def config_of(data, clips="", folds=(1,), **training):
    options = dict(batch_size=8, steps=4, log_every_steps=2, checkpoint_every_steps=2)
    return ClassifierConfig(
        data=DataConfig(data=data, folds=folds),
        labels=LabelConfig(clips=str(clips)),
        network=ClassifierNetworkConfig(architecture="toy", bottleneck=8),
        training=TrainingConfig(**{**options, **training}),
    )


def train(config, workdir):
    classifier.train(config, classifier.training_clips(config), str(workdir))


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """The work directory of a run of four steps."""
    workdir = tmp_path_factory.mktemp("run")
    train(config_of(data), workdir)
    return workdir


@pytest.fixture(scope="module")
def scored(data, finished):
    """The scores of the clips of the second fold."""
    return clip_scoring.score(str(finished), data, [2])


@tf.autograph.experimental.do_not_convert  # as `loop.train` does, to save time
def batches(config, count, first_step=0):
    clips = classifier.training_clips(config)
    classes = list(classifier.find_classes(clips, config.loss).names)
    stream = inputs.labelled_batches(config, classes, clips, pipeline.Feed(first_step))
    assert stream.element_spec.windows.shape == [8, 96, 64] and stream.element_spec.targets.shape == [8, len(classes)]
    return list(stream.take(count).as_numpy_iterator())


@pytest.fixture(scope="module")
def balanced(data):
    """Settings by which clips of rare classes come more often."""
    config = config_of(data, folds=(), deterministic=True)
    return dataclasses.replace(config, balance=BalanceConfig(class_balance="repeat"))


@pytest.fixture(scope="module")
def balanced_batches(balanced):
    """The first ten batches."""
    return batches(balanced, 10)


def test_a_window_has_the_labels_of_its_clip(balanced_batches):
    windows, targets = (np.concatenate(values) for values in list(zip(*balanced_batches))[:2])
    assert targets.shape == (80, 5) and (targets.sum(axis=1) == 1).all()
    assert targets.sum(axis=0).min() > 6  # of about 16 of each class, though the last is that of one clip of 18
    # A class is the pitch of its tones, which tell in the strongest band.
    bands = [{int(band) for band in windows[targets[:, i] == 1].mean(axis=1).argmax(axis=1)} for i in range(5)]
    assert all(first.isdisjoint(second) for i, first in enumerate(bands) for second in bands[:i])


def test_the_input_is_the_same_for_a_seed_and_goes_on_where_it_was(balanced, balanced_batches):
    resumed = batches(balanced, 2, first_step=2)
    for expected, batch in zip(balanced_batches[2:], resumed):
        np.testing.assert_array_equal(expected.windows, batch.windows)
        np.testing.assert_array_equal(expected.targets, batch.targets)
    assert (balanced_batches[0].windows != balanced_batches[1].windows).any()


def test_only_the_named_clips_are_learned_from(data, tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("clip1\nclip3\nclip16\n")
    config = config_of(data, path, folds=())
    assert [clip.clip_id for clip in classifier.training_clips(config)] == ["clip1", "clip3", "clip16"]
    (batch,) = batches(config, 1)
    # Three clips fill a batch of eight in turn: those of classes 1 and 3, two of them of class 1.
    assert batch.targets.sum(axis=0).tolist() in ([5, 3], [6, 2])


def test_clips_without_labels_are_left_out(tmp_path, capsys):
    made = tiny_records.make_clips(8)
    made[5] = dataclasses.replace(made[5], labels=(), label_names=())
    config = config_of(tiny_records.write(tmp_path / "clips.tfrecord", made), folds=())
    assert [clip.clip_id for clip in classifier.training_clips(config)] == [f"clip{i}" for i in range(8) if i != 5]
    assert "1 of 8 clips have no label" in capsys.readouterr().err


def test_softmax_where_every_clip_has_one_label_else_sigmoids():
    made = tiny_records.make_clips(8)
    names, quarters, ones = (
        {i: value(i) for i in range(4)} for value in ("class{}".format, lambda i: 0.25, lambda i: 1)
    )
    assert classifier.find_classes(made, ClassifierLossConfig()) == classes.Classes(names, "softmax", 8, quarters, ones)
    assert classifier.find_classes(made, ClassifierLossConfig(loss="sigmoid")).loss == "sigmoid"
    made[5] = dataclasses.replace(made[5], labels=(1, 7), label_names=("class1", "class7"))
    several = classifier.find_classes(made, ClassifierLossConfig(prior_exponent=1))
    assert several.loss == "sigmoid" and list(several.names) == [0, 1, 2, 3, 7]
    assert several.positive_weights == pytest.approx({0: 0.9, 1: 0.9, 2: 0.9, 3: 0.9, 7: 1.8})  # the mean is 9/40
    with pytest.raises(UserError, match="--loss=softmax is for clips of one label, and 1 of 8 clips have several"):
        classifier.find_classes(made, ClassifierLossConfig(loss="softmax"))
    with pytest.raises(UserError, match="--priors has no effect without --prior_exponent"):
        ClassifierLossConfig(priors="coverage.json")
    with pytest.raises(UserError, match="--weights_from has no effect without --prior_exponent"):
        classifier.find_classes(made, ClassifierLossConfig(weights_from=0.5))


def test_labels_that_nothing_can_be_learned_from_are_refused(tmp_path):
    made = [dataclasses.replace(clip, labels=(), label_names=()) for clip in tiny_records.make_clips(4)]
    unlabelled = tiny_records.write(tmp_path / "unlabelled.tfrecord", made)
    with pytest.raises(UserError, match="the clips have no labels"):
        classifier.training_clips(config_of(unlabelled, folds=()))
    with pytest.raises(UserError, match="all 3 clips are of one class"):
        classifier.find_classes([tiny_records.make_clip(i) for i in range(3)], ClassifierLossConfig())


def test_a_run_leaves_its_record(data, finished):
    assert run_config.read_as(str(finished), ClassifierConfig) == config_of(data)
    known = classes.read(str(finished))
    assert (
        known == classifier.find_classes(classifier.training_clips(config_of(data)), ClassifierLossConfig())
        and known.num_clips == 8
    )
    lines = metrics_log.read(str(finished))
    assert [line["step"] for line in lines] == [2, 4]
    assert {"loss", "accuracy", "gradient_norm"} <= lines[0].keys()
    assert all(np.isfinite(list(line.values())).all() for line in lines)


def test_a_score_is_the_weighted_mean_over_the_windows_that_would_be_embedded(data, finished, scored):
    assert scored.classes == [0, 1, 2, 3, 9] and scored.class_names[9] == "class9"
    network = networks.build_classifier(config_of(data).network, (96, 64), 4)
    checkpoints.restore_submodels({"network": network}, str(finished), ClassifierConfig())
    front_end = registry.FRONT_ENDS["log_mel"]
    made = {f"clip{i}": clip for i, clip in enumerate(tiny_records.make_clips())}
    made["clip16"] = tiny_records.make_clip(16, label=1, seconds=0.5)
    made["clip17"] = fading_clip()
    assert set(scored.clip_ids) == {name for name, clip in made.items() if clip.fold == 2} | {"clip16", "clip17"}
    for clip_id, found, target in zip(scored.clip_ids, scored.scores, scored.targets):
        clip = made[clip_id]
        windows = [window.samples for window in cut_windows([pcm.to_waveform(clip.pcm)], front_end)]
        assert len(windows) == {"clip16": 1, "clip17": 3}.get(clip_id, 2)
        said = tf.nn.softmax(network(front_end.features(np.stack(windows)))).numpy()
        weights = [np.mean(np.square(window[: 97 * 160])) ** 0.25 for window in windows]
        assert clip_id != "clip17" or weights[0] > 2 * weights[2]
        expected = np.average(said, axis=0, weights=weights)
        np.testing.assert_allclose(found[:4], expected, atol=1e-5)
        assert found[4] == 0 and np.array(scored.classes)[target].tolist() == list(clip.labels)


def test_scores_in_shards_are_the_same_and_a_stopped_pass_goes_on(data, finished, scored, tmp_path):
    where = clip_scoring.at(str(tmp_path), RunnerConfig(num_workers=1))
    in_shards = clip_scoring.score(str(finished), data, [2], where)
    assert in_shards.clip_ids == scored.clip_ids and not list(tmp_path.iterdir())
    np.testing.assert_array_equal(in_shards.scores, scored.scores)
    np.testing.assert_array_equal(in_shards.targets, scored.targets)
    done = []

    def write_result(path, file):
        done.append(path)
        file.write(path.encode())

    paths = [str(finished / "config.json"), str(finished / "classes.json")]
    with pytest.raises(RuntimeError), passes.results(paths, {}, write_result, where):
        raise RuntimeError  # before the results are used
    with passes.results(paths, {}, write_result, where) as results:
        assert [open(result, encoding="utf-8").read() for result in results] == paths == done
    with passes.results(paths, {"other": 1}, write_result, where):
        assert len(done) == 4
    assert not (tmp_path / "_scoring").exists()


def test_other_clips_in_a_run_directory_are_refused(data, finished, tmp_path):
    clips = classifier.training_clips(config_of(data))
    with pytest.raises(UserError, match="holds a run on other clips or records .clips: 8, now 7"):
        classifier.train(config_of(data), clips[:-1], str(finished))
    as_many = [dataclasses.replace(clips[0], clip_id="another"), *clips[1:]]
    with pytest.raises(UserError, match="holds a run on other clips or records .clips_digest: "):
        classifier.train(config_of(data), as_many, str(finished))
    classifier.train(config_of(data), clips[::-1], str(finished))  # their order says nothing
    other_label = [dataclasses.replace(clips[0], labels=(7,), label_names=("class7",)), *clips[1:]]
    with pytest.raises(UserError, match="holds a run on other labels .names/7: None, now class7"):
        classifier.train(config_of(data), other_label, str(finished))
    with pytest.raises(UserError, match="learning_rate: 0.0001, now 0.5"):
        train(config_of(data, learning_rate=0.5), finished)


def test_the_bottleneck_of_a_run_is_an_embedding(finished):
    trained = trained_networks.restore_classifier(str(finished))
    windows = tf.random.stateless_normal([3, 96, 64], [0, 0])
    embeddings = trained.embedding(windows).numpy()
    stored = tf.train.load_checkpoint(trained.path)
    logits = stored.get_tensor("network/layer_with_weights-2/kernel/.ATTRIBUTES/VARIABLE_VALUE")
    assert trained.path.endswith("ckpt-4") and embeddings.shape == (3, 8) and logits.shape == (8, 4)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    ratios = (trained.network(windows).numpy() - trained.network.get_layer("logits").bias.numpy()) / (
        embeddings @ logits
    )
    np.testing.assert_allclose(ratios, ratios[:, :1].repeat(4, axis=1), rtol=1e-3)  # the length of the bottleneck


def test_the_exported_model_of_a_run_scores_as_the_run_does(data, finished, scored, tmp_path):
    trained = trained_networks.restore_model(str(finished))
    model, front_end = str(tmp_path / "model"), registry.by_name(trained.config.network.front_end)
    saved_model.export(trained.network, model, front_end, {"weights": trained.path}, trained.class_names)
    archives.embed(model, data, tmp_path / "scores", what="scores")
    stored = window_scores.clip_scores(str(tmp_path / "scores"), [2])
    assert (stored.classes, stored.class_names) == (scored.classes, scored.class_names)
    order = [stored.clip_ids.index(clip_id) for clip_id in scored.clip_ids]
    np.testing.assert_allclose(stored.scores[order], scored.scores, atol=1e-5)
    np.testing.assert_array_equal(stored.targets[order], scored.targets)
    archives.embed(model, data, tmp_path / "embeddings")
    assert embeddings.read_info(str(tmp_path / "embeddings")).embedding_size == 8


def test_a_classifier_is_no_embedding(finished):
    with pytest.raises(
        UserError, match="objective classifier; what is needed here is triplet or instances or coincidence"
    ):
        trained_networks.restore_embedding(str(finished))


def test_a_run_of_an_older_version_still_loads_and_goes_on(data, finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    settings, known = (json.loads((tmp_path / name).read_text()) for name in ("config.json", "classes.json"))
    del settings["loss"]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "classes.json").write_text(
        json.dumps({"names": known["names"], "one_per_clip": True, "num_clips": known["num_clips"]})
    )
    old = trained_networks.restore_classifier(str(tmp_path))
    assert old.classes.loss == "softmax" and old.config == config_of(data)
    train(config_of(data), tmp_path)  # has taken all its steps


def test_a_run_directory_without_a_classifier_is_one_clear_line(data, finished, tmp_path):
    with pytest.raises(UserError, match="is not a run directory"):
        clip_scoring.score(str(tmp_path), data, [2])
    with pytest.raises(UserError, match="holds no classifier"):
        classes.read(str(tmp_path))
    (tmp_path / "classes.json").write_text((finished / "classes.json").read_text()[:-10])
    with pytest.raises(UserError, match="classes.json: damaged"):
        classes.read(str(tmp_path))


@pytest.mark.slow
def test_the_program_trains_and_scores(data, tmp_path):
    arguments = processes.flags(**TINY, data=data, folds=1, eval_folds=2, workdir=tmp_path / "run", steps=4)
    result = processes.run(MODULE, *arguments)
    assert result.returncode == 0, result.stderr
    assert "8 clips of 4 classes: softmax" in result.stderr
    assert "1 class, of 1 evaluated clip, not among those of training" in result.stderr
    numbers = json.loads((tmp_path / "run" / "results.json").read_text())
    scored = scores.read(str(tmp_path / "run" / "scores.parquet"))
    assert len(scored.clip_ids) == numbers["classification/num_clips"] == 10
    right = scored.targets[np.arange(10), scored.scores.argmax(axis=1)].mean()
    assert numbers["classification/accuracy"] == pytest.approx(right)
    assert f"accuracy {right:.3f}" in result.stdout and 0 < numbers["classification/map"] <= 1


@pytest.mark.slow
def test_killed_and_resumed_ends_with_the_weights_of_a_run_left_alone(data, tmp_path):
    recipe = dict(
        architecture="fc",
        loss="sigmoid",
        prior_exponent=0.5,
        bottleneck=8,
        dropout=0.3,
        class_balance="repeat",
        average_from=0.25,
    )
    recipe.update(mixup_alpha=1, mixup_share=0.7, time_masks=2, band_masks=2, dropped_windows="negative")
    recipe["frame_labels"] = frame_label_files.write(
        tmp_path / "frame_labels.parquet",
        [(f"clip{i}", (i % 4,), 2) for i in range(10)],
        lambda clip_id, row, label: row == label % 2,
        {i: f"class{i}" for i in range(4)},
        **frame_label_files.windows_of(registry.FRONT_ENDS["log_mel"]),
    )
    arguments = processes.flags(**TINY, **recipe, data=data, steps=12, deterministic=True)
    killed = check_killed_run(MODULE, arguments, tmp_path, killed_at=(6,))
    assert trained_networks.restore_classifier(str(killed)).embedding.output_shape == (None, 8)
    known = classes.read(str(killed))  # 18 clips: classes 0, 2 and 3 with four of them, 1 with five, 9 with one
    assert known.priors[9] == 1 / 18 and known.positive_weights[9] == pytest.approx((18 / 5) ** 0.5)
    assert [line["step"] for line in metrics_log.read(str(killed))] == list(range(2, 13, 2))


@pytest.mark.slow
def test_clips_with_several_labels_are_learned_and_scored(tmp_path):
    made = tiny_records.make_clips()
    for index in (3, 4, 12):
        made[index] = dataclasses.replace(made[index], labels=(0, 3), label_names=("class0", "class3"))
    data = tiny_records.write(tmp_path / "clips.tfrecord", made)
    arguments = processes.flags(**TOY_RUN, data=data, folds=1, eval_folds=2, workdir=tmp_path / "run", steps=4)
    result = processes.run("tests.toy_network", MODULE, *arguments)
    assert result.returncode == 0, result.stderr
    assert "sigmoid, as some clips have several labels" in result.stderr
    scored = scores.read(str(tmp_path / "run" / "scores.parquet"))
    assert scored.targets.sum() == 8 + 2 and not np.allclose(scored.scores.sum(axis=1), 1)
    assert "classification/accuracy" not in json.loads((tmp_path / "run" / "results.json").read_text())


@pytest.mark.slow
def test_bad_calls_are_one_clear_line(data, tmp_path):
    for options, message in [
        (dict(folds=1, eval_folds=7), "holds no clip of fold 7"),
        (dict(folds="1,2", eval_folds=2), "both to be trained on and to be evaluated on"),
        (dict(folds=1, clips=tmp_path / "none.txt"), "none.txt: no such file"),
    ]:
        arguments = processes.flags(**TINY, data=data, workdir=tmp_path / "run", steps=4, **options)
        assert message in processes.error_of(processes.run(MODULE, *arguments))
    assert not (tmp_path / "run").exists()
