"""Prepares clips in this process, and reads records back."""

import pathlib
from typing import Any, Dict

from audioset_triplet.records import scanning, schema
from data_prep import plan, prepare
from data_prep.config import PreparationConfig, RecordsConfig


def write(clips: plan.ClipList, output: pathlib.Path, **options: Any) -> prepare.Summary:
    """Prepares clips in this process."""
    return prepare.prepare(clips, str(output), RecordsConfig(**options), PreparationConfig(num_workers=1))


def contents(folder: pathlib.Path) -> Dict[str, bytes]:
    """Every file of a folder, at any depth, by its path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read(folder: pathlib.Path) -> Dict[str, schema.Clip]:
    """Every clip of a folder, by its id."""
    records = [record for file in sorted(folder.glob("*.tfrecord")) for record in scanning.scan(str(file))]
    assert not [record for record in records if record.damage]
    clips = {record.clip.clip_id: record.clip for record in records if record.clip}
    assert len(clips) == len(records)
    return clips
