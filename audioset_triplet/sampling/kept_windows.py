"""Windows of clips near those that keep labels (`labelling.refinement`), each with the labels that are kept there.

Frame labels are for windows on a grid. A training window is one of them, moved by at most half a hop either way, so
that every pass sees other samples, as without frame labels. Silent windows are avoided, as in `sampling.windows`.

Shapes: n clips, W windows of all of them, R labels of all windows, C classes, S samples of a window.
"""

import dataclasses
from typing import Dict, FrozenSet, List, Mapping, Sequence, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.clips import ClipInfo, add_class_names
from audioset_triplet.errors import UserError
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.sampling import draws, window_draws
from audioset_triplet.sampling.window_draws import Tensors
from audioset_triplet.store import frame_labels
from audioset_triplet.store.frame_labels import FrameLabelBatch


@dataclasses.dataclass(frozen=True)
class KeptWindows:
    """The windows to draw from, in flat arrays: all of AudioSet is 20.8 million windows, half a GB."""

    clip_ids: List[str]  # [n]
    num_windows: np.ndarray  # int32 [n], at least 1
    start_samples: np.ndarray  # int32 [W], the windows of one clip after those of another
    num_labels: np.ndarray  # int32 [W]
    labels: np.ndarray  # int32 [R], class indices, the labels of one window after those of another
    hop_samples: int
    clips_without_window: List[str]  # in the file, where no window keeps a label
    num_other_clips: int  # of the file, that the run does not learn from


def read(path: str, clips: Sequence[ClipInfo], front_end: FrontEnd, with_dropped: bool = False) -> KeptWindows:
    """The windows of some clips that a file of frame labels keeps labels for.

    Args:
        path: of `store.frame_labels`.
        clips: what a run learns from.
        front_end: of its windows.
        with_dropped: windows that keep no label are among them.

    Raises:
        UserError: what `frame_labels.read_batches` raises; windows of another length than the front end's; a class
            with another name; none of the clips.
    """
    info = frame_labels.read_info(path)
    if round(info.window_seconds * front_end.sample_rate_hz) != front_end.window_samples:
        raise UserError(
            f"{path}: its windows are {info.window_seconds:g} s long, and those of front end {front_end.id} "
            f"{front_end.window_seconds:g} s: score with a model of this front end, and refine again."
        )
    names: Dict[int, str] = {}
    labels_of: Dict[str, FrozenSet[int]] = {}
    shared: Dict[FrozenSet[int], FrozenSet[int]] = {}  # one set for all clips that have the same labels
    for clip in clips:
        add_class_names(names, zip(clip.labels, clip.label_names), f"clip {clip.clip_id}")
        labels = frozenset(clip.labels)
        labels_of[clip.clip_id] = shared.setdefault(labels, labels)
    parts: List[KeptWindows] = []
    for batch in frame_labels.read_batches(path):
        known = [(label, name) for label, name in batch.class_names.items() if label in names]
        add_class_names(names, known, f"{path} and the records")
        parts.append(_of_batch(batch, labels_of, info.hop_seconds, front_end, with_dropped))
    kept = _joined(parts) if parts else None
    if not kept or not kept.clip_ids:
        raise UserError(
            f"{path}: has no clip that is learned from, with the labels of the records: refine scores of these records "
            "and folds."
        )
    return kept


def _of_batch(
    batch: FrameLabelBatch,
    labels_of: Mapping[str, FrozenSet[int]],
    hop_seconds: float,
    front_end: FrontEnd,
    with_dropped: bool,
) -> KeptWindows:
    """The windows of the clips of a batch whose labels are those of `labels_of`."""
    is_learned = np.array([clip_id in labels_of for clip_id in batch.clip_ids])
    is_chosen = is_learned & [
        labels == labels_of.get(clip_id) for clip_id, labels in zip(batch.clip_ids, _labels_of_clips(batch))
    ]
    rows = is_chosen[batch.clip_rows]
    clips, starts, is_kept = batch.clip_rows[rows], batch.window_start_seconds[rows], batch.is_kept[rows]
    firsts = np.flatnonzero(_differs_from_last(clips) | _differs_from_last(starts))
    num_labels = np.add.reduceat(is_kept, firsts, dtype=np.int32) if len(firsts) else np.zeros(0, np.int32)
    usable = num_labels >= (0 if with_dropped else 1)
    num_windows = np.bincount(clips[firsts][usable], minlength=len(is_chosen)).astype(np.int32)
    start_seconds = starts[firsts][usable].astype(np.float64)
    return KeptWindows(
        clip_ids=[batch.clip_ids[clip] for clip in np.flatnonzero(num_windows)],
        num_windows=num_windows[num_windows > 0],
        start_samples=np.round(start_seconds * front_end.sample_rate_hz).astype(np.int32),
        num_labels=num_labels[usable],
        labels=batch.labels[rows][is_kept].astype(np.int32),
        hop_samples=round(hop_seconds * front_end.sample_rate_hz),
        clips_without_window=[batch.clip_ids[clip] for clip in np.flatnonzero(is_chosen & (num_windows == 0))],
        num_other_clips=int((~is_learned).sum()),
    )


def _joined(parts: Sequence[KeptWindows]) -> KeptWindows:
    return KeptWindows(
        clip_ids=[clip_id for part in parts for clip_id in part.clip_ids],
        num_windows=np.concatenate([part.num_windows for part in parts]),
        start_samples=np.concatenate([part.start_samples for part in parts]),
        num_labels=np.concatenate([part.num_labels for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        hop_samples=parts[0].hop_samples,
        clips_without_window=[clip_id for part in parts for clip_id in part.clips_without_window],
        num_other_clips=sum(part.num_other_clips for part in parts),
    )


def _differs_from_last(values: np.ndarray) -> np.ndarray:
    """bool [R]: whether a value is another than the one before it; the first one is."""
    return np.concatenate([np.ones(min(1, len(values)), bool), values[1:] != values[:-1]])


def _labels_of_clips(batch: FrameLabelBatch) -> List[FrozenSet[int]]:
    """The labels that a batch has rows of, for each clip."""
    order = np.lexsort([batch.labels, batch.clip_rows])
    clips, labels = batch.clip_rows[order], batch.labels[order]
    is_first = np.r_[True, (np.diff(clips) != 0) | (np.diff(labels) != 0)]
    return [frozenset(own.tolist()) for own in np.split(labels[is_first], np.flatnonzero(np.diff(clips[is_first])) + 1)]


class Sampler:
    """Draws the windows in graph; a clip that has none here gives a window at any start, with all of its labels."""

    def __init__(self, kept: KeptWindows, front_end: FrontEnd) -> None:
        self._front_end, self._half_hop = front_end, kept.hop_samples // 2
        hashes = hash_ids(tf.constant(kept.clip_ids, tf.string)).numpy()
        order = np.argsort(hashes)
        with tf.device("CPU"):  # where pipelines run
            self._hashes = tf.constant(hashes[order])
            self._first_window = tf.constant((np.cumsum(kept.num_windows) - kept.num_windows)[order].astype(np.int32))
            self._num_windows = tf.constant(kept.num_windows[order])
            self._start_samples = tf.constant(kept.start_samples)
            self._first_label = tf.constant((np.cumsum(kept.num_labels) - kept.num_labels).astype(np.int32))
            self._num_labels = tf.constant(kept.num_labels)
            self._labels = tf.constant(kept.labels)

    def windows(self, clips: tf.data.Dataset, seed: int) -> tf.data.Dataset:
        """A window from each clip: elements as of `windows.random_windows`, where `labels` are those of the window."""

        def window(index: tf.Tensor, clip: Tensors) -> Tensors:
            pcm, labels = self._window(clip, window_draws.seed_of(seed, index))
            return {"pcm": pcm, "labels": labels, "example_id": hash_ids(clip["clip_id"])}

        return clips.enumerate().map(window, num_parallel_calls=tf.data.AUTOTUNE)

    def _window(self, clip: Tensors, seed: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        """int16 [S] and labels int64 [n]."""
        clip_hash = hash_ids(clip["clip_id"])
        row = tf.minimum(tf.searchsorted(self._hashes, clip_hash[tf.newaxis])[0], tf.size(self._hashes) - 1)

        def of_grid() -> Tuple[tf.Tensor, tf.Tensor]:
            window_seed, offset_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
            drawn = self._first_window[row] + tf.random.stateless_uniform(
                [window_draws.NUM_DRAWS], window_seed, 0, self._num_windows[row], tf.int32
            )
            starts = tf.gather(self._start_samples, drawn)
            pcm, best = window_draws.active_window(
                clip, self._front_end, lambda count: self._moved(starts, count, offset_seed)
            )
            first = self._first_label[drawn[best]]
            labels = self._labels[first : first + self._num_labels[drawn[best]]]
            return pcm, tf.cast(labels, tf.int64)

        def of_clip() -> Tuple[tf.Tensor, tf.Tensor]:
            return window_draws.random_window(clip, self._front_end, seed), clip["labels"]

        return tf.cond(self._hashes[row] == clip_hash, of_grid, of_clip)

    def _moved(self, starts: tf.Tensor, num_starts: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Starts int32 [draws], each moved evenly within half a hop either way, and within the clip."""
        starts = tf.minimum(starts, num_starts - 1)
        lowest = tf.maximum(0, starts - self._half_hop)
        highest = tf.minimum(num_starts - 1, starts + self._half_hop)
        share = draws.uniform(tf.shape(starts), seed)
        return lowest + tf.cast(share * tf.cast(highest - lowest + 1, tf.float32), tf.int32)
