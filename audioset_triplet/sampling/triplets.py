"""Windows -> triplets, in graph and vectorised over the batch (Jansen et al. 2018, section 3).

A batch of window pairs comes in (`sampling.windows`): an anchor, and a positive window that is either another window of
the same recording or a window of another clip with a common label. Every row becomes one triplet, in one of two ways:
by one method, as published (the rows of each method are drawn, their number is fixed by the shares), or by all methods
at once (`combination="composed"`).
"""

from typing import Dict, NamedTuple, Sequence, Tuple, Union

import numpy as np
import tensorflow as tf

from audioset_triplet.config.triplet import METHODS, UNSUPERVISED_METHODS, SamplingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.media import pcm as samples
from audioset_triplet.sampling import draws, positives

# Methods whose positive is the positive window, which not every clip has.
POSITIVE_WINDOW_METHODS = ("proximity", "labels")


class TripletBatch(NamedTuple):
    """B triplets of features, each of the `feature_shape` of the front end.

    The group ids of a window are the ids of its recordings, and for label-based triplets of its classes too. Two
    windows that share a group id are never a negative pair. M is the number of ids per window; shorter lists repeat an
    id. The shares of a window say how much of its energy is of each of its group ids; they sum to 1. An absent negative
    is () and not None, which tf.distribute does not pass on to workers.
    """

    anchor: tf.Tensor  # float32 [B, *feature_shape]
    positive: tf.Tensor  # float32 [B, *feature_shape]
    negative: Union[tf.Tensor, Tuple[()]]  # float32 [B, *feature_shape], or () when negatives are mined in the batch
    anchor_group_ids: tf.Tensor  # int64 [B, M]
    positive_group_ids: tf.Tensor  # int64 [B, M']
    anchor_shares: tf.Tensor  # float32 [B, M]
    positive_shares: tf.Tensor  # float32 [B, M']
    method: tf.Tensor  # int32 [B], index into config.METHODS
    weight: tf.Tensor  # float32 [B], 0 where the method has no triplet for this row, else 1
    example_id: tf.Tensor  # int64 [B], the hash of the id of the anchor's clip (`records.example_ids`)


def require_bands(config: SamplingConfig, front_end: FrontEnd) -> None:
    """Raises a UserError unless the largest shift leaves a band of the front end."""
    if config.shift_bands >= front_end.num_bands:
        raise UserError(
            f"--shift_bands must be below the {front_end.num_bands} bands of the front end, not {config.shift_bands}."
        )


def shares_group(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Group ids [A, M], [B, M'] -> bool [A, B]: whether two windows have an id in common."""
    equal = first[:, tf.newaxis, :, tf.newaxis] == second[tf.newaxis, :, tf.newaxis, :]
    return tf.reduce_any(equal, axis=[2, 3])


@tf.autograph.experimental.do_not_convert
def draw_distractors(group_ids: tf.Tensor, candidates: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """For each row of `group_ids` [B, M] a uniformly drawn row of `candidates` [B, M'] with which it shares no id.

    Returns:
        int32 [B]; the row's own number where there is none (a batch of one recording).
    """
    allowed = ~shares_group(group_ids, candidates)  # [B, B]
    scores = draws.uniform(tf.shape(allowed), seed)
    drawn = tf.argmax(tf.where(allowed, scores, -1.0), axis=1, output_type=tf.int32)
    return tf.where(tf.reduce_any(allowed, axis=1), drawn, tf.range(group_ids.shape[0]))


def rows_per_method(batch_size: int, config: SamplingConfig) -> Dict[str, int]:
    """How many rows of a batch each method gets: the shares, rounded by largest remainder; proximity first."""
    if config.method != "joint":
        return {config.method: batch_size}
    exact = np.array(config.shares) / np.sum(config.shares) * batch_size
    counts = np.floor(exact).astype(int)
    for index in np.argsort(counts - exact, kind="stable")[: batch_size - counts.sum()]:
        counts[index] += 1
    rows = {method: int(count) for method, count in zip(UNSUPERVISED_METHODS, counts) if count}
    return {method: rows[method] for method in sorted(rows, key=lambda name: name not in POSITIVE_WINDOW_METHODS)}


@tf.autograph.experimental.do_not_convert
def sample_triplets(
    windows: Dict[str, tf.Tensor],
    config: SamplingConfig,
    front_end: FrontEnd,
    seed: tf.Tensor,
    with_negatives: bool,
) -> TripletBatch:
    """Makes one triplet of every row.

    Args:
        windows: `pcm` int16 [B, 2, S] anchor and positive window, `group_ids` int64 [B, 2, M], `has_positive_window`
            bool [B], `example_id` int64 [B]; B static.
        config: methods, how they are combined, shares and constants.
        front_end: of the triplets' features.
        seed: int [2]; the same seed gives the same triplets.
        with_negatives: whether each triplet brings a sampled negative (in mixing: the distractor).
    """
    sample = _composed_triplets if config.combination == "composed" else _single_triplets
    return sample(windows, config, front_end, seed, with_negatives)


def _single_triplets(
    windows: Dict[str, tf.Tensor],
    config: SamplingConfig,
    front_end: FrontEnd,
    seed: tf.Tensor,
    with_negatives: bool,
) -> TripletBatch:
    """Each row by one method."""
    batch_size = windows["pcm"].shape[0]
    order_seed, distractor_seed, positive_seed, end_seed = draws.split(seed, 4)
    counts = rows_per_method(batch_size, config)
    rows, methods = _assign_rows(windows["has_positive_window"], counts, order_seed)
    windows = {name: tf.gather(tensor, rows) for name, tensor in windows.items()}

    anchor_pcm, positive_pcm = tf.unstack(windows["pcm"], axis=1)
    anchor = front_end.energies(samples.tensor_to_waveform(anchor_pcm))  # [B, T, F]
    anchor_ids, positive_ids = tf.unstack(windows["group_ids"], axis=1)
    distractors = draw_distractors(anchor_ids, anchor_ids, distractor_seed)  # [B]
    distractor = tf.gather(anchor, distractors)
    has_distractor = distractors != tf.range(batch_size)
    alphas = config.mixing_alpha * positives.can_mix(anchor, distractor)
    is_mixture = methods == METHODS.index("mixing")
    added_ids = tf.where(is_mixture[:, tf.newaxis], tf.gather(anchor_ids, distractors), positive_ids)

    def positive_of(method: str, part: slice) -> tf.Tensor:
        if method == "noise":
            return positives.add_noise(anchor[part], config.noise_sigma, positive_seed)
        if method == "translation":
            shifts = positives.draw_shifts(counts[method], front_end.num_frames, config.shift_bands, positive_seed)
            return positives.translate(anchor[part], *shifts)
        if method == "mixing":
            return positives.mix(anchor[part], distractor[part], config.mixing_alpha)
        return front_end.energies(samples.tensor_to_waveform(positive_pcm[part]))

    ends = np.cumsum(list(counts.values()))
    positive = tf.concat(
        [positive_of(method, slice(end - counts[method], end)) for method, end in zip(counts, ends)], axis=0
    )
    batch = TripletBatch(
        anchor=front_end.features_of(anchor),
        positive=front_end.features_of(positive),
        negative=front_end.features_of(distractor) if with_negatives else (),
        anchor_group_ids=anchor_ids,
        positive_group_ids=tf.concat([positive_ids, added_ids], axis=1),
        anchor_shares=tf.ones_like(anchor_ids, tf.float32) / anchor_ids.shape[1],
        positive_shares=_shares(positive_ids, tf.where(is_mixture & has_distractor, alphas, 0.0)),
        method=methods,
        weight=tf.cast(
            (windows["has_positive_window"] | ~_is_one_of(methods, POSITIVE_WINDOW_METHODS))
            & (has_distractor | ~(is_mixture | with_negatives)),
            tf.float32,
        ),
        example_id=windows["example_id"],
    )
    # The methods are shuffled together, so that every replica's part of the batch has its share of each.
    end_order = draws.order(batch_size, end_seed)
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, end_order), batch)


def _composed_triplets(
    windows: Dict[str, tf.Tensor],
    config: SamplingConfig,
    front_end: FrontEnd,
    seed: tf.Tensor,
    with_negatives: bool,
) -> TripletBatch:
    """Each row by all methods: anchor and positive window, both mixed, translated, made noisy, filtered and amplified.

    The energy of the distractor is drawn like the shift and the noise, uniformly up to the constant. The two windows
    have different distractors: a common one would tell the pair from all others. Where a clip has no positive window
    the anchor takes its place.
    """
    batch_size = windows["pcm"].shape[0]
    seeds = draws.split(seed, 5)
    energies = front_end.energies(samples.tensor_to_waveform(windows["pcm"]))
    anchor, positive = tf.unstack(energies, axis=1)  # [B, T, F]
    anchor_ids, positive_ids = tf.unstack(windows["group_ids"], axis=1)
    pair_ids = tf.concat([anchor_ids, positive_ids], axis=1)
    anchor_distractors, positive_distractors = (draw_distractors(pair_ids, anchor_ids, one) for one in seeds[:2])
    all_anchor_ids = tf.concat([anchor_ids, tf.gather(anchor_ids, anchor_distractors)], axis=1)
    all_positive_ids = tf.concat([positive_ids, tf.gather(anchor_ids, positive_distractors)], axis=1)
    negatives = draw_distractors(tf.concat([all_anchor_ids, all_positive_ids], axis=1), anchor_ids, seeds[2])

    def augmented(energies: tf.Tensor, distractors: tf.Tensor, seed: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        """The features, and the alphas."""
        mixing_seed, shift_seed, noise_seed, filter_seed, level_seed = draws.split(seed, 5)
        distractor = tf.gather(anchor, distractors)
        alphas = draws.uniform([batch_size], mixing_seed, config.mixing_alpha)
        alphas *= positives.can_mix(energies, distractor)
        mixed = positives.mix(energies, distractor, alphas)
        shifts = positives.draw_shifts(batch_size, front_end.num_frames, config.shift_bands, shift_seed)
        changed = positives.add_noise(positives.translate(mixed, *shifts), config.noise_sigma, noise_seed)
        if config.filter_db:
            changed = positives.filter_bands(changed, config.filter_db, filter_seed)
        if config.level_db:
            changed = positives.change_level(changed, config.level_db, level_seed)
        return front_end.features_of(changed), alphas

    anchor_features, anchor_alphas = augmented(anchor, anchor_distractors, seeds[3])
    positive_features, positive_alphas = augmented(positive, positive_distractors, seeds[4])
    return TripletBatch(
        anchor=anchor_features,
        positive=positive_features,
        negative=front_end.features_of(tf.gather(anchor, negatives)) if with_negatives else (),
        anchor_group_ids=all_anchor_ids,
        positive_group_ids=all_positive_ids,
        anchor_shares=_shares(anchor_ids, anchor_alphas),
        positive_shares=_shares(positive_ids, positive_alphas),
        method=tf.fill([batch_size], METHODS.index(config.method)),
        weight=tf.cast((negatives != tf.range(batch_size)) | (not with_negatives), tf.float32),
        example_id=windows["example_id"],
    )


def _shares(group_ids: tf.Tensor, alphas: tf.Tensor) -> tf.Tensor:
    """The shares of a mixture, whose own ids come before those of the distractor: [B, M] ids, alphas [B] -> [B, 2M].

    Several ids of its own share alike.
    """
    others = alphas / (1.0 + alphas)
    count = group_ids.shape[1]
    return tf.repeat(tf.stack([1.0 - others, others], axis=1) / count, count, axis=1)


def _is_one_of(methods: tf.Tensor, names: Sequence[str]) -> tf.Tensor:
    indices = tf.constant([METHODS.index(name) for name in names])
    return tf.reduce_any(methods[:, tf.newaxis] == indices, axis=1)


def _assign_rows(has_positive: tf.Tensor, counts: Dict[str, int], seed: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    """The rows in a new order, int32 [B], in which each method has a run of rows, and the method of each, int32 [B].

    The order is random, except that rows without a positive window come last: the methods that need one stand first.
    """
    shuffled = draws.order(has_positive.shape[0], seed)
    lacking = tf.cast(~tf.gather(has_positive, shuffled), tf.int32)
    rows = tf.gather(shuffled, draws.stable_order(lacking))
    return rows, tf.constant(np.repeat([METHODS.index(method) for method in counts], list(counts.values())), tf.int32)
