"""Folders of feature records, as experiments.embed --format=tfrecord writes them."""

import contextlib
import dataclasses
import json
import pathlib
from typing import Iterator

import audioset_triplet
from audioset_triplet.store.embedding_parts import FEATURES_INFO, StoreInfo
from audioset_triplet.store.feature_writer import FeaturePartWriter


@contextlib.contextmanager
def writing(
    folder: pathlib.Path, size: int, part: int = 0, model_id: str = "model", hop_seconds: float = 0.96
) -> Iterator[FeaturePartWriter]:
    """A writer of one part of a folder, of the front end `front-end`."""
    folder.mkdir(parents=True, exist_ok=True)
    info = StoreInfo(model_id, "front-end", size, audioset_triplet.__version__)
    (folder / FEATURES_INFO).write_text(json.dumps(dataclasses.asdict(info)))
    with open(folder / f"features-{part:05d}-of-00010.tfrecord", "wb") as file:
        writer = FeaturePartWriter(file, info, hop_seconds)
        yield writer
        writer.close()
