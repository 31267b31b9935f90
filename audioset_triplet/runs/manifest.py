"""data.json of a run directory: the data manifest, which says what the run learns from.

A run goes on with the same clips or not at all. The folder of the records does not matter: files of the same names and
sizes are the same.
"""

import collections
import json
import os
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import tensorflow as tf

from audioset_triplet import files, settings
from audioset_triplet.clips import digest
from audioset_triplet.errors import UserError
from audioset_triplet.records import globs, reading

_SHARD = re.compile(r"(?P<split>.+)-\d+-of-(?P<count>\d+)\.tfrecord")


def describe(data: str, clip_ids: Optional[Sequence[str]] = None) -> Dict[str, Any]:
    """The data manifest of a run on records.

    Args:
        data: globs of the records.
        clip_ids: the clips that the run is restricted to; None: all.

    Returns:
        What `reading.describe_files` says of the files; with `clip_ids` also the number of clips and a digest of their
        ids.

    Raises:
        UserError: no file matches.
    """
    described = reading.describe_files(data)
    if clip_ids is None:
        return described
    return {**described, "clips": len(clip_ids), "clips_digest": digest(clip_ids)}


def splits(data: str) -> List[Dict[str, Any]]:
    """The splits all of whose records are among `data`, each with the number and the digest of its clips.

    They are in coverage.json beside the records. Records without it are skipped: to know their clips takes reading them
    all.

    Raises:
        UserError: no file matches.
    """
    shards: Dict[Tuple[str, str, int], int] = collections.Counter()
    for path in globs.expand(data):
        folder, name = os.path.split(path)
        shard = _SHARD.fullmatch(name)
        if shard:
            shards[folder, shard["split"], int(shard["count"])] += 1
    whole = [(folder, split) for (folder, split, count), num_read in sorted(shards.items()) if num_read == count]
    described = []
    for folder, split in whole:
        try:
            with tf.io.gfile.GFile(os.path.join(folder, "coverage.json")) as file:
                card = json.load(file)["splits"][split]
            described.append({"split": split, "clips": card["used"], "clips_digest": card["clips_digest"]})
        except (tf.errors.OpError, ValueError, TypeError, KeyError):
            continue
    return described


def require_same(workdir: str, learned_from: Mapping[str, Any]) -> None:
    """Raises a UserError if the run in a directory learns from something else."""
    settings.require_same(f"{workdir} holds a run on other clips or records", read(workdir), learned_from)


def read(workdir: str) -> Dict[str, Any]:
    """The data manifest of a run; a UserError where it is missing or damaged."""
    try:
        return files.read_json_object(_path(workdir))
    except FileNotFoundError as error:
        raise UserError(f"{_path(workdir)} is missing; train in another --workdir.") from error


def write(workdir: str, learned_from: Mapping[str, Any]) -> None:
    """Writes data.json; makes the directory if it is missing."""
    os.makedirs(workdir, exist_ok=True)
    files.write_json(_path(workdir), learned_from)


def _path(workdir: str) -> str:
    return os.path.join(workdir, "data.json")
