"""The scores of all windows of a store by a head, part by part, on any runner: a folder of `store.window_scores`.

A scored part stays: the same command goes on after a stop, and scores only parts that are new or have changed.
"""

import functools
import os
from typing import BinaryIO, Dict, List, Sequence

import pyarrow as pa

import audioset_triplet
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.detection.archive_counts import ArchiveCounts
from audioset_triplet.evaluation.rated_quality import Counts
from audioset_triplet.jobs import passes
from audioset_triplet.jobs.passes import Where
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.store import embedding_parts, embeddings, parquet, window_parts, window_scores
from audioset_triplet.store.heads import Head
from audioset_triplet.store.window_scores import ScoreInfo

_FOLDER = "scores"  # in the output
_REPEATING = ["clip_id", "recording_id", "label_names.list.element"]  # columns


def at(output: str, runner: RunnerConfig, beam_options: Sequence[str] = ()) -> Where:
    """Where the scores of an output are made, and stay."""
    return Where(os.path.join(output, _FOLDER), runner, beam_options)


def write(head: Head, head_path: str, folder: str, where: Where) -> None:
    """Scores a store.

    Args:
        head: the head.
        head_path: its file, for errors.
        folder: the store.
        where: it runs (`at`).

    Raises:
        UserError: embeddings of another model than the head's; a damaged part.
    """
    head.require_same_model(embeddings.read_info(folder), folder, head_path)
    os.makedirs(where.folder, exist_ok=True)
    window_parts.require_kind(where.folder, ScoreInfo.KIND)
    paths = embedding_parts.part_paths(folder)
    names = {f"{ScoreInfo.KIND}-{index:05d}.parquet": path for index, path in enumerate(paths)}
    settings = {"head": head.id, "window_seconds": head.info.window_seconds, "hop_seconds": head.info.hop_seconds}
    passes.keep(names, settings, functools.partial(_write_part, head=head), where)


def info_of(head: Head) -> ScoreInfo:
    """The metadata of the scores of a head."""
    return ScoreInfo(
        model_id=f"{head.info.model_id}-{head.id}",
        front_end_id=head.info.front_end_id,
        code_version=audioset_triplet.__version__,
        classes=tuple(range(len(head.info.classes))),
        class_names=head.info.classes,
        window_seconds=head.info.window_seconds,
        hop_seconds=head.info.hop_seconds,
    )


def _write_part(path: str, file: BinaryIO, head: Head) -> None:
    """Scores one part."""
    info = info_of(head)
    schema = window_parts.build_schema(info)
    with parquet.writer(file, schema, _REPEATING) as part:
        for batch in embeddings.part_batches(path):
            scores = head.scores(embedding_parts.matrix(batch))
            columns: Dict[str, pa.Array] = {name: batch[name] for name in schema.names if name != info.COLUMN}
            columns[info.COLUMN] = pa.FixedSizeListArray.from_arrays(pa.array(scores.reshape(-1)), scores.shape[1])
            arrays = [columns[name] for name in schema.names]
            part.write_table(pa.Table.from_arrays(arrays, schema=schema))


def count(head: Head, folder: str) -> List[Counts]:
    """What a folder of scores holds of each class; memory grows with the windows of a part."""
    of_archive = ArchiveCounts(head)
    needed = [ScoreInfo.COLUMN, "window_start_seconds"]
    for path in progress_bar(window_scores.part_paths(folder), "windows", "files", leave=False):
        for batch in window_parts.part_batches(path, ScoreInfo, (), needed):
            scores = window_parts.matrix(batch, ScoreInfo.COLUMN)
            clip_ids = batch["clip_id"].to_numpy(zero_copy_only=False)
            of_archive.take(clip_ids, batch["window_start_seconds"].to_numpy(), scores)
        of_archive.end_part()
    return of_archive.counts
