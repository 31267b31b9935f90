"""What a run learns from, kept as data.json in its work directory: a run goes on with the same clips or not at all.

Where the records lie does not matter: files of the same names and sizes are the same.
"""

import collections
import json
import os
import re
from typing import Any, Dict, List, Optional, Sequence, Tuple

import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.clips import digest
from audioset_triplet.errors import UserError
from audioset_triplet.records import reading
from audioset_triplet.runs import checkpoints

_SHARD = re.compile(r"(?P<split>.+)-\d+-of-(?P<count>\d+)\.tfrecord")


def describe(data: str, clip_ids: Optional[Sequence[str]] = None) -> Dict[str, Any]:
    """The records, and of the clips that a run is restricted to their number and the digest of their ids.

    Raises:
        UserError: no file matches.
    """
    described = reading.describe_files(data)
    if clip_ids is None:
        return described
    return {**described, "clips": len(clip_ids), "clips_digest": digest(clip_ids)}


def splits(data: str) -> List[Dict[str, Any]]:
    """The splits all of whose records are among `data`, each with the number and the digest of its clips.

    They stand in coverage.json beside the records. Records without it are passed over: to know their clips takes
    reading them all.

    Raises:
        UserError: no file matches.
    """
    shards: Dict[Tuple[str, str, int], int] = collections.Counter()
    for path in reading.expand_globs(data):
        folder, name = os.path.split(path)
        found = _SHARD.fullmatch(name)
        if found:
            shards[folder, found["split"], int(found["count"])] += 1
    whole = [(folder, split) for (folder, split, count), there in sorted(shards.items()) if there == count]
    described = []
    for folder, split in whole:
        try:
            with tf.io.gfile.GFile(os.path.join(folder, "coverage.json")) as file:
                card = json.load(file)["splits"][split]
            described.append({"split": split, "clips": card["used"], "clips_digest": card["clips_digest"]})
        except (tf.errors.OpError, ValueError, TypeError, KeyError):
            continue
    return described


def check(workdir: str, described: Dict[str, Any]) -> None:
    """Raises a UserError if the work directory belongs to a run that began with something else."""
    if not os.path.exists(checkpoints.config_path(workdir)):
        return
    try:
        with open(_path(workdir), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{_path(workdir)}: cannot be read ({error}); train in another --workdir.") from error
    names = [name for name in {**found, **described} if found.get(name) != described.get(name)]
    if names:
        differences = ", ".join(f"{name}: {found.get(name)}, now {described.get(name)}" for name in names)
        raise UserError(
            f"{workdir} holds a run on other clips or records ({differences}): "
            "give the same flags and the same records to resume it, or another --workdir."
        )


def write(workdir: str, described: Dict[str, Any]) -> None:
    """Keeps what `check` compares; to be called before config.json is written, which says that a run has begun."""
    os.makedirs(workdir, exist_ok=True)
    files.write_text(_path(workdir), json.dumps(described, indent=2) + "\n")


def _path(workdir: str) -> str:
    return os.path.join(workdir, "data.json")
