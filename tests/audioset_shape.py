"""A synthetic set of AudioSet's shape: 527 classes, several labels per clip, priors over four orders of magnitude."""

import pathlib
from typing import List

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.store.embeddings import EmbeddingWriter

NUM_CLASSES, SIZE, NUM_WINDOWS = 527, 32, 2


def make_infos(num_train: int, num_eval: int, seed: int = 0) -> List[ClipInfo]:
    """Clips of fold 1 (to train on) and of fold 2 (to evaluate on), in mixed order.

    The common classes are on many clips beside a rarer one, as "Music" and "Speech" are. Every class has a clip or more
    on each side: one by turns, the others by Zipf's law.
    """
    random = np.random.default_rng(seed)
    law = 1 / np.arange(1, NUM_CLASSES + 1)
    infos = []
    for fold, count in ((1, num_train), (2, num_eval)):
        for number in range(count):
            drawn = random.choice(NUM_CLASSES, size=random.integers(1, 4), p=law / law.sum())
            labels = tuple(sorted({number, *drawn.tolist()} if number < NUM_CLASSES else {*drawn.tolist()}))
            names = tuple(f"class {label}" for label in labels)
            clip_id = f"fold{fold}clip{number:07d}"
            infos.append(ClipInfo(clip_id, clip_id, labels, names, fold))
    return [infos[place] for place in random.permutation(len(infos))]


def write(folder: pathlib.Path, infos: List[ClipInfo], noise: float = 0.4, seed: int = 0) -> None:
    """Windows around the mean of the centres of the clip's classes."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(NUM_CLASSES, SIZE))
    with EmbeddingWriter(str(folder), "model", "front-end", SIZE) as writer:
        for info in infos:
            mean = centres[list(info.labels)].mean(axis=0) + noise * random.normal(size=SIZE)
            vectors = mean + noise * random.normal(size=(NUM_WINDOWS, SIZE))
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            writer.write(info, 0.96 * np.arange(NUM_WINDOWS), vectors)
