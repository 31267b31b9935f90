"""Clips -> the scores of the classifier of a run."""

from typing import Sequence

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from audioset_triplet.frontend import registry
from audioset_triplet.losses import classification
from audioset_triplet.records import clip_labels, reading
from audioset_triplet.runs import trained_networks
from audioset_triplet.sampling import windows
from audioset_triplet.store.scores import ClipScores

_WINDOWS_PER_CALL = 128


def score(workdir: str, data: str, folds: Sequence[int]) -> ClipScores:
    """Scores clips by the classifier of a run: of the objective classifier, or of stage 4 of the curriculum.

    The score of a clip is the mean of the probabilities of its windows. Windows are cut and weighted as for embeddings:
    successive ones, without an incomplete last one; a shorter clip is padded. A class that the classifier has never
    seen scores 0.

    Args:
        workdir: the run directory.
        data: globs of TFRecord files, separated by commas.
        folds: only clips of these folds; empty: all.

    Raises:
        UserError: what `trained_networks.restore_classifier`, `clip_labels.read` and `windows.require_records` raise.
    """
    trained = trained_networks.restore_classifier(workdir)
    classes = trained.classes
    front_end = registry.by_name(trained.config.network.front_end)
    clips = clip_labels.read(data, folds)
    names = {**clip_labels.class_names(clips), **classes.names}
    indices = sorted(names)

    rows = {clip.clip_id.encode(): row for row, clip in enumerate(clips)}
    sums, total_weights = np.zeros([len(clips), len(classes.names)]), np.zeros(len(clips))

    @tf.function(reduce_retracing=True)
    def predict(batch: tf.Tensor) -> tf.Tensor:
        return classification.probabilities(trained.network(batch, training=False), classes.one_per_clip)

    progress = tqdm(total=len(clips), desc="scoring", unit=" clips", disable=None)
    files = reading.expand_globs(data)
    windows.require_records(files, front_end)
    stored = reading.read_clips(files, folds, deterministic=True)
    with progress, reading.named_errors(files), windows.naming_unusable_clips():
        for clip_ids, features, weights in windows.successive_windows(stored, front_end, _WINDOWS_PER_CALL):
            batch_rows = [rows[clip_id] for clip_id in clip_ids.numpy()]
            np.add.at(sums, batch_rows, predict(features).numpy() * weights.numpy()[:, None])
            np.add.at(total_weights, batch_rows, weights.numpy())
            progress.update(int(np.count_nonzero(total_weights)) - progress.n)

    scores = np.zeros([len(clips), len(indices)], np.float32)
    scores[:, np.searchsorted(indices, list(classes.names))] = sums / total_weights[:, None]
    return ClipScores(
        clip_ids=[clip.clip_id for clip in clips],
        scores=scores,
        targets=np.array([np.isin(indices, clip.labels) for clip in clips]),
        classes=indices,
        class_names={index: names[index] for index in indices},
    )
