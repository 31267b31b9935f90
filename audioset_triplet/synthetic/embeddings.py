"""Stored embeddings with a structure that is known: directions (modes) and windows around them, to try clusterings on.

Shapes: W windows of a clip, D embedding size.
"""

from typing import Iterator, Tuple

import numpy as np

from audioset_triplet.clips import ClipInfo

_BLOCK = 4096  # clips drawn at once


def planted_clips(
    num_clips: int, num_windows: int, num_modes: int, embedding_size: int, noise: float, seed: int
) -> Iterator[Tuple[ClipInfo, np.ndarray]]:
    """Clips with their windows, [W, D] of unit length; the label of a clip is its mode.

    Modes are directions drawn uniformly, taken in turn. A window is its mode plus a Gaussian of the length `noise` (its
    expected norm), brought back to unit length: the cosine of two windows is about 1 / (1 + noise^2) if they are of one
    mode, and else 0, give or take 1 / sqrt(D).

    Args:
        num_clips, num_windows: clips, and W.
        num_modes: modes; no more than clips.
        embedding_size: D.
        noise: at least 0.
        seed: of everything; the same clips come first if there are more.
    """
    modes = _unit(np.random.default_rng([seed, 0]).standard_normal((num_modes, embedding_size)))
    random = np.random.default_rng([seed, 1])
    for start in range(0, num_clips, _BLOCK):
        of_block = np.arange(start, min(start + _BLOCK, num_clips)) % num_modes
        drawn = random.standard_normal((_BLOCK, num_windows, embedding_size), np.float32)[: len(of_block)]
        windows = _unit(modes[of_block, None] + noise / np.sqrt(embedding_size) * drawn).astype(np.float32)
        for row, mode in enumerate(of_block.tolist()):
            clip_id = f"planted{start + row:08d}"
            yield ClipInfo(clip_id, clip_id, (mode,), (f"mode {mode}",)), windows[row]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
