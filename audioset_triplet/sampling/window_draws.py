"""A clip -> where its windows are: draws of starts, and the samples there.

Windows are cut before anything is computed on them, at any sample (not on a grid), so that every pass over the data
sees new ones. Silent windows (`frontend.loudness`) are avoided, because they teach nothing. Randomness is stateless:
the windows depend on the seed and on the position in the stream alone.

Shapes: L samples of a clip, S samples of a window. Those of A channels, [L, A] and [S, A], take the places of [L] and
[S] where the front end has several.
"""

import contextlib
import re
from typing import Any, Callable, Dict, Iterator, Sequence, Tuple

import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.frontend import loudness
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.media import pcm as samples
from audioset_triplet.records import reading, schema

_UNUSABLE = "unusable clip"  # begins the message of a failed check, before the clip's id

NUM_DRAWS = 16  # starts that are drawn, of which the first active one is used

Tensors = Dict[str, tf.Tensor]


def require_records(files: Sequence[str], front_end: FrontEnd) -> None:
    """Raises a UserError where the first record of a file has another sample rate or other channels than a front end.

    Later records are checked when they are read (`naming_unusable_clips`).
    """
    reading.require_format(files, front_end.sample_rate_hz, front_end.num_channels, f"front end {front_end.id}")


def smallest_gap_samples(front_end: FrontEnd) -> int:
    """Samples from a window to the next positive window: the two share no whole frame."""
    return max(front_end.hop_samples, front_end.window_samples - front_end.frame_samples)


def require_gap(name: str, max_gap_seconds: float, front_end: FrontEnd) -> None:
    """Raises a UserError unless the gap that the flag `name` allows is longer than the smallest one."""
    smallest_seconds = smallest_gap_samples(front_end) / front_end.sample_rate_hz
    if not max_gap_seconds > smallest_seconds:
        raise UserError(f"--{name} must be longer than a window, {smallest_seconds:g} s, not {max_gap_seconds:g}.")


def draw_starts(
    num_samples: tf.Tensor, front_end: FrontEnd, max_gap_seconds: float, seed: tf.Tensor, num_draws: int
) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Draws the starts of an anchor and of its positive window, `num_draws` times.

    The anchor is uniform over all starts that have a positive window, or over all starts if none has. The positive
    window is uniform over the starts that share no frame with the anchor and are less than `max_gap_seconds` away.

    Args:
        num_samples: int32 [], length of the clip, a window at least.
        front_end: of the windows.
        max_gap_seconds: largest distance of the two starts.
        seed: int [2].
        num_draws: n.

    Returns:
        Starts of anchors, starts of positive windows (int32 [n]), whether there is a positive window (bool [n]).
        Without one the second start is the first.
    """
    anchor_seed, positive_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    last = num_samples - front_end.window_samples
    min_gap = smallest_gap_samples(front_end)
    max_gap = int(min(max_gap_seconds * front_end.sample_rate_hz, tf.int32.max // 2)) - 1  # the sums below are int32

    # In a clip of two to three windows the starts in the middle have no positive window on either side.
    usable_each_side = last - min_gap + 1
    middle_is_unusable = (usable_each_side > 0) & (usable_each_side < min_gap)
    num_starts = tf.where(middle_is_unusable, 2 * usable_each_side, last + 1)
    anchor = tf.random.stateless_uniform([num_draws], anchor_seed, 0, num_starts, tf.int32)
    anchor += tf.where(middle_is_unusable & (anchor >= usable_each_side), min_gap - usable_each_side, 0)

    first_before, last_before = tf.maximum(0, anchor - max_gap), anchor - min_gap
    first_after, last_after = anchor + min_gap, tf.minimum(last, anchor + max_gap)
    num_before = tf.maximum(0, last_before - first_before + 1)
    num_after = tf.maximum(0, last_after - first_after + 1)
    has_positive = num_before + num_after > 0
    count = tf.maximum(1, num_before + num_after)
    # stateless_uniform takes one bound for all draws; the remainder of a large number is uniform to 2^-32.
    drawn = tf.random.stateless_uniform([num_draws], positive_seed, 0, tf.int64.max, tf.int64)
    drawn = tf.cast(drawn % tf.cast(count, tf.int64), tf.int32)
    positive = tf.where(drawn < num_before, first_before + drawn, first_after + drawn - num_before)
    return anchor, tf.where(has_positive, positive, anchor), has_positive


def padded(clip: Tensors, front_end: FrontEnd) -> tf.Tensor:
    """The samples of a clip, with silence after one that is shorter than a window: int16 [max(L, S)].

    It fails on a clip of another sample rate; one of other channels is not parsed.
    """
    taken = schema.format_text(front_end.sample_rate_hz, front_end.num_channels)
    advice = (
        f"Hz, and front end {front_end.id} takes {taken}: prepare it with --sample_rate_hz={front_end.sample_rate_hz}"
    )
    has_rate = tf.equal(clip["sample_rate_hz"], front_end.sample_rate_hz)
    with tf.control_dependencies([check(has_rate, clip, "has", clip["sample_rate_hz"], advice)]):
        pcm = tf.identity(clip["pcm"])
    missing = tf.maximum(0, front_end.window_samples - tf.shape(pcm)[0])
    return tf.pad(pcm, [[0, missing], *([0, 0] for _ in pcm.shape[1:])])


def check(condition: tf.Tensor, clip: Tensors, *message: Any) -> tf.Operation:
    """Fails where a condition does not hold; `naming_unusable_clips` tells the message."""
    return tf.debugging.Assert(condition, [_UNUSABLE, clip["clip_id"], *message])


def _window_at(pcm: tf.Tensor, start: tf.Tensor, front_end: FrontEnd) -> tf.Tensor:
    """int16 [L] -> [S], S static."""
    window = pcm[start : start + front_end.window_samples]
    return tf.ensure_shape(window, [front_end.window_samples, *pcm.shape[1:]])


def active_window(
    clip: Tensors, front_end: FrontEnd, draw: Callable[[tf.Tensor], tf.Tensor]
) -> Tuple[tf.Tensor, tf.Tensor]:
    """The first window of a clip, of some that are drawn, that is active; the first one if none is.

    Args:
        clip: a parsed record.
        front_end: of the window.
        draw: number of starts in the clip (int32 []) -> starts, int32 [draws].

    Returns:
        The window, int16 [S], and which draw it is, int64 [].
    """
    pcm = padded(clip, front_end)
    starts = draw(tf.shape(pcm)[0] - front_end.window_samples + 1)
    best = _most_active(pcm, front_end, starts)
    return _window_at(pcm, starts[best], front_end), best


def random_window(clip: Tensors, front_end: FrontEnd, seed: tf.Tensor) -> tf.Tensor:
    """An active window of a clip, at any start: int16 [S]."""
    pcm, _ = active_window(
        clip, front_end, lambda count: tf.random.stateless_uniform([NUM_DRAWS], seed, 0, count, tf.int32)
    )
    return pcm


def window_and_positive(
    clip: Tensors, front_end: FrontEnd, max_gap_seconds: float, seed: tf.Tensor
) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """An active anchor and positive window: int16 [2, S], their starts int32 [2], whether there is a positive, bool."""
    pcm = padded(clip, front_end)
    anchors, positives, have_positive = draw_starts(tf.shape(pcm)[0], front_end, max_gap_seconds, seed, NUM_DRAWS)
    best = _most_active(pcm, front_end, anchors, positives)
    starts = anchors[best], positives[best]
    return tf.stack([_window_at(pcm, start, front_end) for start in starts]), tf.stack(starts), have_positive[best]


def _most_active(pcm: tf.Tensor, front_end: FrontEnd, *starts: tf.Tensor) -> tf.Tensor:
    """The first draw with the most active windows, int64 [].

    Args:
        pcm: int16 [L], the clip.
        front_end: of the windows.
        starts: int32 [draws] each; draw i is the i-th start of each.
    """

    def among_all() -> tf.Tensor:
        waveform = samples.tensor_to_waveform(pcm)
        active = [loudness.is_active(waveform, draws, front_end) for draws in starts]
        return tf.argmax(tf.add_n([tf.cast(is_active, tf.int32) for is_active in active]))

    # It is usually the first draw, and the loudness of a whole clip costs more than to read the clip.
    first = tf.stack([pcm[loudness.samples_of_window(draws[0], front_end)] for draws in starts])
    all_active = tf.reduce_all(loudness.are_active(samples.tensor_to_waveform(first)))
    return tf.cond(all_active, lambda: tf.constant(0, tf.int64), among_all)


@contextlib.contextmanager
def naming_unusable_clips() -> Iterator[None]:
    """Around code that reads windows: a clip that cannot be used becomes a UserError that names it.

    That is one with another sample rate than the front end, or, in `windows.label_pairs`, with more labels than there
    is room for.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        match = re.search(rf"\[{_UNUSABLE}\]((?: \[[^\[\]]*\])+)", error.message)
        if not match:
            raise
        raise UserError(f"clip {' '.join(re.findall(r'[^][ ][^][]*', match[1]))}") from error


def seed_of(seed: int, index: tf.Tensor) -> tf.Tensor:
    """int64 [2], the seed of the clip with this number in a stream."""
    return tf.stack([tf.constant(seed, tf.int64), index])
