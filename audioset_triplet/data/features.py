"""Embeddings as AudioSet's own feature records: one `tf.train.SequenceExample` per clip, 8 bits per value.

    context        video_id bytes[1], start_time_seconds float[1], end_time_seconds float[1], labels int64[n]
    feature_lists  audio_embedding: one bytes[1] of D raw uint8 values per window

The quantisation is that of the released features: values are clipped to [-2, 2] and truncated to steps of 4/255
(tensorflow/models, research/audioset/vggish/vggish_postprocess.py). `dequantize` adds the half step that makes up for
the truncation (google/youtube-8m, utils.py). The values of a unit-norm embedding lie within [-1, 1], so none is clipped
and each is off by at most 0.0079.

The format has no place for the weights of windows (`frontend.level`): whoever makes one vector of a clip's steps counts
all of them alike, its silence too.

A folder holds features-00000.tfrecord, features-00001.tfrecord, ... and features.json, which names the model.
"""

import dataclasses
import glob
import json
import os
from typing import Dict, List, Optional, Set, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet import __version__, files
from audioset_triplet.data import embedding_parts
from audioset_triplet.data.embedding_parts import ClipInfo, StoreInfo
from audioset_triplet.errors import UserError, op_reason
from audioset_triplet.frontend.constants import FRONT_END_ID

CLIPS_PER_PART = 4096

_LIMIT = 2.0
_STEP = 2 * _LIMIT / 255


def quantize(values: np.ndarray) -> np.ndarray:
    """float [...] -> uint8 [...]: clipped to [-2, 2], then (value + 2) * 63.75 truncated."""
    clipped = np.clip(np.asarray(values, np.float32), -_LIMIT, _LIMIT)
    return ((clipped + _LIMIT) * (255 / (2 * _LIMIT))).astype(np.uint8)


def dequantize(codes: np.ndarray) -> np.ndarray:
    """uint8 [...] -> float32 [...] in [-1.9922, 2.0078]: the middle of each step."""
    return (codes.astype(np.float64) * _STEP + (_LIMIT / 256 - _LIMIT)).astype(np.float32)


def clip_to_sequence_example(clip: ClipInfo, codes: np.ndarray) -> bytes:
    """The serialized SequenceExample of a clip from its quantised window embeddings, uint8 [W, D]."""
    example = tf.train.SequenceExample()
    context = example.context.feature
    context["video_id"].bytes_list.value.append(clip.clip_id.encode())
    context["start_time_seconds"].float_list.value.append(clip.start_seconds)
    context["end_time_seconds"].float_list.value.append(clip.end_seconds)
    context["labels"].int64_list.value.extend(clip.labels)
    steps = example.feature_lists.feature_list["audio_embedding"].feature
    for step in codes:
        steps.add().bytes_list.value.append(step.tobytes())
    return example.SerializeToString(deterministic=True)


def read_sequence_example(serialized: bytes) -> Tuple[str, np.ndarray]:
    """The id of a clip and its codes, uint8 [W, D]."""
    example = tf.train.SequenceExample.FromString(serialized)
    steps = example.feature_lists.feature_list["audio_embedding"].feature
    codes = [np.frombuffer(step.bytes_list.value[0], np.uint8) for step in steps]
    return example.context.feature["video_id"].bytes_list.value[0].decode(), np.stack(codes)


class FeatureWriter:
    """Writes a folder of feature records; opened on a folder that has some, it goes on behind them.

    It is used as `data.embeddings.EmbeddingWriter` is. A part gets its name when it is complete.

    Raises:
        UserError: the folder holds features of another model or front end, or a damaged part.
    """

    def __init__(self, folder: str, model_id: str, embedding_size: int, clips_per_part: int = CLIPS_PER_PART) -> None:
        self._folder = folder
        self._clips_per_part = clips_per_part
        self._info = StoreInfo(model_id, FRONT_END_ID, embedding_size, __version__)
        embedding_parts.check_folder(folder, self._info)
        parts = glob.glob(os.path.join(glob.escape(folder), "features-*.tfrecord"))
        # Behind the last one, not as many as there are: a damaged part may have been removed from between.
        self._next_part = 1 + max(map(_part_number, parts), default=-1)
        self.clip_ids_done: Set[str] = {clip_id for path in parts for clip_id in _clip_ids(path)}
        self._finished: Dict[str, bytes] = {}
        self._clip: Optional[ClipInfo] = None
        self._codes: List[np.ndarray] = []

    def __enter__(self) -> "FeatureWriter":
        os.makedirs(self._folder, exist_ok=True)
        for leftover in glob.glob(os.path.join(glob.escape(self._folder), "features-*.tfrecord.tmp-*")):
            os.remove(leftover)  # of a writer that was killed
        info_path = os.path.join(self._folder, embedding_parts.FEATURES_INFO)
        files.write_text(info_path, json.dumps(dataclasses.asdict(self._info), indent=2) + "\n")
        return self

    def __exit__(self, exception_type: Optional[type], *_: object) -> None:
        if exception_type is None:
            self._finish_clip()
            self._finish_part()

    def write(
        self,
        clip: ClipInfo,
        window_start_seconds: np.ndarray,
        embeddings: np.ndarray,
        weights: Optional[np.ndarray] = None,
    ) -> None:
        """Appends windows [W, D] of a clip: all of them at once, or a long clip's in several calls in a row.

        Starts and weights are not kept.

        Raises:
            UserError: an embedding that is not finite or not of unit norm, or a clip id that was written before.
        """
        ids = [clip.clip_id] * len(embeddings)
        embedding_parts.check_unit_norm(embeddings, ids, f"model {self._info.model_id}")
        if self._clip is None or clip.clip_id != self._clip.clip_id:
            self._finish_clip()
            if clip.clip_id in self.clip_ids_done or clip.clip_id in self._finished:
                raise UserError(f"clip {clip.clip_id} is given twice: every clip needs an id of its own.")
            self._clip = clip
        self._codes.append(quantize(embeddings))

    def _finish_clip(self) -> None:
        if self._clip is None:
            return
        self._finished[self._clip.clip_id] = clip_to_sequence_example(self._clip, np.concatenate(self._codes))
        self._clip, self._codes = None, []
        if len(self._finished) >= self._clips_per_part:
            self._finish_part()

    def _finish_part(self) -> None:
        if not self._finished:
            return
        path = os.path.join(self._folder, f"features-{self._next_part:05d}.tfrecord")
        try:
            with (
                files.atomic_path(path) as temporary,
                tf.io.TFRecordWriter(temporary) as writer,
            ):  # closed, then renamed
                for serialized in self._finished.values():
                    writer.write(serialized)
        except tf.errors.OpError as error:  # a full disk
            raise UserError(f"{path}: cannot be written: {op_reason(error.message)}") from error
        self._next_part += 1
        self.clip_ids_done |= set(self._finished)
        self._finished = {}


def _part_number(path: str) -> int:
    number = os.path.basename(path)[len("features-") : -len(".tfrecord")]
    if not number.isdigit():
        raise UserError(f"{path}: not a name that experiments.embed gives (features-00000.tfrecord); move it away.")
    return int(number)


def _clip_ids(path: str) -> List[str]:
    try:
        return [read_sequence_example(record.numpy())[0] for record in tf.data.TFRecordDataset(path)]
    except tf.errors.DataLossError as error:
        raise UserError(f"{path}: damaged ({error.message}); remove it and run experiments.embed again.") from error
