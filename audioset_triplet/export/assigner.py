"""Trained clusters + stored embeddings -> the cluster of every clip or window, part by part of the store."""

import functools
import os
from typing import Any, BinaryIO, Dict, Iterator, Optional, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

import audioset_triplet
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.errors import UserError
from audioset_triplet.jobs import gpus, passes
from audioset_triplet.jobs.passes import Where
from audioset_triplet.losses import entropy_clustering
from audioset_triplet.runs import checkpoints, trained_networks
from audioset_triplet.runs.trained_networks import TrainedHead
from audioset_triplet.store import assignments, embedding_parts, embeddings, parquet, stored_clips, units
from audioset_triplet.store.assignments import AssignmentsInfo
from audioset_triplet.store.units import UnitBatch

_ROWS = 2048  # at a time, so that the kernel is read once for all of them
_RESULTS = "_assigning"  # folder in the output, while the work goes on


def assign(
    workdir: str,
    folder: str,
    output: str,
    unit: str = "",
    folds: Sequence[int] = (),
    top: int = 10,
    where: Optional[Where] = None,
) -> AssignmentsInfo:
    """Writes assignments.parquet and clusters.parquet (`store.assignments`) of a folder of embeddings.

    Embeddings are streamed; memory grows by one row for each.

    Args:
        workdir: where the clusters were trained.
        folder: the embeddings, of the same model.
        output: where the two files are written; those of an earlier call are replaced when the new ones are complete.
        unit: `windows` or `clips`; empty: the unit that the clusters were trained on.
        folds: only clips of these folds; empty: all.
        top: members that clusters.parquet names of each cluster.
        where: it runs (`at`); None: in one process.

    Raises:
        UserError: what `trained_networks.restore_cluster_head` and `stored_clips.read_clips` raise; embeddings of
            another model or size.
    """
    gpus.leave_to_workers()
    trained = _head(os.path.abspath(workdir), checkpoints.stamp(workdir))
    info = embeddings.read_info(folder)
    if trained.model_id and trained.model_id != info.model_id:
        raise UserError(
            f"{folder} has the embeddings of {info.model_id}, but {workdir} clustered those of {trained.model_id}: "
            "embed with the same model."
        )
    if trained.head.embedding_size != info.embedding_size:
        raise UserError(
            f"{folder} has embeddings of {info.embedding_size} dimensions, but {workdir} clustered "
            f"{trained.head.embedding_size}: embed with the same model."
        )
    stored_clips.read_clips(folder, folds)  # for its checks
    about = AssignmentsInfo(
        model_id=info.model_id,
        front_end_id=info.front_end_id,
        num_clusters=trained.head.num_clusters,
        unit=unit or trained.unit,
        method=trained.method,
        code_version=audioset_triplet.__version__,
    )
    settings: Dict[str, Any] = {
        "workdir": os.path.abspath(workdir),
        "checkpoint": checkpoints.stamp(workdir),
        "unit": about.unit,
    }
    write_result = functools.partial(_write_result, **settings, folds=tuple(folds))
    paths = embedding_parts.part_paths(folder)
    where = where or at(output, RunnerConfig(num_workers=1))
    with passes.results(paths, {**settings, "folds": list(folds)}, write_result, where, uses_gpu=True) as results:
        with assignments.writing(output, about) as writer:
            for result in results:
                table = parquet.read(result)
                starts = None if about.unit == "clips" else table["window_start_seconds"].to_numpy()
                clip_ids = table["clip_id"].to_numpy()
                writer.write(clip_ids, table["cluster"].to_numpy(), table["probability"].to_numpy(), starts)
    assignments.write_clusters(output, assignments.read(output), top)
    return about


def at(output: str, runner: RunnerConfig, beam_options: Sequence[str] = ()) -> Where:
    """Where the assignments of an output are made."""
    return Where(os.path.join(output, _RESULTS), runner, beam_options)


@functools.lru_cache(maxsize=1)
def _head(workdir: str, stamp: str) -> TrainedHead:
    """The clusters of a run, read once in a process."""
    return trained_networks.restore_cluster_head(workdir)


def _write_result(path: str, file: BinaryIO, workdir: str, checkpoint: str, unit: str, folds: Sequence[int]) -> None:
    """Assigns the rows of one part."""
    head = _head(workdir, checkpoint).head
    kernel, bias = head.kernel.value(), head.bias.value()
    blocks = []
    for batch in _blocks(units.read_part(path, unit, folds)):
        assigned = entropy_clustering.assign(tf.constant(batch.vectors), kernel, bias)
        cluster, probability = (tensor.numpy() for tensor in assigned)
        of_windows = batch.window_start_seconds
        starts = np.zeros(len(cluster), np.float32) if of_windows is None else of_windows
        blocks.append((batch.clip_ids, starts, cluster, probability))
    types = {
        "clip_id": pa.string(),
        "window_start_seconds": pa.float32(),
        "cluster": pa.int32(),
        "probability": pa.float32(),
    }
    columns = [np.concatenate(column) for column in zip(*blocks)] or [[]] * len(types)
    parquet.write(pa.table({name: pa.array(column, types[name]) for name, column in zip(types, columns)}), file)


def _blocks(batches: Iterator[UnitBatch]) -> Iterator[UnitBatch]:
    """The same rows, at most _ROWS at a time."""
    for batch in batches:
        for start in range(0, len(batch.clip_ids), _ROWS):
            rows, starts = slice(start, start + _ROWS), batch.window_start_seconds
            yield UnitBatch(
                batch.clip_ids[rows], None if starts is None else starts[rows], batch.vectors[rows], batch.weights[rows]
            )
