"""Archives of short noises, and what a folder of embeddings holds of them."""

import pathlib
from typing import Any, Dict, List, Tuple

import numpy as np
import pyarrow.parquet as pq
import soundfile

from audioset_triplet.config.embedding import EmbeddingConfig, EmbeddingModelConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.export import embedding_job
from audioset_triplet.export.embedding_job import Summary


def write(root: pathlib.Path, *numbers: int, seconds: float = 0.0) -> pathlib.Path:
    """Files of these numbers, in two folders; of some length or, by default, of their own, up to 2.8 s."""
    for number in numbers:
        path = root / "even" / f"{number:03d}.wav" if number % 2 == 0 else root / f"{number:03d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        length = round(16000 * (seconds or 0.4 + 0.8 * (number % 4)))
        soundfile.write(path, np.random.default_rng(number).uniform(-0.5, 0.5, length), 16000)
    return root


def embed(model: str, source: Any, output: pathlib.Path, num_workers: int = 1, **options: Any) -> Summary:
    """Embeds in this process, or in several that it starts.

    Of 8 windows in a call some processors compute the last two differently, in the seventh digit; of 16 none does.
    """
    config = EmbeddingConfig(model=EmbeddingModelConfig(model=model), **{"batch_size": 16, **options})
    return embedding_job.embed(str(source), str(output), config, RunnerConfig(num_workers=num_workers))


def rows(folder: pathlib.Path) -> List[Tuple[Any, ...]]:
    """Every row, bit for bit, sorted by clip id and start."""
    table = pq.ParquetDataset([str(path) for path in sorted(folder.glob("*.parquet"))]).read().to_pylist()
    found = [(row["clip_id"], row["window_start_seconds"], *map(str, row.values())) for row in table]
    return sorted(found)


def parts(folder: pathlib.Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("embeddings-*"))}
