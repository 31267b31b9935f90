"""A sound file or one clip + model -> the vectors of its windows, in memory, their weighted sum, or one of them.

Shapes: W windows, D size of a vector.
"""

import itertools
from typing import Iterator, NamedTuple, Optional, Tuple

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedder, loaded_model
from audioset_triplet.export.audio_clips import AudioClip
from audioset_triplet.export.loaded_model import WindowModel
from audioset_triplet.frontend import call_sizes
from audioset_triplet.store.embedding_parts import StoreInfo

_TOLERANCE_SECONDS = 1e-3  # starts of windows in stores are float32


class ClipWindows(NamedTuple):
    """The windows of a clip."""

    clip: ClipInfo
    start_seconds: np.ndarray  # [W] float32
    vectors: np.ndarray  # [W, D] float32
    weights: np.ndarray  # [W] float32, positive


def of_clip(audio: AudioClip, model: WindowModel) -> ClipWindows:
    """The windows of a clip, cut and computed as for a store; of its samples only some are in memory.

    Raises:
        AudioError: the clip cannot be read.
    """
    parts = list(_batches(audio, model))
    return ClipWindows(audio.clip, *(np.concatenate(values) for values in zip(*parts)))


def _batches(audio: AudioClip, model: WindowModel) -> Iterator[Tuple[np.ndarray, np.ndarray, np.ndarray]]:
    windows = embedder.cut_windows(audio.read(), model)
    while batch := list(itertools.islice(windows, call_sizes.windows_per_call(model))):
        starts = np.array([window.start_seconds for window in batch], np.float32)
        yield (starts, *model.window_vectors([window.samples for window in batch]))


def vector_of_file(path: str, seconds: Optional[float], config: EmbeddingModelConfig) -> Tuple[StoreInfo, np.ndarray]:
    """What a store of the model says of itself, and a vector [D] of a file.

    Args:
        path: the file.
        seconds: the vector is that of the last window that has begun then; None: the weighted sum over all windows.
        config: the model.

    Raises:
        UserError: what `loaded_model.load` raises; a file that cannot be read, or that is no sound file, or that ends
            before.
    """
    files = audio_clips.list_files(path, ())
    model = loaded_model.load(config)
    assert isinstance(model.info, StoreInfo)
    source = audio_clips.of_files(files, model)
    if source.is_records:
        raise UserError(f"{path}: holds records, not the sound of one clip.")
    (clip,) = audio_clips.clips_of(source.items[0], (), model)
    if seconds is not None:
        return model.info, model.window_vectors([_samples_at(clip, seconds, model)])[0][0]
    windows = of_clip(clip, model)
    return model.info, windows.weights.astype(np.float64) @ windows.vectors


def _samples_at(audio: AudioClip, seconds: float, model: WindowModel) -> np.ndarray:
    """The last window that has begun at some time; of the rest of the clip nothing is read."""
    last = None
    for window in embedder.cut_windows(audio.read(), model):
        if last is not None and window.start_seconds > seconds + _TOLERANCE_SECONDS:
            return last.samples
        last = window
    assert last is not None
    if seconds >= last.start_seconds + model.hop_seconds + _TOLERANCE_SECONDS:
        raise UserError(f"{audio.clip.clip_id}@{seconds:g}: its last window starts at {last.start_seconds:g} s.")
    return last.samples
