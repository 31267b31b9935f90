"""Embeddings as AudioSet's own feature records: one `tf.train.SequenceExample` per clip, 8 bits per value.

    context        video_id bytes[1], start_time_seconds float[1], end_time_seconds float[1], labels int64[n]
    feature_lists  audio_embedding: one bytes[1] of D raw uint8 values per window

Three dialects are read. AudioSet's release is as above; video and start identify a clip. In YouTube-8M's frame-level
records the list is called `audio`, has a step per second, is beside a list of image features, and belongs to a whole
video, whose id is under `id` or `video_id`. Those of this project are AudioSet's, with the id of the clip under
`video_id` and with more keys, which other readers ignore:

    context        recording_id bytes[1], label_names bytes[n], fold int64[1], hop_seconds float[1] unless it is 0.96
    feature_lists  window_weight: one float[1] per window, its weight in the clip (`frontend.loudness`)

Records of others whose lists hold float_list instead of bytes are read as they are, without the quantisation.

The quantisation is that of the released features: values are clipped to [-2, 2] and truncated to steps of 4/255
(tensorflow/models, research/audioset/vggish/vggish_postprocess.py). `dequantize` adds half a step to make up for the
truncation (google/youtube-8m, utils.py). The values of a unit-norm embedding lie within [-1, 1], so none is clipped and
each is off by at most 0.0079.

A folder of this project holds features-00000-of-00013.tfrecord, ... and features.json, which names the model. Other
folders do not name it.
"""

import dataclasses
import math
from typing import Any, Iterator, List, Mapping, Tuple

import numpy as np
from google.protobuf.message import DecodeError

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError, op_reason
from audioset_triplet.labels import segment_id
from audioset_triplet.records import contents, framing

_LIMIT = 2.0
_STEP = 2 * _LIMIT / 255
_CODE_OF_ZERO = 127
_AUDIOSET_LIST, _YOUTUBE8M_LIST = "audio_embedding", "audio"
_WEIGHTS_LIST = "window_weight"
_HOP_SECONDS = {_AUDIOSET_LIST: 0.96, _YOUTUBE8M_LIST: 1.0}  # of the released features


def quantize(values: np.ndarray) -> np.ndarray:
    """float [...] -> uint8 [...]: clipped to [-2, 2], then (value + 2) * 63.75 truncated; 255 is for 2 alone."""
    clipped = np.clip(np.asarray(values, np.float64), -_LIMIT, _LIMIT)  # in float32 the sum rounds up to whole steps
    return ((clipped + _LIMIT) * (255 / (2 * _LIMIT))).astype(np.uint8)


def dequantize(codes: np.ndarray) -> np.ndarray:
    """uint8 [...] -> float32 [...] in [-1.9922, 2.0078]: the middle of each step."""
    return (codes.astype(np.float64) * _STEP + (_LIMIT / 256 - _LIMIT)).astype(np.float32)


def unit_vectors(codes: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Embeddings at unit norm, as stored embeddings are; their lengths are lost.

    A vector of zeros, or all of whose quantized values are in the step around zero, has no direction.

    Args:
        codes: uint8 [W, D], quantized, or float32 [W, D].

    Returns:
        Which of the windows have a direction, bool [W]; and those directions, float32 [k, D], unit norm.
    """
    is_quantized = codes.dtype == np.uint8
    known = (codes != (_CODE_OF_ZERO if is_quantized else 0)).any(axis=1)
    vectors = dequantize(codes[known]) if is_quantized else codes[known].astype(np.float64)
    return known, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class ClipFeatures:
    """A record: a clip, and its windows. A record of others has no label names and no fold."""

    clip: ClipInfo
    codes: np.ndarray  # uint8 [W, D]; of others also float32 [W, D], not quantized
    weights: np.ndarray  # float32 [W]; all 1 in a record of others
    hop_seconds: float  # from the start of a window to that of the next
    is_ours: bool  # written by this project


def clip_to_sequence_example(clip: ClipInfo, codes: np.ndarray, weights: np.ndarray, hop_seconds: float) -> bytes:
    """The serialized SequenceExample of a clip.

    Args:
        clip: the clip.
        codes: uint8 [W, D], its quantized window embeddings.
        weights: [W], their loudness weights.
        hop_seconds: from the start of a window to that of the next.
    """
    example = framing.SequenceExample()
    context = example.context.feature
    context["video_id"].bytes_list.value.append(clip.clip_id.encode())
    context["start_time_seconds"].float_list.value.append(clip.start_seconds)
    context["end_time_seconds"].float_list.value.append(clip.end_seconds)
    context["labels"].int64_list.value.extend(clip.labels)
    context["recording_id"].bytes_list.value.append(clip.recording_id.encode())
    context["label_names"].bytes_list.value.extend(name.encode() for name in clip.label_names)
    context["fold"].int64_list.value.append(clip.fold)
    if hop_seconds != _HOP_SECONDS[_AUDIOSET_LIST]:
        context["hop_seconds"].float_list.value.append(hop_seconds)
    steps = example.feature_lists.feature_list[_AUDIOSET_LIST].feature
    for step in codes:
        steps.add().bytes_list.value.append(step.tobytes())
    of_windows = example.feature_lists.feature_list[_WEIGHTS_LIST].feature
    for weight in weights:
        of_windows.add().float_list.value.append(weight)
    return example.SerializeToString(deterministic=True)


def clip_from_sequence_example(serialized: bytes) -> ClipFeatures:
    """Reads a record in any of the three dialects; the inverse of `clip_to_sequence_example`.

    Raises:
        UserError: not a SequenceExample, a missing key or one of another type, or windows of different sizes; the
            message names the clip.
    """
    try:
        example = framing.SequenceExample.FromString(serialized)
    except DecodeError as error:
        raise UserError("not a tf.train.SequenceExample") from error
    context, lists = example.context.feature, example.feature_lists.feature_list
    list_name = next((name for name in _HOP_SECONDS if name in lists), None)
    if list_name is None:
        raise UserError(contents.describe(serialized))
    video_id = _text(context, "video_id" if "video_id" in context or "id" not in context else "id", "a clip")
    where = f"clip {video_id}"
    codes = _codes(lists[list_name].feature, f"{where}: {list_name}")
    is_ours = "recording_id" in context
    has_no_labels = list_name == _YOUTUBE8M_LIST and "labels" not in context  # its test part
    labels = [] if has_no_labels else _labels(context, where)
    if is_ours:
        clip = _our_clip(context, video_id, tuple(labels))
    elif list_name == _AUDIOSET_LIST:
        clip = _audioset_clip(context, video_id, tuple(sorted(set(labels))))
    else:
        length = len(codes) * _HOP_SECONDS[list_name]
        clip = ClipInfo(video_id, video_id, tuple(sorted(set(labels))), end_seconds=length)
    weights = _weights(lists, len(codes), where) if is_ours else np.ones(len(codes), np.float32)
    has_hop = is_ours and "hop_seconds" in context
    hop_seconds = _the_only(context, "hop_seconds", "float_list", where) if has_hop else _HOP_SECONDS[list_name]
    return ClipFeatures(clip, codes, weights, hop_seconds, is_ours)


def _our_clip(context: Mapping[str, Any], clip_id: str, labels: Tuple[int, ...]) -> ClipInfo:
    where = f"clip {clip_id}"
    names = _values(context, "label_names", "bytes_list")
    if len(names) != len(labels):
        raise UserError(f"{where}: {len(names)} label_names for {len(labels)} labels")
    return ClipInfo(
        clip_id=clip_id,
        recording_id=_text(context, "recording_id", where),
        labels=labels,
        label_names=tuple(name.decode(errors="replace") for name in names),
        fold=_the_only(context, "fold", "int64_list", where),
        start_seconds=_the_only(context, "start_time_seconds", "float_list", where),
        end_seconds=_the_only(context, "end_time_seconds", "float_list", where),
    )


def _audioset_clip(context: Mapping[str, Any], video_id: str, labels: Tuple[int, ...]) -> ClipInfo:
    where = f"clip {video_id}"
    start, end = (_the_only(context, f"{which}_time_seconds", "float_list", where) for which in ("start", "end"))
    if not 0 <= start < end < math.inf:
        raise UserError(f"{where}: {start} to {end} s is not a time span")
    return ClipInfo(segment_id(video_id, start), video_id, labels, start_seconds=start, end_seconds=end)


def _labels(context: Mapping[str, Any], where: str) -> List[int]:
    """A clip without labels has an empty list; a missing key is an error."""
    if "labels" not in context or context["labels"].WhichOneof("kind") not in (None, "int64_list"):
        raise UserError(f"{where}: no labels (int64_list)")
    return list(context["labels"].int64_list.value)


def _values(context: Mapping[str, Any], key: str, kind: str) -> List[Any]:
    return list(getattr(context[key], kind).value) if key in context else []


def _the_only(context: Mapping[str, Any], key: str, kind: str, where: str) -> Any:
    values = _values(context, key, kind)
    if len(values) != 1:
        raise UserError(f"{where}: {key} holds {len(values)} values of {kind} instead of 1")
    return values[0]


def _text(context: Mapping[str, Any], key: str, where: str) -> str:
    try:
        return _the_only(context, key, "bytes_list", where).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: {key} is not text ({error})") from error


def _codes(steps: Any, where: str) -> np.ndarray:
    """uint8 [W, D], or float32 [W, D] where they are not quantized, from the windows of a feature list."""
    are_floats = len(steps) and steps[0].WhichOneof("kind") == "float_list"
    if are_floats:
        windows = [np.array(step.float_list.value, np.float32) for step in steps]
    else:
        windows = [np.frombuffer(b"".join(step.bytes_list.value), np.uint8) for step in steps]
    for index, window in enumerate(windows):
        if not len(window) or len(window) != len(windows[0]):
            raise UserError(f"{where}: window {index} has {len(window)} values, the first has {len(windows[0])}")
    if are_floats:
        values = np.stack(windows)
        if not np.isfinite(values).all():
            raise UserError(f"{where}: a value is not finite")
        return values
    codes = np.stack(windows) if windows else np.zeros([0, 0], np.uint8)
    if _look_like_floats(codes):
        raise UserError(
            f"{where}: {codes.shape[1]} bytes per window look like {codes.shape[1] // 4} float32 values, and a byte is "
            "one value here: write them as float_list"
        )
    return codes


def _look_like_floats(codes: np.ndarray) -> bool:
    """Whether bytes are float32 values of the size of embeddings: four quantized values in a row hardly ever are."""
    if not codes.size or codes.shape[1] % 4:
        return False
    sizes = np.abs(np.frombuffer(codes.tobytes(), "<f4"))
    return bool((sizes != 0).any() and ((sizes == 0) | ((sizes > 1e-12) & (sizes < 1e6))).all())


def _weights(lists: Mapping[str, Any], num_windows: int, where: str) -> np.ndarray:
    """float32 [W] of a record of this project."""
    steps = lists[_WEIGHTS_LIST].feature if _WEIGHTS_LIST in lists else []
    weights = np.array([value for step in steps for value in step.float_list.value], np.float32)
    if len(weights) != num_windows or not ((weights > 0) & np.isfinite(weights)).all():
        raise UserError(f"{where}: {_WEIGHTS_LIST} holds {len(weights)} values, not a positive one for each window")
    return weights


def read_file(path: str) -> Iterator[Tuple[str, ClipFeatures]]:
    """Streams the records of a file, in order: pairs of (file and record number) and content.

    Raises:
        UserError: what `clip_from_sequence_example` raises and damaged records, with file and number; a file that
            cannot be read.
    """
    import tensorflow as tf  # here: who writes records, or reads Parquet, does not wait seconds for it

    from audioset_triplet.records import scanning

    try:
        for frame in scanning.frames(path):
            where = f"{path}: record {frame.index}"
            if frame.damage:
                raise UserError(f"{path if frame.is_foreign else where}: {frame.damage}")
            try:
                features = clip_from_sequence_example(frame.data)
            except UserError as error:
                raise UserError(f"{where}: {error}") from error
            yield where, features
    except tf.errors.OpError as error:
        raise UserError(f"{path}: cannot be read: {op_reason(error.message)}") from error
