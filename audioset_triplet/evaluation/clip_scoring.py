"""Clips -> the scores of the classifier of a run, file by file of the records."""

import functools
import os
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
import tensorflow as tf

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.evaluation import clip_means
from audioset_triplet.frontend import registry
from audioset_triplet.jobs import gpus, passes
from audioset_triplet.jobs.passes import Where
from audioset_triplet.losses import classification
from audioset_triplet.records import clip_labels, globs
from audioset_triplet.runs import checkpoints, trained_networks
from audioset_triplet.runs.trained_networks import TrainedClassifier
from audioset_triplet.sampling import window_draws
from audioset_triplet.store import parquet
from audioset_triplet.store.scores import ClipScores

_RESULTS = "_scoring"  # folder in the output, while the work goes on


class _FileScores(NamedTuple):
    """The clips of one file, and the scores of each for the classes that the classifier has seen."""

    clip_ids: List[str]
    scores: np.ndarray  # [n, classes] float32


def score(workdir: str, data: str, folds: Sequence[int], where: Optional[Where] = None) -> ClipScores:
    """Scores clips by the classifier of a run: of the objective classifier, or of stage 4 of the curriculum.

    The score of a clip is the mean of the probabilities of its windows (`clip_means`). A class that the classifier has
    never seen scores 0.

    Args:
        workdir: the run directory.
        data: globs of TFRecord files, separated by commas.
        folds: only clips of these folds; empty: all.
        where: it runs (`at`); None: in this process.

    Raises:
        UserError: what `trained_networks.restore_classifier`, `clip_labels.read` and
            `window_draws.require_records` raise.
    """
    if where:
        gpus.leave_to_workers()
    files = globs.expand(data)  # before the network is restored, which takes long
    workdir = os.path.abspath(workdir)
    trained = _classifier(workdir, checkpoints.stamp(workdir))
    clips = clip_labels.read(data, folds)
    window_draws.require_records(files, registry.by_name(trained.config.network.front_end))
    scored: Dict[str, np.ndarray] = {}
    for file in _everywhere(workdir, files, tuple(folds), where):
        scored.update(zip(file.clip_ids, file.scores))
    return of_clips(clips, np.array([scored[clip.clip_id] for clip in clips]), trained.classes.names)


def of_clips(clips: Sequence[ClipInfo], scores: np.ndarray, class_names: Dict[int, str]) -> ClipScores:
    """The scores of clips for the classes that are known and for those that the clips have, which score 0.

    Args:
        clips: the evaluated ones.
        scores: [n, C], for the known classes.
        class_names: [C] of these: class index -> name, ascending.
    """
    names = dict(sorted({**clip_labels.class_names(clips), **class_names}.items()))
    indices = list(names)
    columns = np.zeros([len(clips), len(indices)], np.float32)
    columns[:, np.searchsorted(indices, list(class_names))] = scores
    return ClipScores(
        clip_ids=[clip.clip_id for clip in clips],
        scores=columns,
        targets=np.array([np.isin(indices, clip.labels) for clip in clips]),
        classes=indices,
        class_names=names,
    )


def at(output: str, runner: RunnerConfig, beam_options: Sequence[str] = ()) -> Where:
    """Where the scores of an output are made."""
    return Where(os.path.join(output, _RESULTS), runner, beam_options)


def _everywhere(
    workdir: str, files: Sequence[str], folds: Tuple[int, ...], where: Optional[Where]
) -> Iterator[_FileScores]:
    """The scores of each file, on the runner that `where` names or in this process."""
    settings: Dict[str, Any] = {"workdir": workdir, "checkpoint": checkpoints.stamp(workdir)}
    if where is None:
        for file in files:
            yield _of_file(file, folds=folds, **settings)
        return
    write_result = functools.partial(_write_result, folds=folds, **settings)
    with passes.results(files, {**settings, "folds": list(folds)}, write_result, where, uses_gpu=True) as results:
        for result in results:
            table = parquet.read(result)
            column = table["scores"].combine_chunks()
            clip_ids = table["clip_id"].to_pylist()
            yield _FileScores(clip_ids, column.flatten().to_numpy().reshape(len(clip_ids), column.type.list_size))


def _write_result(path: str, file: BinaryIO, workdir: str, checkpoint: str, folds: Tuple[int, ...]) -> None:
    scored = _of_file(path, workdir, checkpoint, folds)
    flat = pa.array(np.ascontiguousarray(scored.scores).reshape(-1))
    scores = pa.FixedSizeListArray.from_arrays(flat, scored.scores.shape[1])
    parquet.write(pa.table({"clip_id": pa.array(scored.clip_ids, pa.string()), "scores": scores}), file)


def _of_file(path: str, workdir: str, checkpoint: str, folds: Tuple[int, ...]) -> _FileScores:
    """The scores of the clips of one file."""
    trained = _classifier(workdir, checkpoint)
    front_end = registry.by_name(trained.config.network.front_end)
    clip_ids, means = clip_means.ClipWindows([path], folds, front_end).means(_predictor(workdir, checkpoint))
    return _FileScores(clip_ids, means.reshape(len(clip_ids), len(trained.classes.names)))


@functools.lru_cache(maxsize=1)
def _classifier(workdir: str, stamp: str) -> TrainedClassifier:
    """The classifier of a run, read once in a process."""
    return trained_networks.restore_classifier(workdir)


@functools.lru_cache(maxsize=1)
def _predictor(workdir: str, stamp: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """Features of windows [B, ...] -> probabilities [B, classes]."""
    trained = _classifier(workdir, stamp)

    def predict(batch: tf.Tensor) -> tf.Tensor:
        return classification.probabilities(trained.network(batch, training=False), trained.classes.loss)

    return tf.function(predict, autograph=False, reduce_retracing=True)
