"""Windows of real audio, from which int8 learns ranges, and on which a written model is compared with the network."""

from typing import Iterator, List, NamedTuple, Sequence

import numpy as np
import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedder
from audioset_triplet.export.audio_clips import AudioItem
from audioset_triplet.frontend import loudness
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.media.audio_files import AudioError

_FEWEST = 8


class _Format(NamedTuple):
    """What `audio_clips` asks of a model."""

    front_end_id: str
    sample_rate_hz: int
    num_channels: int


def windows(source: str, folds: Sequence[int], front_end: FrontEnd, count: int) -> np.ndarray:
    """Windows that are not silent, float32 [R, L], R <= `count`: one of each clip, of all files in turn.

    Args:
        source, folds: as `audio_clips.find` takes them.
        front_end: gives rate and length.
        count: how many at most.

    Raises:
        UserError: what `audio_clips.find` raises; fewer than eight clips that can be read and are not silent.
    """
    audio_format = _Format(front_end.id, front_end.sample_rate_hz, front_end.num_channels)
    items = audio_clips.find(source, folds, audio_format).items
    random = np.random.default_rng(0)
    taken: List[np.ndarray] = []
    order = [items[index] for index in random.permutation(len(items))]
    files: Iterator[Iterator[np.ndarray]] = (
        _active_windows(item, folds, audio_format, front_end, random) for item in order
    )
    while len(taken) < count:  # a clip of each file in turn, until there are no more
        unfinished = []
        for of_file in files:
            window = next(of_file, None)
            if window is not None:
                taken.append(window)
                unfinished.append(of_file)
            if len(taken) == count:
                break
        if not unfinished:
            break
        files = iter(unfinished)
    if len(taken) < _FEWEST:
        raise UserError(f"{source}: has {len(taken)} clips that are not silent; --calibration needs {_FEWEST} or more.")
    return np.stack(taken)


def _active_windows(
    item: AudioItem, folds: Sequence[int], audio_format: _Format, front_end: FrontEnd, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """One window of each clip that has one."""
    for clip in audio_clips.clips_of(item, folds, audio_format):
        try:
            cut = [window.samples for window in embedder.cut_windows(clip.read(), front_end)]
        except AudioError:  # as `embed` does, which names it
            continue
        is_active = loudness.is_active(tf.constant(np.stack(cut)), tf.constant([0]), front_end).numpy()[:, 0]
        if is_active.any():
            yield cut[random.choice(np.flatnonzero(is_active))]
