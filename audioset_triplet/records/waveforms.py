"""The waveforms of some clips, looked up in records by their ids."""

import os
from typing import Dict, Iterator, NamedTuple, Optional, Sequence

import numpy as np
import soundfile
import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.files import atomic_path
from audioset_triplet.media.pcm import PCM_SCALE
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.records import globs, parsing, reading


class Waveform(NamedTuple):
    """The audio of a clip."""

    clip_id: str
    samples: np.ndarray  # float32 [L] of one channel, else [L, channels], in [-1, 1]
    sample_rate_hz: int


def waveforms(data: str, clip_ids: Sequence[str], seconds: float) -> Dict[str, np.ndarray]:
    """Clip id -> the samples of its first `seconds`, as from `read`, which also gives the sample rate."""
    return {waveform.clip_id: waveform.samples for waveform in read(data, clip_ids, seconds)}


def read(data: str, clip_ids: Sequence[str], seconds: Optional[float] = None) -> Iterator[Waveform]:
    """The waveforms of some clips, in the order of the records.

    Args:
        data: TFRecords, as globs separated by commas.
        clip_ids: the clips.
        seconds: of each, from its start; None: all of it.

    Raises:
        UserError: a glob without files, files of two formats, a damaged record, or a clip that no record holds.
    """
    files = globs.expand(data)
    sample_rate_hz, num_channels = reading.audio_format(files)
    selected = tf.constant(sorted(set(clip_ids)), tf.string)

    def is_selected(serialized: tf.Tensor) -> tf.Tensor:  # before the audio is decoded
        parsed = tf.io.parse_single_example(serialized, {"clip_id": tf.io.FixedLenFeature([], tf.string)})
        return tf.reduce_any(tf.equal(parsed["clip_id"], selected))

    def parse(serialized: tf.Tensor) -> Dict[str, tf.Tensor]:
        return parsing.parse_clip(serialized, num_channels)

    length = None if seconds is None else round(seconds * sample_rate_hz)
    missing = set(clip_ids)
    dataset = reading.read_records(files, deterministic=True).filter(is_selected).map(parse)
    with reading.named_errors(files), progress_bar(name="audio", unit="clips", total=len(missing)) as progress:
        for clip in dataset:
            clip_id = clip["clip_id"].numpy().decode()
            missing.discard(clip_id)
            samples = clip["pcm"].numpy()[:length].astype(np.float32) / PCM_SCALE
            yield Waveform(clip_id, samples, sample_rate_hz)
            progress.update()
            if not missing:
                break
    if missing:
        raise UserError(
            f"{data}: holds no clip {min(missing)}: give the records that the embeddings were made from; of sound "
            "files, those that data_prep.prepare_folder --clip_seconds=0 makes of the same folder."
        )


def write_wav(data: str, paths: Dict[str, str]) -> None:
    """Writes some clips as WAV with 16 bits, at the rate of the records. Makes folders; leaves existing files alone.

    Args:
        data: TFRecords, as for `read`, which says what is raised.
        paths: clip id -> file.
    """
    missing = {clip_id: path for clip_id, path in paths.items() if not os.path.exists(path)}
    if not missing:
        return
    for clip_id, samples, sample_rate_hz in read(data, list(missing)):
        os.makedirs(os.path.dirname(missing[clip_id]), exist_ok=True)
        with atomic_path(missing[clip_id]) as temporary:
            soundfile.write(temporary, samples, sample_rate_hz, "PCM_16", format="WAV")
