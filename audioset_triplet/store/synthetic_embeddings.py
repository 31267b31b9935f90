"""A folder of synthetic embeddings (`synthetic.embeddings`)."""

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.plurals import counted
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.store.embeddings import EmbeddingWriter
from audioset_triplet.synthetic.embeddings import Mixture

_NO_FRONT_END = "none"


def write(folder: str, mixture: Mixture, num_clips: int) -> None:
    """Writes clips of a mixture, a window a second. A folder that has some of them is continued.

    Raises:
        UserError: modes without clips; the folder holds more clips, or other embeddings.
    """
    if mixture.num_modes > num_clips:
        raise UserError(f"--clips={num_clips} is less than --modes={mixture.num_modes}: a mode needs a clip.")
    starts = np.arange(mixture.num_windows, dtype=np.float64)
    with EmbeddingWriter(folder, mixture.model_id, _NO_FRONT_END, mixture.embedding_size) as writer:
        if len(writer.clip_ids_done) > num_clips:
            count = len(writer.clip_ids_done)
            raise UserError(
                f"{folder} holds {counted(count, 'clip')} already, more than --clips={num_clips}: name another folder."
            )
        for clip, windows in progress_bar(mixture.clips(num_clips), unit="clips", total=num_clips):
            if clip.clip_id not in writer.clip_ids_done:
                writer.write(clip, starts, windows)
