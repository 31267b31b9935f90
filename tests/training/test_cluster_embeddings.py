"""Clustering of stored embeddings as a person runs it, to assignments and a report."""

import json
import signal

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from audioset_triplet.config.clustering import (
    ClusterConfig,
    ClusteringConfig,
    ClusterTrainingConfig,
    StoredEmbeddingsConfig,
)
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import cluster_metrics
from audioset_triplet.export import assigner
from audioset_triplet.models import heads
from audioset_triplet.runs import checkpoints, metrics_log, run_config, run_directory, trained_networks
from audioset_triplet.store import assignments, stored_clips
from audioset_triplet.store.embeddings import EmbeddingWriter
from audioset_triplet.synthetic.embeddings import Mixture
from audioset_triplet.training import cluster_embeddings
from tests import example_clips, processes

MODULE = "experiments.cluster"
MODES = 20


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A folder of 600 windows of 20 modes."""
    folder = tmp_path_factory.mktemp("planted")
    with EmbeddingWriter(str(folder), "planted", "front-end", 32, rows_per_part=150) as writer:
        for clip, windows in Mixture(3, MODES, 32, noise=0.5, seed=0).clips(200):
            writer.write(clip, 0.96 * np.arange(3), windows)
    return folder


def config(folder, method="entropy", unit="windows", num_clusters=MODES, **training):
    options = dict(batch_size=150, steps=60, log_every_steps=20, schedule="cosine")
    return ClusterConfig(
        StoredEmbeddingsConfig(str(folder), unit),
        method,
        ClusteringConfig(num_clusters=num_clusters, gamma=1.5),
        ClusterTrainingConfig(**{**options, **training}),
    )


@pytest.fixture(scope="module")
def trained(planted, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    cluster_embeddings.train(config(planted), str(workdir))
    return workdir


def nmi(folder, output):
    return cluster_metrics.measure(assignments.read(str(output)), stored_clips.read_clips(str(folder))).agreement.nmi


def test_the_planted_modes_are_found_and_the_run_leaves_its_record(planted, trained, tmp_path):
    lines = metrics_log.read(str(trained))
    assert [line["step"] for line in lines] == [20, 40, 60]
    assert lines[-1]["entropy"] < lines[0]["entropy"] and lines[-1]["information"] > lines[0]["information"]
    assert json.loads((trained / "data.json").read_text())["rows"] == 600
    info = assigner.assign(str(trained), str(planted), str(tmp_path), top=2)
    assert (info.method, info.unit, info.num_clusters, info.model_id) == ("entropy", "windows", MODES, "planted")
    assert nmi(planted, tmp_path) >= 0.95
    read = assignments.read(str(tmp_path))
    head = trained_networks.restore_cluster_head(str(trained)).head
    vectors = np.concatenate([v for _, v, _ in stored_clips.read_clips(str(planted)).windows()])
    p = tf.nn.softmax(vectors @ tf.transpose(head.kernel) + head.bias).numpy()
    np.testing.assert_array_equal(read.clusters, p.argmax(axis=1))
    np.testing.assert_allclose(read.probabilities, p.max(axis=1), rtol=1e-4)
    rows = pq.read_table(tmp_path / "clusters.parquet").to_pylist()
    assert sum(row["num_members"] for row in rows) == 600 and all(len(row["top_clip_ids"]) <= 2 for row in rows)


@pytest.mark.slow
def test_two_processes_assign_as_one_does(planted, trained, tmp_path):
    for workers in (1, 2):
        where = assigner.at(str(tmp_path / str(workers)), RunnerConfig(num_workers=workers))
        assigner.assign(str(trained), str(planted), str(tmp_path / str(workers)), where=where)
        assert not (tmp_path / str(workers) / "_assigning").exists()
    for name in ("assignments.parquet", "clusters.parquet"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_clips_are_assigned_by_clusters_of_windows(planted, trained, tmp_path):
    assigner.assign(str(trained), str(planted), str(tmp_path), unit="clips")
    read = assignments.read(str(tmp_path))
    assert read.info.unit == "clips" and len(read.clusters) == 200 and nmi(planted, tmp_path) >= 0.95


def test_k_means_ends_as_a_work_directory_too(planted, tmp_path, capsys):
    settings = config(planted, "kmeans", "clips", batch_size=100, steps=10)
    for _ in range(2):
        cluster_embeddings.train(settings, str(tmp_path / "run"))
    assert "is trained" in capsys.readouterr().err
    assigner.assign(str(tmp_path / "run"), str(planted), str(tmp_path))
    read, stored = assignments.read(str(tmp_path)), stored_clips.clip_vectors(str(planted))
    assert read.info.method == "kmeans" and nmi(planted, tmp_path) >= 0.95
    head = trained_networks.restore_cluster_head(str(tmp_path / "run")).head
    distances = np.square(stored.vectors[:, None] - head.kernel / head.scale).sum(axis=2)
    np.testing.assert_array_equal(read.clusters, distances.argmin(axis=1))


def test_a_moving_average_is_what_assigns(planted, tmp_path):
    cluster_embeddings.train(config(planted, steps=3, moving_average=0.9), str(tmp_path))
    reader = tf.train.load_checkpoint(checkpoints.latest(str(tmp_path)))
    average, last = (
        reader.get_tensor(f"{name}/kernel/.ATTRIBUTES/VARIABLE_VALUE")
        for name in ("average_cluster_head", "cluster_head")
    )
    np.testing.assert_array_equal(trained_networks.restore_cluster_head(str(tmp_path)).head.kernel, average)
    assert np.abs(average - last).max() > 1e-3


def test_what_does_not_fit_is_one_clear_line(planted, trained, tmp_path):
    with pytest.raises(UserError, match="num_clusters: 20, now 30"):
        cluster_embeddings.train(config(planted, num_clusters=30), str(trained))
    example_clips.write(tmp_path / "other", example_clips.make_infos(40, 2), size=32)
    with pytest.raises(UserError, match="holds a run on other clips or records .*model_id: planted, now model"):
        cluster_embeddings.train(config(tmp_path / "other"), str(trained))
    with pytest.raises(UserError, match="has the embeddings of model, but .* clustered those of planted"):
        assigner.assign(str(trained), str(tmp_path / "other"), str(tmp_path / "out"))
    with pytest.raises(UserError, match="is not a run directory: it has no config.json"):
        assigner.assign(str(tmp_path), str(planted), str(tmp_path / "out"))
    run_config.write(str(tmp_path), config(planted))
    (tmp_path / "data.json").write_text("{")
    with pytest.raises(UserError, match="data.json: damaged"):
        trained_networks.restore_cluster_head(str(tmp_path))
    (tmp_path / "data.json").write_text("{}")
    with pytest.raises(UserError, match="has no checkpoint yet"):
        trained_networks.restore_cluster_head(str(tmp_path))
    assert not (tmp_path / "out").exists()


def test_the_head_of_a_joint_training_assigns_too(planted, tmp_path):
    # A network beside the head, records, and no unit.
    joint = CoincidenceConfig(data=DataConfig("x.tfrecord"), clustering=ClusteringConfig(num_clusters=5))
    run_directory.begin(str(tmp_path), joint, {"files": 1})
    head, network = heads.ClusterHead(5, 32, 0), tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=[1])])
    checkpoint = tf.train.Checkpoint(network=network, **{heads.CLUSTER_HEAD: head})
    tf.train.CheckpointManager(checkpoint, checkpoints.folder_of(str(tmp_path)), 1).save(checkpoint_number=7)
    info = assigner.assign(str(tmp_path), str(planted), str(tmp_path / "out"))
    assert (info.unit, info.method, info.num_clusters) == ("windows", "entropy", 5)
    assert len(assignments.read(str(tmp_path / "out")).clusters) == 600


@pytest.mark.slow
def test_killed_and_resumed_ends_with_the_clusters_of_a_run_left_alone(planted, tmp_path):
    arguments = processes.flags(
        embeddings=planted, num_clusters=MODES, steps=40, batch_size=100, learning_rate=0.1, deterministic=True,
        checkpoint_every_steps=3, log_every_steps=5,
    )  # fmt: skip
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    assert processes.run(MODULE, *arguments, f"--workdir={alone}").returncode == 0
    code = processes.stop_when_there(
        MODULE, *arguments, f"--workdir={killed}", path=killed / "checkpoints" / "ckpt-3.index",
        signal_number=signal.SIGKILL,
    )  # fmt: skip
    assert code == -signal.SIGKILL
    assert processes.run(MODULE, *arguments, f"--workdir={killed}").returncode == 0
    kernels = [trained_networks.restore_cluster_head(str(folder)).head.kernel.numpy() for folder in (alone, killed)]
    np.testing.assert_array_equal(*kernels)
