"""What a network gives for a clip: the mean of its outputs for the clip's windows, weighted by their loudness."""

from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.frontend import call_sizes
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.records import reading
from audioset_triplet.sampling import window_draws, windows

Predict = Callable[[tf.Tensor], tf.Tensor]  # features of windows [B, ...] -> [B, D]


class ClipWindows:
    """All windows of the clips of files of records, to be given to networks again and again.

    Windows are cut and weighted as for embeddings: successive ones, without an incomplete last one; a shorter clip is
    padded.
    """

    def __init__(self, paths: Sequence[str], folds: Sequence[int], front_end: FrontEnd) -> None:
        """
        Args:
            paths: of the TFRecord files.
            folds: only clips of these folds; empty: all.
            front_end: of the features.
        """
        self._paths = list(paths)
        stored = reading.read_clips(self._paths, folds, deterministic=True, num_channels=front_end.num_channels)
        self._batches = windows.successive_windows(stored, front_end, call_sizes.windows_per_call(front_end))

    def means(self, predict: Predict) -> Tuple[List[str], np.ndarray]:
        """The ids of the clips, and the mean of what a network gives for each, float32 [n, D]; [0] without clips.

        Raises:
            UserError: a record is damaged, or the front end does not take it.
        """
        sums: Dict[bytes, np.ndarray] = {}
        weights_of: Dict[bytes, float] = {}
        with reading.named_errors(self._paths), window_draws.naming_unusable_clips():
            for clip_ids, features, weights in self._batches:
                outputs = predict(features).numpy().astype(np.float64)
                for clip_id, row, weight in zip(clip_ids.numpy(), outputs, weights.numpy()):
                    sums[clip_id] = sums.get(clip_id, 0.0) + row * weight
                    weights_of[clip_id] = weights_of.get(clip_id, 0.0) + weight
        means = [sums[clip_id] / weights_of[clip_id] for clip_id in sums]
        return [clip_id.decode() for clip_id in sums], np.array(means, np.float32)
