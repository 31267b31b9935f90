"""A sound file or one clip + model -> the vectors of its windows, in memory, and their weighted sum.

Shapes: W windows, D size of a vector.
"""

import itertools
from typing import Iterator, NamedTuple, Tuple

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedder, loaded_model
from audioset_triplet.export.audio_clips import AudioClip
from audioset_triplet.export.loaded_model import WindowModel
from audioset_triplet.store.embedding_parts import StoreInfo

_BATCH_SIZE = 64


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
    while batch := list(itertools.islice(windows, _BATCH_SIZE)):
        starts = np.array([window.start_seconds for window in batch], np.float32)
        yield (starts, *model.window_vectors([window.samples for window in batch]))


def vector_of_file(path: str, config: EmbeddingModelConfig) -> Tuple[StoreInfo, np.ndarray]:
    """What a store of the model says of itself, and the weighted sum of the window embeddings of a file, [D].

    Raises:
        UserError: what `loaded_model.load` raises; a file that cannot be read, or that is no sound file.
    """
    model = loaded_model.load(config)
    assert isinstance(model.info, StoreInfo)
    source = audio_clips.find(path, (), model)
    if source.is_records:
        raise UserError(f"{path}: holds records, not the sound of one clip.")
    (clip,) = audio_clips.clips_of(source.items[0], (), model)
    windows = of_clip(clip, model)
    return model.info, windows.weights.astype(np.float64) @ windows.vectors
