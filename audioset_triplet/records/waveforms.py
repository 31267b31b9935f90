"""The sounds behind some embeddings, looked up in the records that these were made from."""

import os
from typing import Dict, Iterator, Optional, Sequence, Tuple

import numpy as np
import soundfile
import tensorflow as tf
from tqdm import tqdm

from audioset_triplet.errors import UserError
from audioset_triplet.files import atomic_path
from audioset_triplet.frontend import constants
from audioset_triplet.records import parsing, reading


def waveforms(data: str, clip_ids: Sequence[str], seconds: float) -> Dict[str, np.ndarray]:
    """Clip id -> the first `seconds` of its waveform [L] in [-1, 1] at 16 kHz; the rest as for `each`."""
    return dict(each(data, clip_ids, seconds))


def each(data: str, clip_ids: Sequence[str], seconds: Optional[float] = None) -> Iterator[Tuple[str, np.ndarray]]:
    """The ids of some clips and their waveforms [L] in [-1, 1] at 16 kHz, in the order of the records.

    Args:
        data: TFRecords, as globs separated by commas.
        clip_ids: the clips that are wanted.
        seconds: of each, from its start; None: all of it.

    Raises:
        UserError: a glob without files, a damaged record, or a clip that no record holds.
    """
    files = reading.expand_globs(data)
    wanted = tf.constant(sorted(set(clip_ids)), tf.string)
    length = None if seconds is None else round(seconds * constants.SAMPLE_RATE_HZ)

    def is_wanted(serialized: tf.Tensor) -> tf.Tensor:  # before the sound is decoded
        parsed = tf.io.parse_single_example(serialized, {"clip_id": tf.io.FixedLenFeature([], tf.string)})
        return tf.reduce_any(tf.equal(parsed["clip_id"], wanted))

    missing = set(clip_ids)
    dataset = reading.read_records(files, deterministic=True).filter(is_wanted).map(parsing.parse_clip)
    with reading.named_errors(files), tqdm(total=len(missing), desc="sounds", unit="clip", disable=None) as progress:
        for clip in dataset:
            clip_id = clip["clip_id"].numpy().decode()
            missing.discard(clip_id)
            yield clip_id, clip["pcm"].numpy()[:length].astype(np.float32) / constants.PCM_SCALE
            progress.update()
            if not missing:
                break
    if missing:
        raise UserError(f"{data}: holds no clip {min(missing)}; give the records that the embeddings were made from.")


def write_wav(data: str, paths: Dict[str, str]) -> None:
    """Writes the sounds of some clips as WAV, 16 bits at 16 kHz, in folders that are made; files that are there stay.

    Args:
        data: TFRecords, as for `each`, which says what is raised.
        paths: clip id -> file.
    """
    missing = {clip_id: path for clip_id, path in paths.items() if not os.path.exists(path)}
    if not missing:
        return
    for clip_id, waveform in each(data, list(missing)):
        os.makedirs(os.path.dirname(missing[clip_id]), exist_ok=True)
        with atomic_path(missing[clip_id]) as temporary:
            soundfile.write(temporary, waveform, constants.SAMPLE_RATE_HZ, "PCM_16", format="WAV")
