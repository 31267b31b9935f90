"""Clips -> windows: the anchor of a triplet and a companion for it, or one window with its labels.

Windows are cut before anything is computed on them, at any sample (not on a grid), so that every pass over the data
sees new ones. Silent ones (`frontend.level`) are avoided: nothing can be learned from them. Randomness is stateless:
the windows depend on the seed and on the position in the stream alone.
"""

import contextlib
import re
from typing import Dict, Iterator, Tuple

import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.frontend import constants, loudness, mel
from audioset_triplet.records.example_ids import hash_ids

# Wide enough for AudioSet, whose clips have at most a dozen labels.
MAX_LABELS = 16
_TOO_MANY_LABELS = f"has more than {MAX_LABELS} labels"

# Companions do not overlap with their anchor (but for the 15 ms by which successive windows share samples).
_SMALLEST_GAP = constants.WINDOW_HOP_SAMPLES

_DRAWS = 16  # positions that are tried until one is audible

Tensors = Dict[str, tf.Tensor]


def draw_positions(
    num_samples: tf.Tensor, reach_seconds: float, seed: tf.Tensor, num_draws: int
) -> Tuple[tf.Tensor, ...]:
    """Draws where an anchor and its companion begin in a clip of `num_samples` >= 15600 samples, `num_draws` times.

    The anchor is uniform over all positions that have a companion, or over all positions if none has. The companion is
    uniform over the positions that do not overlap with the anchor and are less than `reach_seconds` away.

    Returns:
        Starts of anchors, starts of companions (int32 [num_draws]), whether there is a companion (bool [num_draws]).
        Without one the second start is the first.
    """
    anchor_seed, companion_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    last = num_samples - constants.WINDOW_SAMPLES
    reach = int(min(reach_seconds * constants.SAMPLE_RATE_HZ, tf.int32.max // 2)) - 1  # the sums below are int32

    # In a clip of two to three windows the positions in the middle have no companion on either side.
    usable_each_side = last - _SMALLEST_GAP + 1
    middle_is_unusable = (usable_each_side > 0) & (usable_each_side < _SMALLEST_GAP)
    num_positions = tf.where(middle_is_unusable, 2 * usable_each_side, last + 1)
    anchor = tf.random.stateless_uniform([num_draws], anchor_seed, 0, num_positions, tf.int32)
    anchor += tf.where(middle_is_unusable & (anchor >= usable_each_side), _SMALLEST_GAP - usable_each_side, 0)

    first_before, last_before = tf.maximum(0, anchor - reach), anchor - _SMALLEST_GAP
    first_after, last_after = anchor + _SMALLEST_GAP, tf.minimum(last, anchor + reach)
    num_before = tf.maximum(0, last_before - first_before + 1)
    num_after = tf.maximum(0, last_after - first_after + 1)
    has_companion = num_before + num_after > 0
    count = tf.maximum(1, num_before + num_after)
    # stateless_uniform takes one bound for all draws; the remainder of a large number is uniform to 2^-32.
    drawn = tf.random.stateless_uniform([num_draws], companion_seed, 0, tf.int64.max, tf.int64)
    drawn = tf.cast(drawn % tf.cast(count, tf.int64), tf.int32)
    companion = tf.where(drawn < num_before, first_before + drawn, first_after + drawn - num_before)
    return anchor, tf.where(has_companion, companion, anchor), has_companion


def pad_to_window(pcm: tf.Tensor) -> tf.Tensor:
    """Silence after a clip that is shorter than one window: int16 [L] -> [max(L, 15600)]."""
    return tf.pad(pcm, [[0, tf.maximum(0, constants.WINDOW_SAMPLES - tf.size(pcm))]])


def _cut(pcm: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(pcm[start : start + constants.WINDOW_SAMPLES], [constants.WINDOW_SAMPLES])


def _random_cut(pcm: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """A window that begins anywhere in a clip where it is audible: int16 [L] -> [15600]."""
    pcm = pad_to_window(pcm)
    num_positions = tf.size(pcm) - constants.WINDOW_SAMPLES + 1
    starts = tf.random.stateless_uniform([_DRAWS], seed, 0, num_positions, tf.int32)
    return _cut(pcm, starts[_most_audible(pcm, starts)])


def _most_audible(pcm: tf.Tensor, *starts: tf.Tensor) -> tf.Tensor:
    """The first of some draws in which the most windows are audible, int64 [].

    Args:
        pcm: int16 [L], the clip.
        starts: int32 [draws] each; those of one draw stand at one place.
    """

    def among_all() -> tf.Tensor:
        waveform = mel.pcm_to_waveform(pcm)
        return tf.argmax(tf.add_n([tf.cast(loudness.audible(waveform, at), tf.int32) for at in starts]))

    # Mostly it is the very first, and the level of a whole clip costs more than to read it.
    return tf.cond(
        tf.reduce_all([_is_audible(pcm, at[0]) for at in starts]), lambda: tf.constant(0, tf.int64), among_all
    )


def _is_audible(pcm: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """As `level.audible` of one window, of which alone the level is computed; bool []."""
    offset = start % loudness.BLOCK_SAMPLES
    piece = pcm[start - offset : start + constants.WINDOW_SAMPLES]
    return loudness.audible(mel.pcm_to_waveform(piece), offset[tf.newaxis])[0]


def successive_windows(clips: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    """All windows of all clips, once: clip ids (string [B]), log-mel windows [B, T, F] and weights in the clip [B].

    Windows of a clip follow one another; an incomplete last one is dropped, a shorter clip is padded.
    """

    def cut(clip: Tensors) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        waveform = mel.pcm_to_waveform(pad_to_window(clip["pcm"]))
        log_mel = mel.cut_windows(mel.log_mel(mel.mel_energies(waveform)))
        count = tf.shape(log_mel)[0]
        return tf.repeat(clip["clip_id"], count), log_mel, loudness.weights(waveform, mel.window_starts(count))

    return clips.map(cut, num_parallel_calls=tf.data.AUTOTUNE).unbatch().batch(batch_size).prefetch(tf.data.AUTOTUNE)


def random_windows(clips: tf.data.Dataset, seed: int) -> tf.data.Dataset:
    """A window from each clip, with the clip's labels.

    Elements: `pcm` int16 [15600], `labels` int64 [n], `example_id` int64 [] (of the clip).
    """

    def window(index: tf.Tensor, clip: Tensors) -> Tensors:
        pcm = _random_cut(clip["pcm"], _seed_of(seed, index))
        return {"pcm": pcm, "labels": clip["labels"], "example_id": hash_ids(clip["clip_id"])}

    return clips.enumerate().map(window, num_parallel_calls=tf.data.AUTOTUNE)


def recording_pairs(clips: tf.data.Dataset, seed: int, reach_seconds: float) -> tf.data.Dataset:
    """A pair from each clip; both windows hold the same recording.

    Elements: `pcm` int16 [2, 15600], `contents` int64 [2, 1] (a hash of the recording's id), `has_companion` bool [],
    `example_id` int64 [] (of the clip).
    """

    def pair(index: tf.Tensor, clip: Tensors) -> Tensors:
        pcm = pad_to_window(clip["pcm"])
        anchors, companions, have_companion = draw_positions(tf.size(pcm), reach_seconds, _seed_of(seed, index), _DRAWS)
        best = _most_audible(pcm, anchors, companions)
        return {
            "pcm": tf.stack([_cut(pcm, anchors[best]), _cut(pcm, companions[best])]),
            "contents": tf.fill([2, 1], hash_ids(clip["recording_id"])),
            "has_companion": have_companion[best],
            "example_id": hash_ids(clip["clip_id"]),
        }

    return clips.enumerate().map(pair, num_parallel_calls=tf.data.AUTOTUNE)


def moments(clips: tf.data.Dataset, seed: int, reach_seconds: float, image_size: int) -> tf.data.Dataset:
    """A window from each clip, a companion of it, and a picture that is shown near the window.

    Elements: `pcm` int16 [2, 15600] and `has_companion` bool [], drawn as in `recording_pairs`; `seconds` float32 [2],
    where the middles of both lie in the recording; `recording` int64 [], a hash of its id; `example_id` int64 [] (of
    the clip), `clip_id` string [], `labels` int64 [n], `seed` int64 [2] for what else is drawn. With an `image_size`
    also `picture` uint8 [image_size, image_size, 3], one of those that are shown at most `reach_seconds` from the
    middle of the window, scaled; `picture_seconds` float32 []; `has_picture` bool [], without which it is black.

    Args:
        clips: parsed records; with an `image_size` they have frames.
        seed: of what is drawn.
        reach_seconds: how far companion and picture may be from the window.
        image_size: pixels of a side; 0: no pictures.
    """

    def cut(index: tf.Tensor, clip: Tensors) -> Tensors:
        window_seed, picture_seed, own_seed = tf.unstack(
            tf.random.experimental.stateless_split(_seed_of(seed, index), 3)
        )
        pcm = pad_to_window(clip["pcm"])
        anchors, companions, have_companion = draw_positions(tf.size(pcm), reach_seconds, window_seed, _DRAWS)
        best = _most_audible(pcm, anchors, companions)
        starts = tf.stack([anchors[best], companions[best]])
        middles = tf.cast(starts + constants.WINDOW_SAMPLES // 2, tf.float32) / constants.SAMPLE_RATE_HZ
        found = {
            "pcm": tf.stack([_cut(pcm, starts[0]), _cut(pcm, starts[1])]),
            "has_companion": have_companion[best],
            "seconds": clip["start_seconds"] + middles,
            "recording": hash_ids(clip["recording_id"]),
            "example_id": hash_ids(clip["clip_id"]),
            "clip_id": clip["clip_id"],
            "labels": clip["labels"],
            "seed": own_seed,
        }
        if not image_size:
            return found
        return {**found, **_picture_near(clip, middles[0], reach_seconds, image_size, picture_seed)}

    return clips.enumerate().map(cut, num_parallel_calls=tf.data.AUTOTUNE)


def _picture_near(clip: Tensors, seconds: tf.Tensor, reach_seconds: float, image_size: int, seed: tf.Tensor) -> Tensors:
    """One of the pictures that are shown at most so far from a time in the clip, as of `moments`."""
    near = tf.where(tf.abs(clip["frame_seconds"] - seconds) <= reach_seconds)[:, 0]
    count = tf.size(near, tf.int64)
    drawn = tf.random.stateless_uniform([], seed, 0, tf.maximum(count, 1), tf.int64)

    def decoded() -> Tuple[tf.Tensor, tf.Tensor]:
        picture = tf.io.decode_jpeg(clip["frames"][near[drawn]], channels=3)
        return _scaled(picture, image_size), clip["start_seconds"] + clip["frame_seconds"][near[drawn]]

    def none() -> Tuple[tf.Tensor, tf.Tensor]:
        return tf.zeros([image_size, image_size, 3], tf.uint8), clip["start_seconds"]

    picture, picture_seconds = tf.cond(count > 0, decoded, none)
    return {
        "picture": tf.ensure_shape(picture, [image_size, image_size, 3]),
        "picture_seconds": picture_seconds,
        "has_picture": count > 0,
    }


def _scaled(picture: tf.Tensor, image_size: int) -> tf.Tensor:
    """uint8 [S, S, 3] -> [image_size, image_size, 3]; by areas, which averages where it makes smaller."""
    resized = tf.image.resize(picture, [image_size, image_size], method="area")
    return tf.cast(tf.round(resized), tf.uint8)


def label_pairs(clips: tf.data.Dataset, seed: int) -> tf.data.Dataset:
    """Pairs of windows from two clips with a common label; clips without labels are left out.

    A clip with several labels is paired by one of them, drawn anew on every pass. A class with one clip is paired with
    itself. Elements: `pcm` int16 [2, 15600], `contents` int64 [2, 17] (the class indices, repeated to fill 16 places,
    and a hash of the recording's id: its clips may have other labels), `has_companion` bool [], always true,
    `example_id` int64 [] (of the anchor's clip alone).

    Raises:
        UserError: when run inside `too_many_labels_named`, on a clip of more than 16 labels.
    """

    def window(index: tf.Tensor, clip: Tensors) -> Tensors:
        position_seed, label_seed = tf.unstack(tf.random.experimental.stateless_split(_seed_of(seed, index), 2))
        labels = clip["labels"]
        few_enough = tf.debugging.Assert(tf.size(labels) <= MAX_LABELS, ["clip", clip["clip_id"], _TOO_MANY_LABELS])
        with tf.control_dependencies([few_enough]):
            labels = tf.identity(labels)
        recording = -1 - hash_ids(clip["recording_id"])  # negative: no class index
        drawn = tf.random.stateless_uniform([], label_seed, 0, tf.size(labels), tf.int32)
        return {
            "pcm": _random_cut(clip["pcm"], position_seed),
            "contents": tf.concat([tf.gather(labels, tf.range(MAX_LABELS) % tf.size(labels)), [recording]], 0),
            "label": labels[drawn],
            "example_id": hash_ids(clip["clip_id"]),
        }

    def pair(_: tf.Tensor, group: tf.data.Dataset) -> tf.data.Dataset:
        return group.batch(2, drop_remainder=True)

    labelled = clips.filter(lambda clip: tf.size(clip["labels"]) > 0)
    windows = labelled.enumerate().map(window, num_parallel_calls=tf.data.AUTOTUNE)
    pairs = windows.group_by_window(lambda element: element["label"], pair, window_size=2)

    def joined(element: Tensors) -> Tensors:
        anchor_id = element["example_id"][0]
        return {
            "pcm": element["pcm"],
            "contents": element["contents"],
            "has_companion": tf.constant(True),
            "example_id": anchor_id,
        }

    return pairs.map(joined)


@contextlib.contextmanager
def too_many_labels_named() -> Iterator[None]:
    """Around code that reads `label_pairs`: a clip of more labels than there is room for becomes a UserError."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(rf"\[clip\] \[(.*?)\] \[({_TOO_MANY_LABELS})\]", error.message)
        if not found:
            raise
        raise UserError(f"clip {found[1]} {found[2]}: --method=labels cannot use it") from error


def _seed_of(seed: int, index: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.constant(seed, tf.int64), index])
