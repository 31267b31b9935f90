"""Clips whose labels each sound in a part of the clip alone, in noise, with what a label of the clip does not say."""

from typing import Dict, List, Set, Tuple

import numpy as np

from audioset_triplet.frontend import registry
from audioset_triplet.records import schema

FRONT_END = registry.FRONT_ENDS["log_mel"]
HOP = FRONT_END.hop_samples
NAMES = {i: f"class{i}" for i in range(3)}
Truth = Dict[str, Dict[int, Set[int]]]  # clip -> label -> the windows in which it sounds


def tone(label: int, num_samples: int) -> np.ndarray:
    return np.sin(2 * np.pi * 400 * (1 + 2 * label) / FRONT_END.sample_rate_hz * np.arange(num_samples))


def make_world(num_clips: int, num_windows: int, num_active: int, seed: int = 0) -> Tuple[List[schema.Clip], Truth]:
    """Clips of one or two labels, each a tone in `num_active` windows that follow one another, and the truth."""
    random = np.random.default_rng(seed)
    clips: List[schema.Clip] = []
    truth: Truth = {}
    for index in range(num_clips):
        labels = tuple(sorted(random.choice(3, 1 + index % 2, replace=False).tolist()))
        sound = random.normal(0, 0.05, HOP * num_windows + FRONT_END.window_samples - HOP)
        active = {}
        for label in labels:
            first = int(random.integers(0, num_windows - num_active + 1))
            active[label] = set(range(first, first + num_active))
            span = slice(first * HOP, (first + num_active) * HOP)
            sound[span] += 0.1 * tone(label, num_active * HOP)
        names = tuple(NAMES[label] for label in labels)
        samples = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)
        clips.append(
            schema.Clip(
                clip_id=f"clip{index}",
                recording_id=f"recording{index}",
                start_seconds=0.0,
                end_seconds=len(samples) / FRONT_END.sample_rate_hz,
                labels=labels,
                label_names=names,
                fold=1,
                pcm=samples,
            )
        )
        truth[f"clip{index}"] = active
    return clips, truth
