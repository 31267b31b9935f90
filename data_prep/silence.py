"""Which clips count as silent."""

import numpy as np

from audioset_triplet.media.pcm import PCM_SCALE

SILENCE_DBFS = -80.0
_SILENT_PEAK = PCM_SCALE * 10 ** (SILENCE_DBFS / 20)


def is_silent(pcm: np.ndarray) -> bool:
    """Whether all samples of a clip (int16, any shape) are below -80 dB of full scale."""
    return bool(np.abs(pcm.astype(np.int32)).max() < _SILENT_PEAK)
