"""Clips -> streams of windows (`window_draws`): all of them, one with its labels, or an anchor and its positive window.

Shapes: S samples of a window; [S, A] takes the place of [S] where the front end has A channels.
"""

from typing import Tuple

import tensorflow as tf

from audioset_triplet.config.waveforms import RANDOM_CROP, WaveformConfig
from audioset_triplet.frontend import loudness
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.media import pcm as samples
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.sampling import waveform_augmentation, window_draws
from audioset_triplet.sampling.window_draws import Tensors, seed_of

# Wide enough for AudioSet, whose clips have at most a dozen labels.
MAX_LABELS = 16


@tf.autograph.experimental.do_not_convert
def successive_windows(clips: tf.data.Dataset, front_end: FrontEnd, batch_size: int) -> tf.data.Dataset:
    """All windows of all clips, once: clip ids (string [B]), features [B, *feature_shape] and loudness weights [B].

    Windows of a clip follow one another; an incomplete last one is dropped, a shorter clip is padded.
    """

    def windows_of(clip: Tensors) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        waveform = samples.tensor_to_waveform(window_draws.padded(clip, front_end))
        features = front_end.windows(waveform)
        count = tf.shape(features)[0]
        weights = loudness.weights(waveform, front_end.window_starts(count), front_end)
        return tf.repeat(clip["clip_id"], count), features, weights

    windows = clips.map(windows_of, num_parallel_calls=tf.data.AUTOTUNE).unbatch()
    return windows.batch(batch_size).prefetch(tf.data.AUTOTUNE)


@tf.autograph.experimental.do_not_convert
def random_windows(
    clips: tf.data.Dataset, front_end: FrontEnd, seed: int, config: WaveformConfig = RANDOM_CROP
) -> tf.data.Dataset:
    """A window from each clip, augmented as `config` asks, with the clip's labels.

    Elements: `pcm` int16 [S], `labels` int64 [n], `example_id` int64 [] (of the clip).
    """

    def window(index: tf.Tensor, clip: Tensors) -> Tensors:
        pcm = waveform_augmentation.random_window(clip, front_end, config, seed_of(seed, index))
        return {"pcm": pcm, "labels": clip["labels"], "example_id": hash_ids(clip["clip_id"])}

    return clips.enumerate().map(window, num_parallel_calls=tf.data.AUTOTUNE)


@tf.autograph.experimental.do_not_convert
def recording_pairs(clips: tf.data.Dataset, front_end: FrontEnd, seed: int, max_gap_seconds: float) -> tf.data.Dataset:
    """Two windows from each clip.

    Elements: `pcm` int16 [2, S], anchor and positive window; `group_ids` int64 [2, 1] (a hash of the recording's id);
    `has_positive_window` bool [], without which the second window is the first; `example_id` int64 [] (of the clip).
    """

    def pair(index: tf.Tensor, clip: Tensors) -> Tensors:
        pcm, _, has_positive = window_draws.window_and_positive(clip, front_end, max_gap_seconds, seed_of(seed, index))
        return {
            "pcm": pcm,
            "group_ids": tf.fill([2, 1], hash_ids(clip["recording_id"])),
            "has_positive_window": has_positive,
            "example_id": hash_ids(clip["clip_id"]),
        }

    return clips.enumerate().map(pair, num_parallel_calls=tf.data.AUTOTUNE)


@tf.autograph.experimental.do_not_convert
def audio_visual_pairs(
    clips: tf.data.Dataset, front_end: FrontEnd, seed: int, max_gap_seconds: float, image_size: int
) -> tf.data.Dataset:
    """Two windows from each clip, and an image that is shown near the first.

    Elements: `pcm` int16 [2, S] and `has_positive_window` bool [], drawn as in `recording_pairs`; `seconds` float32
    [2], the middles of both windows in the recording; `recording` int64 [], a hash of its id; `example_id` int64 [] (of
    the clip), `clip_id` string [], `labels` int64 [n], `seed` int64 [2] for further draws. With an `image_size` also
    `image` uint8 [image_size, image_size, 3], scaled, one of those that are shown at most `max_gap_seconds` from the
    middle of the first window; `image_seconds` float32 []; `has_image` bool [], without which it is black.

    Args:
        clips: parsed records; with an `image_size` they have frames.
        front_end: of the windows.
        seed: of all draws.
        max_gap_seconds: largest distance of positive window and image from the first window.
        image_size: pixels of a side; 0: no images.
    """

    def pair(index: tf.Tensor, clip: Tensors) -> Tensors:
        window_seed, image_seed, further_seed = tf.unstack(
            tf.random.experimental.stateless_split(seed_of(seed, index), 3)
        )
        pcm, starts, has_positive = window_draws.window_and_positive(clip, front_end, max_gap_seconds, window_seed)
        middles = tf.cast(starts + front_end.window_samples // 2, tf.float32) / front_end.sample_rate_hz
        windows = {
            "pcm": pcm,
            "has_positive_window": has_positive,
            "seconds": clip["start_seconds"] + middles,
            "recording": hash_ids(clip["recording_id"]),
            "example_id": hash_ids(clip["clip_id"]),
            "clip_id": clip["clip_id"],
            "labels": clip["labels"],
            "seed": further_seed,
        }
        if not image_size:
            return windows
        return {**windows, **_image_near(clip, middles[0], max_gap_seconds, image_size, image_seed)}

    return clips.enumerate().map(pair, num_parallel_calls=tf.data.AUTOTUNE)


def _image_near(clip: Tensors, seconds: tf.Tensor, max_gap_seconds: float, image_size: int, seed: tf.Tensor) -> Tensors:
    """One of the images that are shown near a time in the clip, as in `audio_visual_pairs`."""
    near = tf.where(tf.abs(clip["frame_seconds"] - seconds) <= max_gap_seconds)[:, 0]
    count = tf.size(near, tf.int64)
    drawn = tf.random.stateless_uniform([], seed, 0, tf.maximum(count, 1), tf.int64)

    def decoded() -> Tuple[tf.Tensor, tf.Tensor]:
        image = tf.io.decode_jpeg(clip["frames"][near[drawn]], channels=3)
        return _scaled(image, image_size), clip["start_seconds"] + clip["frame_seconds"][near[drawn]]

    def black() -> Tuple[tf.Tensor, tf.Tensor]:
        return tf.zeros([image_size, image_size, 3], tf.uint8), clip["start_seconds"]

    image, image_seconds = tf.cond(count > 0, decoded, black)
    return {
        "image": tf.ensure_shape(image, [image_size, image_size, 3]),
        "image_seconds": image_seconds,
        "has_image": count > 0,
    }


def _scaled(image: tf.Tensor, image_size: int) -> tf.Tensor:
    """uint8 [S, S, 3] -> [image_size, image_size, 3]; by areas, which averages where it makes smaller."""
    resized = tf.image.resize(image, [image_size, image_size], method="area")
    return tf.cast(tf.round(resized), tf.uint8)


@tf.autograph.experimental.do_not_convert
def label_pairs(clips: tf.data.Dataset, front_end: FrontEnd, seed: int) -> tf.data.Dataset:
    """Pairs of windows from two clips with a common label; clips without labels are left out.

    A clip with several labels is paired by one of them, drawn anew on every pass. A class with one clip is paired with
    itself. Elements: `pcm` int16 [2, S], `group_ids` int64 [2, 17] (the class indices, repeated to fill 16, and a hash
    of the recording's id: its clips may have other labels), `has_positive_window` bool [], always true,
    `example_id` int64 [] (of the anchor's clip alone).

    Raises:
        UserError: when run inside `window_draws.naming_unusable_clips`, on a clip of more than 16 labels.
    """

    def window(index: tf.Tensor, clip: Tensors) -> Tensors:
        window_seed, label_seed = tf.unstack(tf.random.experimental.stateless_split(seed_of(seed, index), 2))
        labels = clip["labels"]
        few_enough = window_draws.check(
            tf.size(labels) <= MAX_LABELS, clip, f"has more than {MAX_LABELS} labels: --method=labels cannot use it"
        )
        with tf.control_dependencies([few_enough]):
            labels = tf.identity(labels)
        recording = -1 - hash_ids(clip["recording_id"])  # negative: no class index
        drawn = tf.random.stateless_uniform([], label_seed, 0, tf.size(labels), tf.int32)
        return {
            "pcm": window_draws.random_window(clip, front_end, window_seed),
            "group_ids": tf.concat([tf.gather(labels, tf.range(MAX_LABELS) % tf.size(labels)), [recording]], 0),
            "label": labels[drawn],
            "example_id": hash_ids(clip["clip_id"]),
        }

    def pair(_: tf.Tensor, group: tf.data.Dataset) -> tf.data.Dataset:
        return group.batch(2, drop_remainder=True)

    labelled = clips.filter(lambda clip: tf.size(clip["labels"]) > 0)
    windows = labelled.enumerate().map(window, num_parallel_calls=tf.data.AUTOTUNE)
    pairs = windows.group_by_window(lambda element: element["label"], pair, window_size=2)

    def joined(element: Tensors) -> Tensors:
        return {
            "pcm": element["pcm"],
            "group_ids": element["group_ids"],
            "has_positive_window": tf.constant(True),
            "example_id": element["example_id"][0],
        }

    return pairs.map(joined)
