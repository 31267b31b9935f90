"""Hashes of ids, which go wherever tensors go, and the way back from the hash of a clip to its record.

A batch has an `example_id` for each example, the hash of its clip's id. Nothing else is carried through a training
step: where a step fails, the records are read again until the clips are found.
"""

from typing import Collection, List, Sequence

import tensorflow as tf

from audioset_triplet.records import reading, skipping


def hash_ids(ids: tf.Tensor) -> tf.Tensor:
    """Hashes of clip or recording ids: string [...] -> int64 [...], at least 0; the same everywhere and always."""
    return tf.strings.to_hash_bucket_fast(ids, tf.int64.max)


def find_records(files: Sequence[str], example_ids: Collection[int], limit: int) -> List[str]:
    """The records of some clips, "FILE: record N (clip ID)", in the order of the files.

    It reads records until it has found all of the clips or enough of them, and skips damaged ones.

    Args:
        files: paths.
        example_ids: the hashes of the clips' ids.
        limit: the most records to name.
    """
    missing = set(example_ids)
    if not missing:
        return []
    ids = tf.constant(list(missing), tf.int64)
    skipped = skipping.SkippedRecords(files, report=lambda line: None)

    def clips_of(path: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        records = skipping.numbered_records(path, number, skipped)
        return records.map(lambda record, index: (number, index, _clip_id(record)))

    clips = reading.interleaved(skipping.numbered_files(files), clips_of, len(files), deterministic=True)
    clips = clips.filter(lambda number, index, clip_id: tf.reduce_any(hash_ids(clip_id) == ids))
    records = []
    for number, index, clip_id in clips.take(limit):
        records.append((int(number), int(index), clip_id.numpy().decode()))
        missing.discard(int(hash_ids(clip_id)))
        if not missing:
            break
    return [f"{files[number]}: record {index} (clip {clip_id})" for number, index, clip_id in sorted(records)]


def _clip_id(record: tf.Tensor) -> tf.Tensor:
    """The id of the clip of a serialized record, string []."""
    return tf.io.parse_single_example(record, {"clip_id": tf.io.FixedLenFeature([], tf.string, "")})["clip_id"]


def only_clips(clips: tf.data.Dataset, clip_ids: Sequence[str]) -> tf.data.Dataset:
    """The clips of some ids."""
    ids = tf.sort(hash_ids(tf.constant(list(clip_ids), tf.string)))

    def is_chosen(clip: dict) -> tf.Tensor:
        clip_id = hash_ids(clip["clip_id"])[tf.newaxis]
        return tf.searchsorted(ids, clip_id, "right")[0] > tf.searchsorted(ids, clip_id, "left")[0]

    return clips.filter(is_chosen)
