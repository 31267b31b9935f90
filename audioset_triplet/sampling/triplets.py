"""Windows -> triplets, in graph and vectorised over the batch (Jansen et al. 2018, section 3).

A batch of window pairs comes in (`sampling.windows`): an anchor, and a companion that is either another
window of the same recording or a window of another clip with a common label. Every row becomes one triplet, in one of
two ways: by one method, as published (which rows get which is drawn, how many do is fixed by the shares), or by all
constraints at once (`combination="composed"`).
"""

from typing import Dict, List, NamedTuple, Sequence, Tuple, Union

import numpy as np
import tensorflow as tf

from audioset_triplet.config.triplet import METHODS, UNSUPERVISED_METHODS, SamplingConfig
from audioset_triplet.frontend import mel
from audioset_triplet.sampling import draws, positives

# Methods whose positive is the companion window, which not every clip has.
COMPANION_METHODS = ("proximity", "labels")


class TripletBatch(NamedTuple):
    """B triplets, as log-mel windows of T = 96 frames by F = 64 bands.

    `contents` say what is heard in a window, so that nothing is pushed away from itself: the ids of the recordings, and
    for label-based triplets the classes too. Two windows whose contents intersect are never taken for a negative pair.
    M is the number of ids per window; shorter lists repeat an id. An absent negative is () and not None, which
    tf.distribute does not pass on to workers.
    """

    anchor: tf.Tensor  # float32 [B, T, F]
    positive: tf.Tensor  # float32 [B, T, F]
    negative: Union[tf.Tensor, Tuple[()]]  # float32 [B, T, F], or () when negatives are mined in the batch
    anchor_contents: tf.Tensor  # int64 [B, M]
    positive_contents: tf.Tensor  # int64 [B, M]
    method: tf.Tensor  # int32 [B], index into config.METHODS
    weight: tf.Tensor  # float32 [B], 0 where the method has no triplet for this row, else 1
    example_id: tf.Tensor  # int64 [B], the hash of the id of the anchor's clip (`records.example_ids`)


def contents_intersect(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """[A, M], [B, M'] -> bool [A, B]: whether the two windows have anything in common."""
    equal = first[:, tf.newaxis, :, tf.newaxis] == second[tf.newaxis, :, tf.newaxis, :]
    return tf.reduce_any(equal, axis=[2, 3])


def draw_others(contents: tf.Tensor, candidates: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """For each row of `contents` [B, M] a uniformly drawn row of `candidates` [B, M'] with which it shares nothing.

    Returns:
        int32 [B]; the row's own number where there is none (a batch of one recording).
    """
    allowed = ~contents_intersect(contents, candidates)  # [B, B]
    scores = draws.uniform(tf.shape(allowed), seed)
    drawn = tf.argmax(tf.where(allowed, scores, -1.0), axis=1, output_type=tf.int32)
    return tf.where(tf.reduce_any(allowed, axis=1), drawn, tf.range(contents.shape[0]))


def rows_per_method(batch_size: int, config: SamplingConfig) -> Dict[str, int]:
    """How many rows of a batch each method gets: the shares, rounded by largest remainder; proximity first."""
    if config.method != "joint":
        return {config.method: batch_size}
    exact = np.array(config.shares) / np.sum(config.shares) * batch_size
    counts = np.floor(exact).astype(int)
    for index in np.argsort(counts - exact, kind="stable")[: batch_size - counts.sum()]:
        counts[index] += 1
    rows = {method: int(count) for method, count in zip(UNSUPERVISED_METHODS, counts) if count}
    return {method: rows[method] for method in sorted(rows, key=lambda name: name not in COMPANION_METHODS)}


def sample_triplets(
    windows: Dict[str, tf.Tensor], config: SamplingConfig, seed: tf.Tensor, with_negatives: bool
) -> TripletBatch:
    """Makes one triplet of every row.

    Args:
        windows: `pcm` int16 [B, 2, 15600] anchor and companion, `contents` int64 [B, 2, M], `has_companion` bool [B],
            `example_id` int64 [B]; B static.
        config: methods, how they are combined, shares and constants.
        seed: int [2]; the same seed gives the same triplets.
        with_negatives: whether each triplet brings a negative of its own (in mixing: the distractor).
    """
    if config.combination == "composed":
        return _sample_pairs(windows, config, seed, with_negatives)
    return _sample_rows(windows, config, seed, with_negatives)


def _sample_rows(
    windows: Dict[str, tf.Tensor], config: SamplingConfig, seed: tf.Tensor, with_negatives: bool
) -> TripletBatch:
    """Each row by one method."""
    batch_size = windows["pcm"].shape[0]
    order_seed, other_seed, positive_seed, end_seed = draws.split(seed, 4)
    counts = rows_per_method(batch_size, config)
    rows, methods = _assign_rows(windows["has_companion"], counts, order_seed)
    windows = {name: tf.gather(tensor, rows) for name, tensor in windows.items()}

    anchor = mel.mel_energies(mel.pcm_to_waveform(windows["pcm"][:, 0]))  # [B, T, F]
    anchor_contents, companion_contents = tf.unstack(windows["contents"], axis=1)
    others = draw_others(anchor_contents, anchor_contents, other_seed)  # [B]
    has_other = others != tf.range(batch_size)
    is_mixture = methods == METHODS.index("mixing")
    added_contents = tf.where(is_mixture[:, tf.newaxis], tf.gather(anchor_contents, others), companion_contents)

    batch = TripletBatch(
        anchor=mel.log_mel(anchor),
        positive=mel.log_mel(_positives(windows["pcm"][:, 1], anchor, others, counts, config, positive_seed)),
        negative=mel.log_mel(tf.gather(anchor, others)) if with_negatives else (),
        anchor_contents=anchor_contents,
        positive_contents=tf.concat([companion_contents, added_contents], axis=1),
        method=methods,
        weight=tf.cast(
            (windows["has_companion"] | ~_is_one_of(methods, COMPANION_METHODS))
            & (has_other | ~(is_mixture | with_negatives)),
            tf.float32,
        ),
        example_id=windows["example_id"],
    )
    # The sets are shuffled together, so that every replica's part of the batch has its share of each.
    end = draws.order(batch_size, end_seed)
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, end), batch)


def _sample_pairs(
    windows: Dict[str, tf.Tensor], config: SamplingConfig, seed: tf.Tensor, with_negatives: bool
) -> TripletBatch:
    """Each row by all constraints: anchor and companion, both mixed, then translated, then made noisy.

    How much is mixed in is drawn like the shift and the noise, evenly up to the constant. The two are mixed with
    distractors of their own: one that both share would tell them from all others. Where a clip has no companion the
    anchor's own window takes its place.
    """
    batch_size = windows["pcm"].shape[0]
    seeds = draws.split(seed, 5)
    anchor, companion = tf.unstack(mel.mel_energies(mel.pcm_to_waveform(windows["pcm"])), axis=1)  # [B, T, F]
    anchor_contents, companion_contents = tf.unstack(windows["contents"], axis=1)
    pair_contents = tf.concat([anchor_contents, companion_contents], axis=1)
    first_others, second_others = (draw_others(pair_contents, anchor_contents, one) for one in seeds[:2])
    first_contents = tf.concat([anchor_contents, tf.gather(anchor_contents, first_others)], axis=1)
    second_contents = tf.concat([companion_contents, tf.gather(anchor_contents, second_others)], axis=1)
    negatives = draw_others(tf.concat([first_contents, second_contents], axis=1), anchor_contents, seeds[2])

    def altered(energies: tf.Tensor, others: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        mixing_seed, shift_seed, noise_seed = draws.split(seed, 3)
        alphas = draws.uniform([batch_size], mixing_seed, config.mixing_alpha)
        mixed = positives.mix(energies, tf.gather(anchor, others), alphas)
        shifts = positives.draw_shifts(batch_size, anchor.shape[1], config.shift_bands, shift_seed)
        return mel.log_mel(positives.add_noise(positives.translate(mixed, *shifts), config.noise_sigma, noise_seed))

    return TripletBatch(
        anchor=altered(anchor, first_others, seeds[3]),
        positive=altered(companion, second_others, seeds[4]),
        negative=mel.log_mel(tf.gather(anchor, negatives)) if with_negatives else (),
        anchor_contents=first_contents,
        positive_contents=second_contents,
        method=tf.fill([batch_size], METHODS.index(config.method)),
        weight=tf.cast((negatives != tf.range(batch_size)) | (not with_negatives), tf.float32),
        example_id=windows["example_id"],
    )


def _is_one_of(methods: tf.Tensor, names: Sequence[str]) -> tf.Tensor:
    indices = tf.constant([METHODS.index(name) for name in names])
    return tf.reduce_any(methods[:, tf.newaxis] == indices, axis=1)


def _assign_rows(has_companion: tf.Tensor, counts: Dict[str, int], seed: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    """The rows in a new order, int32 [B], in which each method's rows lie together, and the method of each, int32 [B].

    The order is random, except that rows without a companion come last: the methods that need one stand first.
    """
    shuffled = draws.order(has_companion.shape[0], seed)
    lacking = tf.cast(~tf.gather(has_companion, shuffled), tf.int32)
    rows = tf.gather(shuffled, draws.stable_order(lacking))
    return rows, tf.constant(np.repeat([METHODS.index(method) for method in counts], list(counts.values())), tf.int32)


def _positives(
    companion_pcm: tf.Tensor,
    anchor: tf.Tensor,
    others: tf.Tensor,
    counts: Dict[str, int],
    config: SamplingConfig,
    seed: tf.Tensor,
) -> tf.Tensor:
    """The positives' energies [B, T, F], each method working on its own run of rows only."""
    made: List[tf.Tensor] = []
    start = 0
    for method, count in counts.items():
        part = slice(start, start + count)
        if method == "noise":
            made.append(positives.add_noise(anchor[part], config.noise_sigma, seed))
        elif method == "translation":
            shifts = positives.draw_shifts(count, anchor.shape[1], config.shift_bands, seed)
            made.append(positives.translate(anchor[part], *shifts))
        elif method == "mixing":
            made.append(positives.mix(anchor[part], tf.gather(anchor, others[part]), config.mixing_alpha))
        else:
            made.append(mel.mel_energies(mel.pcm_to_waveform(companion_pcm[part])))
        start += count
    return tf.concat(made, axis=0)
