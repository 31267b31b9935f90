"""The input of each objective: batches of triplets, of labelled windows, of instances or of audio-visual pairs.

files -> interleave -> parse -> shuffle -> repeat -> cut windows -> batch -> log-mel (triplets: sample) -> prefetch

and, with `--sampling_device=accelerator`, the same without log-mel and sampling, which the training step then does.
Triplets are made from whole batches, because mixtures and negatives need other clips. What the pipelines share is in
`training.pipeline`.
"""

from typing import Callable, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow as tf

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.classifier import BalanceConfig, ClassifierConfig
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.config.instances import InstanceConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.media import pcm as samples
from audioset_triplet.records import clip_labels
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.sampling import class_balance, image_augmentation, kept_windows, window_augmentation, windows
from audioset_triplet.sampling.kept_windows import KeptWindows
from audioset_triplet.sampling.triplets import TripletBatch, rows_per_method, sample_triplets
from audioset_triplet.store.weak_labels import WeakLabels
from audioset_triplet.training.pipeline import (
    AUGMENTATION,
    ONE_PIPELINE,
    Feed,
    NumRepeats,
    Pipeline,
    is_empty,
)


class LabelledBatch(NamedTuple):
    """B windows, as features, with the labels of their clips."""

    windows: tf.Tensor  # float32 [B, *feature_shape]
    targets: tf.Tensor  # float32 [B, C], 1 for the classes of the clip, else 0
    example_id: tf.Tensor  # int64 [B], the hash of the clip's id (`records.example_ids`)


class InstanceBatch(NamedTuple):
    """B windows, as features of T frames by F bands, with the numbers of their clips."""

    windows: tf.Tensor  # float32 [B, T, F]
    instances: tf.Tensor  # int32 [B], from 0 on
    example_id: tf.Tensor  # int64 [B], the hash of the clip's id (`records.example_ids`)


class WindowBatch(NamedTuple):
    """B pairs of windows from which triplets are to be made (`sampling.triplets`), M group ids each."""

    pcm: tf.Tensor  # int16 [B, 2, window samples], of several channels [B, 2, window samples, A]
    group_ids: tf.Tensor  # int64 [B, 2, M]
    has_positive_window: tf.Tensor  # bool [B]
    example_id: tf.Tensor  # int64 [B], the hash of the id of the anchor's clip (`records.example_ids`)
    seed: tf.Tensor  # int64 [B, 2], the same in every row, so that a part of a batch has it too


class AudioVisualBatch(NamedTuple):
    """B audio-visual pairs: a window of a recording, a positive window near it, and an image that is shown near it.

    Windows are features. What a run does not use is (), as in `TripletBatch`.
    """

    windows: tf.Tensor  # float32 [B, 2, *feature_shape]; [B, 1, ...] where no positive window is used
    has_positive_window: tf.Tensor  # bool [B]
    recordings: tf.Tensor  # int64 [B], a hash of the recording's id
    seconds: tf.Tensor  # float32 [B, 2], where the middles of the windows lie in the recording
    images: Union[tf.Tensor, Tuple[()]]  # uint8 [B, S, S, 3], RGB
    has_image: Union[tf.Tensor, Tuple[()]]  # bool [B]
    image_seconds: Union[tf.Tensor, Tuple[()]]  # float32 [B]
    targets: Union[tf.Tensor, Tuple[()]]  # float32 [B, C], 1 for the weak labels of the clip, else 0
    example_id: tf.Tensor  # int64 [B], the hash of the clip's id (`records.example_ids`)


def triplet_batches(
    config: TripletConfig, clip_ids: Optional[Sequence[str]] = None, feed: Feed = ONE_PIPELINE
) -> tf.data.Dataset:
    """An endless stream of `TripletBatch`es, or of the `WindowBatch`es that they are made of on an accelerator.

    Args:
        config: what to read and how to sample.
        clip_ids: only these clips; None: all.
        feed: the pipeline's part. Its batches are a device's: with all devices they are `config.training.batch_size`.

    Raises:
        UserError: no file matches, or no clip serves the method.
    """
    pipeline = Pipeline(config, feed, clip_ids)
    clips = pipeline.clips()
    if is_empty(_pairs(clips, config, pipeline.seed)):
        clip_labels.read(config.data.data, config.data.folds)  # says which folds there are
        raise UserError(f"--data={config.data.data} holds no clip that --method={config.sampling.method} can use.")

    def with_seed(step: tf.Tensor, batch: dict) -> WindowBatch:
        step_seed = tf.stack([tf.constant(pipeline.seed, tf.int64), step])
        return WindowBatch(**batch, seed=tf.tile(step_seed[tf.newaxis], [pipeline.num_rows, 1]))

    pairs = pipeline.separated(_pairs(pipeline.repeated(clips), config, pipeline.seed))
    batches = pipeline.batched(pairs).enumerate(pipeline.first_batch).map(with_seed)
    if config.sampling.sampling_device == "host":
        batches = batches.map(lambda batch: to_triplets(config, batch), num_parallel_calls=tf.data.AUTOTUNE)
    return pipeline.delivered(batches)


@tf.autograph.experimental.do_not_convert
def to_triplets(config: TripletConfig, batch: WindowBatch) -> TripletBatch:
    """The triplets of a batch, or of a device's part of it, whose number of rows is static."""
    windows = {name: getattr(batch, name) for name in ("pcm", "group_ids", "has_positive_window", "example_id")}
    with_negatives = config.loss.negatives == "sampled"
    return sample_triplets(
        windows, config.sampling, registry.by_name(config.network.front_end), batch.seed[0], with_negatives
    )


def labelled_batches(
    config: ClassifierConfig,
    classes: Sequence[int],
    learned: Sequence[ClipInfo],
    feed: Feed = ONE_PIPELINE,
    kept: Optional[KeptWindows] = None,
) -> tf.data.Dataset:
    """An endless stream of `LabelledBatch`es: from each clip one window at random on every pass.

    With `config.balance` clips come more or less often. What `config.augmentation` asks for is done to the batch of all
    devices of this pipeline, before it is divided among them.

    Args:
        config: what to read.
        classes: [C], class index of each column of the targets: all that the clips have.
        learned: only these clips, with the labels that they have here; without `config.labels.weak_labels` these are
            those of the records.
        feed: as for `triplet_batches`.
        kept: the windows to draw from, with their labels; None: all windows, with the labels of their clips.

    Raises:
        UserError: no file matches.
    """
    pipeline = Pipeline(config, feed, [clip.clip_id for clip in learned])
    front_end = pipeline.front_end
    columns = tf.constant(list(classes), tf.int64)
    num_repeats = _repeats(config.balance, classes, learned) if config.balance.class_balance == "repeat" else None

    def target(window: dict) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return window["pcm"], tf.reduce_any(columns[:, tf.newaxis] == window["labels"], axis=1), window["example_id"]

    def compute(step: tf.Tensor, rows: Tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> LabelledBatch:
        pcm, targets, example_id = rows
        features, targets = window_augmentation.augment(
            samples.tensor_to_waveform(pcm),
            tf.cast(targets, tf.float32),
            front_end,
            config.augmentation,
            pipeline.seed_of(step, AUGMENTATION),
        )
        return LabelledBatch(features, targets, example_id)

    clips = pipeline.clips()
    if config.labels.weak_labels:
        labels_of = _labels_of({clip.clip_id: clip.labels for clip in learned})
        clips = clips.map(lambda clip: {**clip, "labels": labels_of(clip["clip_id"])})
    repeated = pipeline.repeated(clips, num_repeats)
    if kept:
        examples = kept_windows.Sampler(kept, front_end).windows(repeated, pipeline.seed)
    else:
        examples = windows.random_windows(repeated, front_end, pipeline.seed, config.waveforms)
    examples = pipeline.separated(examples.map(target, num_parallel_calls=tf.data.AUTOTUNE))
    batches = pipeline.batched(examples).enumerate(pipeline.first_batch)
    return pipeline.delivered(batches.map(compute, num_parallel_calls=tf.data.AUTOTUNE))


def instance_batches(config: InstanceConfig, clip_ids: Sequence[str], feed: Feed = ONE_PIPELINE) -> tf.data.Dataset:
    """An endless stream of `InstanceBatch`es: from each clip one augmented window at random on every pass.

    Args:
        config: what to read.
        clip_ids: only these clips; the number of a clip is its place here.
        feed: as for `triplet_batches`.

    Raises:
        UserError: no file matches.
    """
    pipeline = Pipeline(config, feed, clip_ids)
    hashes = hash_ids(tf.constant(list(clip_ids), tf.string)).numpy()
    order = np.argsort(hashes)
    numbers, hashes = tf.constant(order, tf.int32), tf.constant(hashes[order])

    def compute(batch: dict) -> InstanceBatch:
        instances = tf.gather(numbers, tf.searchsorted(hashes, batch["example_id"]))
        features = pipeline.front_end.features(samples.tensor_to_waveform(batch["pcm"]))
        return InstanceBatch(features, instances, batch["example_id"])

    examples = windows.random_windows(
        pipeline.repeated(pipeline.clips()), pipeline.front_end, pipeline.seed, config.waveforms
    )
    examples = examples.map(lambda window: {name: window[name] for name in ("pcm", "example_id")})
    batches = pipeline.batched(pipeline.separated(examples))
    return pipeline.delivered(batches.map(compute, num_parallel_calls=tf.data.AUTOTUNE))


def _repeats(config: BalanceConfig, classes: Sequence[int], learned: Sequence[ClipInfo]) -> NumRepeats:
    weights = tf.constant(class_balance.label_weights([clip.labels for clip in learned], classes), tf.float32)
    columns = tf.constant(list(classes), tf.int64)
    return lambda clip, seed: class_balance.num_repeats(clip["labels"], columns, weights, config.max_repeats, seed)


def audio_visual_batches(
    config: CoincidenceConfig, weak_labels: Optional[WeakLabels] = None, feed: Feed = ONE_PIPELINE
) -> tf.data.Dataset:
    """An endless stream of `AudioVisualBatch`es: from each clip one audio-visual pair at random on every pass.

    Args:
        config: what to read; what only terms of weight 0 need is left out.
        weak_labels: the labels of some clips; None: there are no targets.
        feed: as for `triplet_batches`.

    Raises:
        UserError: no file matches, or no clip.
    """
    pipeline = Pipeline(config, feed)
    front_end = pipeline.front_end
    with_images = config.terms.av_weight > 0
    num_windows = 2 if config.terms.aa_weight > 0 else 1
    target = _targets_of(weak_labels) if weak_labels else None
    clips = pipeline.clips(with_frames=with_images)
    if is_empty(clips):
        clip_labels.read(config.data.data, config.data.folds)  # says which folds there are
        raise UserError(f"--data={config.data.data} holds no clip that can be used.")

    def compute(batch: dict) -> AudioVisualBatch:
        pcm = batch["pcm"][:, :num_windows]
        return AudioVisualBatch(
            windows=front_end.features(samples.tensor_to_waveform(pcm)),
            has_positive_window=batch["has_positive_window"],
            recordings=batch["recording"],
            seconds=batch["seconds"],
            images=batch["image"] if with_images else (),
            has_image=batch["has_image"] if with_images else (),
            image_seconds=batch["image_seconds"] if with_images else (),
            targets=batch["targets"] if target else (),
            example_id=batch["example_id"],
        )

    def finished(pair: dict) -> dict:
        clip_id, _, augmentation_seed = (pair.pop(name) for name in ("clip_id", "labels", "seed"))
        if with_images and config.image.augment_images:
            pair["image"] = image_augmentation.augment(pair["image"], augmentation_seed)
        return {**pair, "targets": target(clip_id)} if target else pair

    image_size = config.image.image_size if with_images else 0
    pairs = windows.audio_visual_pairs(
        pipeline.repeated(clips), front_end, pipeline.seed, config.terms.coincidence_seconds, image_size
    )
    pairs = pipeline.separated(pairs.map(finished, num_parallel_calls=tf.data.AUTOTUNE))
    return pipeline.delivered(pipeline.batched(pairs).map(compute, num_parallel_calls=tf.data.AUTOTUNE))


def _targets_of(weak_labels: WeakLabels) -> Callable[[tf.Tensor], tf.Tensor]:
    """Clip id (string []) -> float32 [C], 1 for its labels; all 0 for a clip without any."""
    classes = tf.constant(sorted(weak_labels.class_names), tf.int64)
    labels_of = _labels_of(weak_labels.labels)

    def target(clip_id: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.reduce_any(classes[:, tf.newaxis] == labels_of(clip_id), axis=1), tf.float32)

    return target


def _labels_of(labels: Mapping[str, Sequence[int]]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Clip id (string []) -> int64 [n], its class indices; empty for a clip without any."""
    clip_ids = list(labels)
    hashes = hash_ids(tf.constant(clip_ids, tf.string)).numpy()
    order = np.argsort(hashes)
    of_clips = [labels[clip_ids[row]] for row in order]
    values = tf.constant([label for of_clip in of_clips for label in of_clip], tf.int64)
    starts = tf.constant(np.cumsum([0, *map(len, of_clips)]), tf.int32)
    hashes = tf.constant(hashes[order])

    def labels_of(clip_id: tf.Tensor) -> tf.Tensor:
        first, end = (tf.searchsorted(hashes, hash_ids(clip_id)[tf.newaxis], side)[0] for side in ("left", "right"))
        return values[starts[first] : starts[end]]

    return labels_of


def _pairs(clips: tf.data.Dataset, config: TripletConfig, seed: int) -> tf.data.Dataset:
    if config.sampling.method == "labels":
        return windows.label_pairs(clips, registry.by_name(config.network.front_end), seed)
    pairs = windows.recording_pairs(
        clips, registry.by_name(config.network.front_end), seed, config.sampling.proximity_seconds
    )
    if set(rows_per_method(config.training.batch_size, config.sampling)) == {"proximity"}:
        return pairs.filter(lambda pair: pair["has_positive_window"])
    return pairs
