"""A sound file + model -> one vector."""

from typing import Tuple

import numpy as np

import audioset_triplet
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedder, loaded_model
from audioset_triplet.store.embedding_parts import StoreInfo

_BATCH_SIZE = 64


def of_file(path: str, config: EmbeddingModelConfig) -> Tuple[StoreInfo, np.ndarray]:
    """What a store of the model says of itself, and the weighted sum of the window embeddings of a file, [D].

    Raises:
        UserError: what `loaded_model.load` raises; a file that cannot be read, or that is no sound file.
    """
    model = loaded_model.load(config)
    info = StoreInfo(model.model_id, model.front_end_id, model.embedding_size, audioset_triplet.__version__)
    source = audio_clips.find(path, (), model)
    if source.is_records:
        raise UserError(f"{path}: holds records, not the sound of one clip.")
    (clip,) = audio_clips.clips_of(source.items[0], (), model)
    total = np.zeros(model.embedding_size)
    windows = [window.samples for window in embedder.cut_windows(clip.read(), model)]
    for start in range(0, len(windows), _BATCH_SIZE):
        vectors, weights = model.embed_windows(windows[start : start + _BATCH_SIZE])
        total += np.asarray(weights, np.float64) @ vectors
    return info, total
