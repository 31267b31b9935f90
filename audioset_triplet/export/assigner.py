"""Trained clusters + stored embeddings -> the cluster of every clip or window."""

from typing import Iterator, Sequence

import tensorflow as tf
from tqdm import tqdm

import audioset_triplet
from audioset_triplet.errors import UserError
from audioset_triplet.losses import entropy_clustering
from audioset_triplet.runs import trained_networks
from audioset_triplet.store import assignments, embeddings, units
from audioset_triplet.store.assignments import AssignmentsInfo
from audioset_triplet.store.units import UnitBatch

_ROWS = 2048  # at a time, so that the kernel is read once for all of them


def assign(
    workdir: str, folder: str, output: str, unit: str = "", folds: Sequence[int] = (), top: int = 10
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

    Raises:
        UserError: what `trained_networks.restore_cluster_head` and `units.read` raise; embeddings of another model or
            size.
    """
    trained = trained_networks.restore_cluster_head(workdir)
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
    about = AssignmentsInfo(
        model_id=info.model_id,
        front_end_id=info.front_end_id,
        num_clusters=trained.head.num_clusters,
        unit=unit or trained.unit,
        method=trained.method,
        code_version=audioset_triplet.__version__,
    )
    kernel, bias = trained.head.kernel.value(), trained.head.bias.value()
    progress = tqdm(desc="assigning", unit=" embeddings", disable=None)
    with assignments.writing(output, about) as writer, progress:
        for batch in _blocks(units.read(folder, about.unit, folds)):
            assigned = entropy_clustering.assign(tf.constant(batch.vectors), kernel, bias)
            cluster, probability = (tensor.numpy() for tensor in assigned)
            writer.write(batch.clip_ids, cluster, probability, batch.window_start_seconds)
            progress.update(len(cluster))
    assignments.write_clusters(output, assignments.read(output), top)
    return about


def _blocks(batches: Iterator[UnitBatch]) -> Iterator[UnitBatch]:
    """The same rows, at most _ROWS at a time."""
    for batch in batches:
        for start in range(0, len(batch.clip_ids), _ROWS):
            rows, starts = slice(start, start + _ROWS), batch.window_start_seconds
            yield UnitBatch(
                batch.clip_ids[rows], None if starts is None else starts[rows], batch.vectors[rows], batch.weights[rows]
            )
