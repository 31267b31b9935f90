"""The sounds behind some embeddings, looked up in the records that these were made from."""

from typing import Dict, Sequence

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from audioset_triplet.data import parsing, records
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import constants


def waveforms(data: str, clip_ids: Sequence[str], seconds: float) -> Dict[str, np.ndarray]:
    """Clip id -> the first `seconds` of its waveform [L] in [-1, 1] at 16 kHz.

    Args:
        data: TFRecords, as globs separated by commas.
        clip_ids: the clips that are wanted.

    Raises:
        UserError: a glob without files, a damaged record, or a clip that no record holds.
    """
    files = records.expand_globs(data)
    wanted = tf.constant(sorted(set(clip_ids)))

    def is_wanted(serialized: tf.Tensor) -> tf.Tensor:  # before the sound is decoded
        parsed = tf.io.parse_single_example(serialized, {"clip_id": tf.io.FixedLenFeature([], tf.string)})
        return tf.reduce_any(tf.equal(parsed["clip_id"], wanted))

    found: Dict[str, np.ndarray] = {}
    dataset = records.read_records(files, deterministic=True).filter(is_wanted).map(parsing.parse_clip)
    with records.named_errors(files), tqdm(total=len(wanted), desc="sounds", unit="clip", disable=None) as progress:
        for clip in dataset:
            pcm = clip["pcm"].numpy()[: round(seconds * constants.SAMPLE_RATE_HZ)]
            found[clip["clip_id"].numpy().decode()] = pcm.astype(np.float32) / constants.PCM_SCALE
            progress.update()
            if len(found) == len(wanted):
                break
    missing = sorted(set(clip_ids) - set(found))
    if missing:
        raise UserError(f"{data}: holds no clip {missing[0]}; give the records that the embeddings were made from.")
    return found
