"""How tests write parts of a store, and what is in them."""

import numpy as np
import pyarrow.parquet as pq

from audioset_triplet import files
from audioset_triplet.clips import ClipInfo
from audioset_triplet.export import audio_clips, embedder
from audioset_triplet.store.part_writers import ParquetPartWriter


def sound(seconds, rate=16000, channels=1, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, [round(seconds * rate), channels]).astype(np.float32)


def sounds_of(*waveforms):
    for index, waveform in enumerate(waveforms):
        yield audio_clips.AudioClip(
            ClipInfo(f"clip{index}", f"clip{index}"), lambda waveform=waveform: iter([waveform])
        )


def rows(folder):
    return pq.ParquetDataset(sorted(map(str, folder.glob("*.parquet")))).read().to_pylist()


def embed_to(output, model, sounds, batch_size=4, **options):
    """Writes the first part of a folder."""
    output.mkdir(parents=True, exist_ok=True)
    with files.atomic_path(str(output / "embeddings-00000.parquet")) as temporary:
        writer = ParquetPartWriter(temporary, model.info)
        totals = embedder.embed(sounds, model, writer, batch_size, **options)
        writer.close()
    return totals


def file_clips(model, *paths):
    """The clips of audio files, with their names as ids."""
    items = [audio_clips.find(str(path), (), model).items[0] for path in paths]
    return [clip for item in items for clip in audio_clips.clips_of(item, (), model)]


def record_clips(model, path, *folds):
    items = audio_clips.find(str(path), folds, model).items
    return [clip for item in items for clip in audio_clips.clips_of(item, folds, model)]
