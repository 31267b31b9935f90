"""A stage of the curriculum: its terms against oracles, its steps on one device and on two, and what a run leaves."""

import dataclasses
import json
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.config.coincidence import CoincidenceConfig, EmbeddingNetworkConfig, ImageConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import clip_scoring
from audioset_triplet.models.heads import CLUSTER_HEAD
from audioset_triplet.presets import COINCIDENCE_PRESETS
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.runs import checkpoints, metrics_log, run_config, trained_networks
from audioset_triplet.store.weak_labels import WeakLabels
from audioset_triplet.training import coincidence, curriculum, inputs
from audioset_triplet.training.objective import Terms, combined
from tests import processes, tiny_records, tiny_videos
from tests.reference.coincidence import coincidence_loss
from tests.reference.entropy_clustering import clustering_loss
from tests.training.coincidence_batches import ALL_TERMS, batch_of, build_model, config_of
from tests.training.tiny_runs import saved_weights

TOY_PROGRAM = "tests.toy_network"  # runs another one, with networks that are traced in no time
MODULE = "experiments.train_coincidence"


def test_combined_terms_are_the_weighted_sum_of_weighted_means():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=[2, 6]), rng.integers(0, 3, 12)
    first = Terms(tf.constant(values[0], tf.float32), tf.constant([1, 1, 0, 2, 0, 1.0]), {})
    twice = Terms(tf.constant(values.ravel(), tf.float32), tf.constant(weights, tf.float32), {"seen": tf.range(12.0)})
    nothing = Terms(tf.ones([6]), tf.zeros([6]), {})
    found = combined({"a": (2.0, first), "b": (0.5, twice), "c": (9.0, nothing)}, 6)
    means = np.average(values[0], weights=[1, 1, 0, 2, 0, 1]), np.average(values.ravel(), weights=weights)
    np.testing.assert_array_equal(found.weight, 1)
    np.testing.assert_allclose(np.mean(found.loss), 2 * means[0] + 0.5 * means[1], rtol=1e-5)
    np.testing.assert_allclose(np.mean(found.metrics["b_loss"]), means[1], rtol=1e-5)
    np.testing.assert_allclose(np.mean(found.metrics["b_seen"]), np.average(np.arange(12), weights=weights), rtol=1e-6)
    np.testing.assert_array_equal(found.metrics["c_loss"], 0)


def expected_terms(config, model, batch):
    """Name -> the loss of each term, by the oracles, from what the networks make of the batch."""
    parts, reach = model.submodels, config.terms.coincidence_seconds
    windows = [parts["network"](batch.windows[:, which]).numpy() for which in range(batch.windows.shape[1])]
    seconds, recordings = batch.seconds.numpy(), batch.recordings.numpy()
    ones = np.ones(len(recordings), bool)

    def loss_of_pairs(head, others, other_seconds, exists):
        near = (recordings[:, None] == recordings) & (np.abs(seconds[:, :1] - other_seconds) <= reach)
        scores = parts[head]((windows[0], others)).numpy()
        return coincidence_loss(scores, near & exists, ~near & exists)

    found = {}
    if "av_head" in parts:
        pictures = parts["image_network"](batch.images).numpy()
        found["av"] = loss_of_pairs("av_head", pictures, batch.image_seconds.numpy(), batch.has_image.numpy())
    if "aa_head" in parts:
        found["aa"] = loss_of_pairs("aa_head", windows[1], seconds[:, 1], batch.has_positive_window.numpy())
    if CLUSTER_HEAD in parts:
        weights = np.concatenate([ones, batch.has_positive_window.numpy()][: len(windows)])
        kernel, bias = parts[CLUSTER_HEAD].kernel.numpy(), parts[CLUSTER_HEAD].bias.numpy()
        found["cluster"] = clustering_loss(np.concatenate(windows), kernel, bias, weights, config.clustering.gamma)
    if "class_head" in parts:
        logits, targets = parts["class_head"](windows[0]).numpy().astype(float), batch.targets.numpy()
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        labelled = targets.any(axis=1)
        found["class"] = -(log_p * targets).sum(axis=1)[labelled].mean()
    return found


@pytest.mark.parametrize(
    "weights",
    [{"av_weight": 1.0}, {"aa_weight": 2.0}, {"aa_weight": 0.5, "cluster_weight": 3.0}, ALL_TERMS],
    ids=["av", "aa", "aa and clusters", "all"],
)
def test_every_term_is_that_of_its_oracle_and_the_loss_their_weighted_sum(weights):
    config = config_of(**weights)
    model, batch = build_model(config), batch_of(config)
    terms = model.terms(batch)
    expected = expected_terms(config, model, batch)
    assert {f"{name}_weight" for name in expected} == set(weights)
    for name, value in expected.items():
        assert float(tf.reduce_mean(terms.metrics[f"{name}_loss"])) == pytest.approx(value, rel=1e-4), name
    total = sum(weights[f"{name}_weight"] * value for name, value in expected.items())
    assert float(tf.reduce_mean(terms.loss)) == pytest.approx(total, rel=1e-4)


@pytest.mark.slow
def test_a_step_compiled_with_xla_is_the_same_step():
    config = config_of(**ALL_TERMS)

    def step(jit_compile):
        model = build_model(config, num_rows=8)
        model.compile(tf.keras.optimizers.SGD(0.1), jit_compile=jit_compile)
        logs = model.fit(tf.data.Dataset.from_tensors(batch_of(config)), verbose=0).history
        return logs, model.get_weights()

    (plain_logs, plain), (compiled_logs, compiled) = step(False), step(True)
    assert (
        plain_logs.keys()
        == compiled_logs.keys()
        >= {"loss", "av_positive_probability", "cluster_entropy", "class_accuracy"}
    )
    for name, (value,) in plain_logs.items():
        assert compiled_logs[name][0] == pytest.approx(value, rel=1e-3, abs=1e-5), name
    for one, other in zip(plain, compiled):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_two_devices_make_the_update_of_one_in_every_stage(tmp_path):
    result = processes.run("tests.training.coincidence_replicas", tmp_path, timeout=600)
    assert result.returncode == 0, result.stderr
    for stage in curriculum.STAGES:
        one, two = (np.load(tmp_path / f"{name}-{stage}.npz") for name in ("one", "mirrored"))
        assert set(one) == set(two)
        for name in one:
            np.testing.assert_allclose(one[name], two[name], rtol=1e-4, atol=2e-6, err_msg=f"stage {stage}: {name}")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Records of short clips with pictures."""
    return tiny_records.write(tmp_path_factory.mktemp("videos") / "all.tfrecord", tiny_videos.make_clips())


def tiny_config(data, **terms):
    base = COINCIDENCE_PRESETS["small_coincidence"]()
    return dataclasses.replace(
        base,
        data=DataConfig(data=data),
        image=ImageConfig(image_size=32, augment_images=False),
        terms=dataclasses.replace(base.terms, coincidence_units=8, **terms),
        clustering=dataclasses.replace(base.clustering, num_clusters=4),
        network=EmbeddingNetworkConfig(architecture="toy", embedding_size=8),
        training=TrainingConfig(batch_size=8, steps=2, log_every_steps=1, checkpoint_every_steps=2, deterministic=True),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COINCIDENCE_PRESETS))
def test_every_preset_builds_and_takes_a_step(videos, name):
    config = COINCIDENCE_PRESETS[name]()
    small = dataclasses.replace(config.training, batch_size=2)
    config = dataclasses.replace(config, data=DataConfig(data=videos), training=small)
    config = dataclasses.replace(config, terms=dataclasses.replace(config.terms, class_weight=0.0))
    config = dataclasses.replace(config, clustering=dataclasses.replace(config.clustering, num_clusters=256))
    model = coincidence.build_model(config, None, "")
    before = model.submodels["network"].get_layer("embedding").kernel.numpy()
    model.compile(tf.keras.optimizers.SGD(0.01), run_eagerly=True)
    [batch] = inputs.audio_visual_batches(config).take(1)
    assert np.isfinite(model.train_step(batch)["loss"])
    assert (model.submodels["network"].get_layer("embedding").kernel.numpy() != before).any()


@tf.autograph.experimental.do_not_convert  # as `loop.train` does, to save time
def test_batches_of_audio_visual_pairs(videos):
    config = tiny_config(videos, class_weight=0.0)
    labels = WeakLabels({"clip0": (7,), "clip3": (7, 9), "elsewhere": (9,)}, {9: "nine", 7: "seven"})
    [batch] = inputs.audio_visual_batches(config, labels).take(1)
    assert batch.windows.shape == (8, 2, 96, 64) and batch.images.shape == (8, 32, 32, 3)
    assert np.isfinite(batch.windows).all() and np.all(batch.has_image) and np.all(batch.has_positive_window)
    clips = tiny_videos.make_clips()
    clip_of = {int(hash_ids(clip.clip_id)): clip for clip in clips}
    for example_id, picture, seconds, target in zip(batch.example_id, batch.images, batch.image_seconds, batch.targets):
        clip = clip_of[int(example_id)]
        expected = tf.io.decode_jpeg(clip.frames[int(seconds)], channels=3)
        np.testing.assert_array_equal(picture, expected)
        own = labels.labels.get(clip.clip_id, ())
        assert target.numpy().tolist() == [float(7 in own), float(9 in own)]
    audio_only = inputs.audio_visual_batches(tiny_config(videos, av_weight=0.0, aa_weight=0.0)).element_spec
    assert audio_only.images == () and audio_only.targets == () and audio_only.windows.shape == (8, 1, 96, 64)


def test_records_without_images_are_named_where_images_are_needed(data, tmp_path):
    with pytest.raises(UserError, match=r"has no images \(data_prep.prepare_audiovisual writes .* --images=false"):
        curriculum.train(tiny_config(data), [1], str(tmp_path / "run"))


@pytest.fixture(scope="module")
def curriculum_run(videos, tmp_path_factory):
    """The work directory of all four stages."""
    workdir = tmp_path_factory.mktemp("curriculum")
    config = tiny_config(videos)
    curriculum.train(config, [1, 2, 3], str(workdir))
    labels = workdir / "weak_labels.csv"
    rows = [f"clip{index},{index % 4},class{index % 4},{index % 4},1" for index in range(0, 16, 2)]
    labels.write_text("\n".join(["clip_id,label,label_name,cluster,annotated", *rows]) + "\n")
    with_labels = dataclasses.replace(config, labels=dataclasses.replace(config.labels, weak_labels=str(labels)))
    curriculum.train(with_labels, [4], str(workdir))
    return workdir


@pytest.mark.slow
def test_stages_have_their_terms_and_the_networks_of_all_before(curriculum_run):
    held = {}
    for stage in curriculum.STAGES:
        folder = curriculum_run / f"stage{stage}"
        [*_, last] = metrics_log.read(str(folder))
        assert last["step"] == 2 and np.isfinite(list(last.values())).all()
        terms = [name for name in ("av", "aa", "cluster", "class") if f"{name}_loss" in last]
        assert tuple(terms) == curriculum.STAGES[stage]
        held[stage] = checkpoints.submodels_of(tf.train.latest_checkpoint(str(folder / "checkpoints")))
        network, config, _ = trained_networks.restore_embedding(str(folder))
        assert isinstance(config, CoincidenceConfig) and network.output_shape == (None, 8)
    assert held[1] == {"network", "image_network", "av_head"}
    assert (
        held[2] - held[1] == {"aa_head"} and held[3] - held[2] == {CLUSTER_HEAD} and held[4] - held[3] == {"class_head"}
    )


@pytest.mark.slow
def test_a_stage_starts_with_the_weights_of_the_last_one(curriculum_run, videos, tmp_path):
    config = run_config.read_as(str(curriculum_run / "stage2"), CoincidenceConfig)
    assert config.terms.start_from == str(curriculum_run / "stage1")
    still = dataclasses.replace(config, training=dataclasses.replace(config.training, learning_rate=1e-12, steps=1))
    coincidence.train(still, str(tmp_path / "run"))
    before, after = (saved_weights(folder) for folder in (curriculum_run / "stage1", tmp_path / "run"))
    kernels = [name for name in before if name.startswith(("network/", "image_network/")) and before[name].ndim == 2]
    assert len(kernels) == 2 * 2 and {name.split("/")[0] for name in kernels} == {"network", "image_network"}
    for name in kernels:
        np.testing.assert_allclose(after[name], before[name], atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_a_stage_is_evaluated(curriculum_run, videos, tmp_path):
    for stage, kinds in ((1, {"av"}), (3, {"av", "aa"})):
        folder = tmp_path / f"report{stage}"
        arguments = processes.flags(workdir=curriculum_run / f"stage{stage}", data=videos, folds=2, output=folder)
        result = processes.run(TOY_PROGRAM, "experiments.evaluate_coincidence", *arguments, "--examples_per_clip=2")
        assert result.returncode == 0, result.stderr
        numbers = json.loads((folder / "results.json").read_text())
        assert {name.split("/")[1] for name in numbers if "/" in name} == kinds
        assert numbers["clips"] == 8 and numbers["examples"] == 16
        assert all(0 <= value <= 1 for name, value in numbers.items() if "/" in name)
        assert "which image belongs to this audio" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_the_classifier_of_stage_4_scores_clips(curriculum_run, videos, tmp_path):
    scored = clip_scoring.score(str(curriculum_run / "stage4"), videos, [2])
    assert scored.classes == [0, 1, 2, 3] and len(scored.clip_ids) == 8
    np.testing.assert_allclose(scored.scores.sum(axis=1), 1, rtol=1e-5)  # a softmax: every clip has one label
    trained = trained_networks.restore_model(str(curriculum_run / "stage4"))
    assert trained.network.output_shape == {"scores": (None, 2), "embedding": (None, 8)}
    assert trained.network.name.endswith("_classifier") and trained.class_names == {0: "class0", 2: "class2"}
    stage3 = trained_networks.restore_model(str(curriculum_run / "stage3"))
    assert stage3.network.output_shape == (None, 8) and not stage3.class_names
    with pytest.raises(UserError, match="holds no classifier"):
        clip_scoring.score(str(curriculum_run / "stage3"), videos, [2])


@pytest.mark.slow
def test_a_stage_of_other_sizes_than_the_last_one_is_refused(curriculum_run, videos, tmp_path):
    shutil.copytree(curriculum_run / "stage1", tmp_path / "stage1")
    config = tiny_config(videos)
    wider = dataclasses.replace(config, network=dataclasses.replace(config.network, embedding_size=16))
    with pytest.raises(UserError, match="stage1.*its submodels have other sizes than those of this run"):
        curriculum.train(wider, [2], str(tmp_path))


@pytest.mark.slow
def test_the_same_command_again_changes_nothing(curriculum_run, videos, capsys):
    curriculum.train(tiny_config(videos), [1, 2, 3], str(curriculum_run))
    printed = capsys.readouterr().err
    assert printed.count("is trained") == 3
    assert "Stage 1: av, from random weights." in printed
    assert f"Stage 3: av, aa, cluster, from {curriculum_run}/stage2." in printed


@pytest.mark.slow
def test_a_stage_does_not_start_from_one_that_has_not_ended(curriculum_run, videos, tmp_path):
    config = tiny_config(videos)
    shutil.copytree(curriculum_run / "stage1", tmp_path / "stage1")
    longer = dataclasses.replace(config, training=dataclasses.replace(config.training, steps=5))
    run_config.write(str(tmp_path / "stage1"), curriculum.stage_config(longer, 1, str(tmp_path)))
    with pytest.raises(UserError, match="stage1: this stage has not taken all its steps"):
        curriculum.train(config, [2], str(tmp_path))


@pytest.mark.parametrize(
    "stages, pictures, named",
    [
        ([], True, "some of 1,2,3,4"),
        ([2, 1], True, "in this order, not 2,1"),
        ([5], True, "not 5"),
        ([1], False, "stage 1 has nothing to learn: its terms are av"),
        ([4], True, "--weak_labels"),
    ],
)
def test_impossible_stages_are_refused(videos, tmp_path, stages, pictures, named):
    config = tiny_config(videos)
    config = dataclasses.replace(config, image=dataclasses.replace(config.image, images=pictures))
    with pytest.raises(UserError, match=named):
        curriculum.train(config, stages, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_killed_curriculum_ends_with_the_weights_of_one_left_alone(videos, tmp_path):
    arguments = processes.flags(
        data=videos,
        preset="small_coincidence",
        stages="1,3",
        image_size=32,
        architecture="toy",
        embedding_size=8,
        warmup_steps=0,
    )
    arguments += processes.flags(coincidence_units=8, num_clusters=4, batch_size=8, steps=4, checkpoint_every_steps=2)
    arguments.append("--deterministic")
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    result = processes.run(TOY_PROGRAM, MODULE, *arguments, f"--workdir={alone}")
    assert result.returncode == 0, result.stderr
    for path in ("stage1/checkpoints/ckpt-2.index", "stage3/checkpoints/ckpt-2.index"):
        code = processes.stop_when_there(
            TOY_PROGRAM, MODULE, *arguments, f"--workdir={killed}", path=killed / path, signal_number=signal.SIGKILL
        )
        assert code == -signal.SIGKILL
    assert processes.run(TOY_PROGRAM, MODULE, *arguments, f"--workdir={killed}").returncode == 0
    for stage in ("stage1", "stage3"):
        expected, found = saved_weights(alone / stage), saved_weights(killed / stage)
        assert expected.keys() == found.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(values, found[name], err_msg=f"{stage}: {name}")
