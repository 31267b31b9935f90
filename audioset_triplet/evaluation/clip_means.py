"""What a network gives for a clip: the mean of its outputs for the clip's windows, weighted by their loudness."""

from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.frontend import call_sizes
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.records import reading
from audioset_triplet.sampling import window_draws, windows

Predict = Callable[[tf.Tensor], tf.Tensor]  # features of windows [B, ...] -> [B, D]


def of_files(
    paths: Sequence[str], folds: Sequence[int], front_end: FrontEnd, predict: Predict
) -> Tuple[List[str], np.ndarray]:
    """The ids of the clips of files of records, and the mean of each, float32 [n, D]; [0] where there is no clip.

    Windows are cut and weighted as for embeddings: successive ones, without an incomplete last one; a shorter clip is
    padded.

    Args:
        paths: of the TFRecord files.
        folds: only clips of these folds; empty: all.
        front_end: of the features.
        predict: the network.

    Raises:
        UserError: a record is damaged, or the front end does not take it.
    """
    sums: Dict[bytes, np.ndarray] = {}
    weights_of: Dict[bytes, float] = {}
    stored = reading.read_clips(list(paths), folds, deterministic=True, num_channels=front_end.num_channels)
    batch_size = call_sizes.windows_per_call(front_end)
    with reading.named_errors(list(paths)), window_draws.naming_unusable_clips():
        for clip_ids, features, weights in windows.successive_windows(stored, front_end, batch_size):
            outputs = predict(features).numpy().astype(np.float64)
            for clip_id, row, weight in zip(clip_ids.numpy(), outputs, weights.numpy()):
                sums[clip_id] = sums.get(clip_id, 0.0) + row * weight
                weights_of[clip_id] = weights_of.get(clip_id, 0.0) + weight
    means = [sums[clip_id] / weights_of[clip_id] for clip_id in sums]
    return [clip_id.decode() for clip_id in sums], np.array(means, np.float32)
