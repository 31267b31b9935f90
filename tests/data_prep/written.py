"""What a `prepare_*` program wrote, read back."""

import pathlib
from typing import Dict

from audioset_triplet.data import records, schema


def read(folder: pathlib.Path) -> Dict[str, schema.Clip]:
    """Every clip of a folder, by its id."""
    found = [record for file in sorted(folder.glob("*.tfrecord")) for record in records.scan(str(file))]
    assert not [record for record in found if record.damage]
    clips = {record.clip.clip_id: record.clip for record in found if record.clip}
    assert len(clips) == len(found)
    return clips
