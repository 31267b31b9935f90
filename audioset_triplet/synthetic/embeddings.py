"""Synthetic embeddings of known clusters: windows around modes, to try clusterings on.

Shapes: W windows of a clip, D embedding size.
"""

import dataclasses
from typing import Iterator, Tuple

import numpy as np

from audioset_triplet.clips import ClipInfo

_BLOCK_CLIPS = 4096  # that are drawn at once


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Modes, which are uniform directions, and windows around them; the label of a clip is its mode.

    A window is its mode plus a Gaussian whose expected norm is `noise`, at unit length: the cosine of two windows is
    about 1 / (1 + noise^2) within a mode and 0 ± 1 / sqrt(D) else.

    Attributes:
        num_windows: W.
        num_modes: at least 1; clip i belongs to mode i modulo `num_modes`.
        embedding_size: D.
        noise: at least 0.
        seed: of everything.
    """

    num_windows: int
    num_modes: int
    embedding_size: int
    noise: float
    seed: int

    @property
    def model_id(self) -> str:
        """Tells the embeddings of two mixtures apart, as that of a model does."""
        return "planted-{}-{}-{}-{:g}-{}".format(*dataclasses.astuple(self))

    def clips(self, num_clips: int) -> Iterator[Tuple[ClipInfo, np.ndarray]]:
        """Clips with their windows, float32 [W, D] of unit length. More clips begin with the same ones."""
        modes = _unit(np.random.default_rng([self.seed, 0]).standard_normal((self.num_modes, self.embedding_size)))
        random = np.random.default_rng([self.seed, 1])
        shape, scale = (_BLOCK_CLIPS, self.num_windows, self.embedding_size), self.noise / np.sqrt(self.embedding_size)
        for start in range(0, num_clips, _BLOCK_CLIPS):
            modes_of_block = np.arange(start, min(start + _BLOCK_CLIPS, num_clips)) % self.num_modes
            drawn = random.standard_normal(shape, np.float32)[: len(modes_of_block)]
            windows = _unit(modes[modes_of_block, None] + scale * drawn).astype(np.float32)
            for row, mode in enumerate(modes_of_block.tolist()):
                clip_id = f"planted{start + row:08d}"
                yield ClipInfo(clip_id, clip_id, (mode,), (f"mode {mode}",)), windows[row]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
