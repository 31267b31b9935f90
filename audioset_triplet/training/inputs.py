"""Records -> batches of triplets, of labelled windows or of moments, as one tf.data pipeline.

files -> interleave -> parse -> shuffle -> repeat -> cut windows -> batch -> log-mel (triplets: sample) -> prefetch

and, with `--sampling_device=accelerator`, the same without log-mel and sampling, which the training step then does.
Clips are shuffled before they are repeated, so that an epoch sees every clip once; windows are cut before anything is
computed, so that the front end works on 0.96 s and not on whole clips; triplets are made from whole batches, because
mixtures and negatives need other clips. Each host has a pipeline of its own, of some of the files; or all hosts take
their batches from one tf.data service, among whose workers the files are divided.
"""

import dataclasses
import hashlib
import socket
from typing import Callable, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow as tf

from audioset_triplet.config import options
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.config.training import RecordsConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import loudness, mel
from audioset_triplet.records import places, reading
from audioset_triplet.sampling import image_augmentation, windows
from audioset_triplet.sampling.triplets import TripletBatch, rows_per_method, sample_triplets
from audioset_triplet.store.weak_labels import WeakLabels

_SEEDS_APART = 7_368_787  # between two pipelines
_BATCHES_APART = 4


class LabelledBatch(NamedTuple):
    """B windows, as log-mel of T = 96 frames by F = 64 bands, with the labels of their clips."""

    windows: tf.Tensor  # float32 [B, T, F]
    targets: tf.Tensor  # float32 [B, C], 1 for the classes of the clip, else 0
    places: tf.Tensor  # int64 [B, 1, 2], where the clips lie (`data.places`)


class WindowBatch(NamedTuple):
    """B pairs of windows from which triplets are to be made (`sampling.triplets`), M ids of contents each."""

    pcm: tf.Tensor  # int16 [B, 2, 15600]
    contents: tf.Tensor  # int64 [B, 2, M]
    has_companion: tf.Tensor  # bool [B]
    places: tf.Tensor  # int64 [B, n, 2], where the clips of each pair lie (`data.places`)
    seed: tf.Tensor  # int64 [B, 2], the same in every row, so that a part of a batch has it too


class MomentBatch(NamedTuple):
    """B moments of recordings: a window, another one near it, and a picture that is shown near it.

    Sounds are log-mel of T = 96 frames by F = 64 bands. What a run does not use is (), as in `TripletBatch`.
    """

    windows: tf.Tensor  # float32 [B, 2, T, F]; [B, 1, T, F] where no companion is used
    has_companion: tf.Tensor  # bool [B]
    recordings: tf.Tensor  # int64 [B], a hash of the recording's id
    seconds: tf.Tensor  # float32 [B, 2], where the middles of the windows lie in the recording
    images: Union[tf.Tensor, Tuple[()]]  # uint8 [B, S, S, 3], RGB
    has_image: Union[tf.Tensor, Tuple[()]]  # bool [B]
    image_seconds: Union[tf.Tensor, Tuple[()]]  # float32 [B]
    targets: Union[tf.Tensor, Tuple[()]]  # float32 [B, C], 1 for the weak labels of the clip, else 0
    places: tf.Tensor  # int64 [B, 1, 2], where the clips lie (`data.places`)


@dataclasses.dataclass(frozen=True)
class Feed:
    """Which part of a run's input one pipeline makes, and from where on.

    Attributes:
        first_step: where a resumed run goes on. A deterministic run replays the windows of the steps before, without
            computing on them; any other run starts its data anew with another seed.
        context: how many pipelines there are (one for each host), which of them this is, and for how many devices.
        damage: notes the damaged records that are passed over. None: they end the run.
    """

    first_step: int = 0
    context: tf.distribute.InputContext = tf.distribute.InputContext()
    damage: Optional[places.Damage] = None


def triplet_batches(
    config: TripletConfig, clip_ids: Optional[Sequence[str]] = None, feed: Feed = Feed()
) -> tf.data.Dataset:
    """An endless stream of `TripletBatch`es, or of the `WindowBatch`es that they are made of on an accelerator.

    Args:
        config: what to read and how to sample.
        clip_ids: only these clips; None: all.
        feed: the pipeline's part. Its batches are a device's: with all devices they are `config.training.batch_size`.

    Raises:
        UserError: no file matches, or no clip serves the method.
    """
    skipped, seed = _resumption(config, feed)
    clips = _read_clips(config, clip_ids, feed)
    where = f"--data={config.data.data}"
    if config.data.folds:
        where += f" --folds={','.join(map(str, config.data.folds))}"
    _require_any(clips, f"{where} holds no clip.")
    usable = _pairs(clips, config, seed)
    _require_any(usable, f"{where} holds no clip that --method={config.sampling.method} can use.")
    num_rows = _rows_of_pipeline(config, feed)

    def with_seed(step: tf.Tensor, batch: dict) -> WindowBatch:
        step_seed = tf.stack([tf.constant(seed, tf.int64), step])
        return WindowBatch(**batch, seed=tf.tile(step_seed[tf.newaxis], [num_rows, 1]))

    pairs = _shuffled_apart(_pairs(_endless(clips, config, seed), config, seed), config, seed)
    batches = pairs.batch(num_rows, drop_remainder=True).enumerate().skip(skipped).map(with_seed)
    if config.sampling.sampling_device == "host":
        batches = batches.map(lambda batch: to_triplets(config, batch), num_parallel_calls=tf.data.AUTOTUNE)
    return _delivered(batches, config, clip_ids, feed)


def to_triplets(config: TripletConfig, batch: WindowBatch) -> TripletBatch:
    """The triplets of a batch, or of a device's part of it, whose number of rows is static."""
    windows = {name: getattr(batch, name) for name in ("pcm", "contents", "has_companion", "places")}
    return sample_triplets(windows, config.sampling, batch.seed[0], with_negatives=config.loss.negatives == "sampled")


def labelled_batches(
    config: ClassifierConfig, classes: Sequence[int], clip_ids: Sequence[str], feed: Feed = Feed()
) -> tf.data.Dataset:
    """An endless stream of `LabelledBatch`es: from each clip one window at random on every pass.

    Args:
        config: what to read.
        classes: [C], class index of each column of the targets: all that the clips have.
        clip_ids: only these clips, all of which have labels.
        feed: as for `triplet_batches`.

    Raises:
        UserError: no file matches.
    """
    skipped, seed = _resumption(config, feed)
    columns = tf.constant(list(classes), tf.int64)

    def target(window: dict) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return window["pcm"], tf.reduce_any(columns[:, tf.newaxis] == window["labels"], axis=1), window["places"]

    def compute(pcm: tf.Tensor, targets: tf.Tensor, clip_places: tf.Tensor) -> LabelledBatch:
        log_mel = mel.log_mel(mel.mel_energies(mel.pcm_to_waveform(pcm)))
        return LabelledBatch(log_mel, tf.cast(targets, tf.float32), clip_places)

    clips = _read_clips(config, clip_ids, feed)
    if len(clip_ids) <= config.data.shuffle_clips:  # the shuffle holds them all anyway: a few of many are found once
        clips = clips.cache()
    cut = windows.random_windows(_endless(clips, config, seed), seed)
    cut = _shuffled_apart(cut.map(target, num_parallel_calls=tf.data.AUTOTUNE), config, seed)
    batches = cut.batch(_rows_of_pipeline(config, feed), drop_remainder=True).skip(skipped)
    return _delivered(batches.map(compute, num_parallel_calls=tf.data.AUTOTUNE), config, clip_ids, feed)


def moment_batches(
    config: CoincidenceConfig, weak_labels: Optional[WeakLabels] = None, feed: Feed = Feed()
) -> tf.data.Dataset:
    """An endless stream of `MomentBatch`es, of each clip one moment on every pass.

    Args:
        config: what to read; terms of weight 0 say what is not needed.
        weak_labels: the labels of some clips; None: there are no targets.
        feed: as for `triplet_batches`.

    Raises:
        UserError: no file matches, or no clip.
    """
    skipped, seed = _resumption(config, feed)
    with_pictures = config.terms.av_weight > 0
    num_windows = 2 if config.terms.aa_weight > 0 else 1
    target = _targets_of(weak_labels) if weak_labels else None
    clips = _read_clips(config, None, feed, with_frames=with_pictures)
    _require_any(clips, f"--data={config.data.data} holds no clip of --folds={','.join(map(str, config.data.folds))}.")

    def compute(batch: dict) -> MomentBatch:
        pcm = batch["pcm"][:, :num_windows]
        return MomentBatch(
            windows=mel.log_mel(mel.mel_energies(mel.pcm_to_waveform(pcm))),
            has_companion=batch["has_companion"],
            recordings=batch["recording"],
            seconds=batch["seconds"],
            images=batch["picture"] if with_pictures else (),
            has_image=batch["has_picture"] if with_pictures else (),
            image_seconds=batch["picture_seconds"] if with_pictures else (),
            targets=batch["targets"] if target else (),
            places=batch["places"],
        )

    def finished(moment: dict) -> dict:
        clip_id, _, own_seed = (moment.pop(name) for name in ("clip_id", "labels", "seed"))
        if with_pictures and config.image.augment_images:
            moment["picture"] = image_augmentation.alter(moment["picture"], own_seed)
        return {**moment, "targets": target(clip_id)} if target else moment

    image_size = config.image.image_size if with_pictures else 0
    moments = windows.moments(_endless(clips, config, seed), seed, config.terms.coincidence_seconds, image_size)
    moments = _shuffled_apart(moments.map(finished, num_parallel_calls=tf.data.AUTOTUNE), config, seed)
    batches = moments.batch(_rows_of_pipeline(config, feed), drop_remainder=True).skip(skipped)
    return _delivered(batches.map(compute, num_parallel_calls=tf.data.AUTOTUNE), config, None, feed)


def _targets_of(weak_labels: WeakLabels) -> Callable[[tf.Tensor], tf.Tensor]:
    """Clip id (string []) -> float32 [C], 1 for its labels; all 0 for a clip without any."""
    columns = {index: column for column, index in enumerate(sorted(weak_labels.class_names))}
    clip_ids = list(weak_labels.labels)
    hashes = _hashes(tf.constant(clip_ids, tf.string)).numpy()
    order = np.argsort(hashes)
    lists = [[columns[label] for label in weak_labels.labels[clip_ids[row]]] for row in order]
    values = tf.constant([column for one in lists for column in one], tf.int32)
    ends = tf.constant(np.cumsum([0, *map(len, lists)]), tf.int32)
    hashes = tf.constant(hashes[order])

    def target(clip_id: tf.Tensor) -> tf.Tensor:
        own = _hashes(clip_id)[tf.newaxis]
        place, behind = (tf.searchsorted(hashes, own, side)[0] for side in ("left", "right"))
        found = values[ends[place] : ends[behind]]
        return tf.reduce_max(tf.one_hot(tf.concat([found, [-1]], 0), len(columns)), axis=0)

    return target


def successive_windows(data: str, folds: Sequence[int], batch_size: int) -> tf.data.Dataset:
    """All windows of all clips, once: clip ids (string [B]), log-mel windows [B, T, F] and weights in the clip [B].

    Windows of a clip lie one behind the other; an incomplete last one is dropped, a shorter clip is padded.
    """

    def cut(clip: dict) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        waveform = mel.pcm_to_waveform(windows.pad_to_window(clip["pcm"]))
        log_mel = mel.cut_windows(mel.log_mel(mel.mel_energies(waveform)))
        count = tf.shape(log_mel)[0]
        return tf.repeat(clip["clip_id"], count), log_mel, loudness.weights(waveform, mel.window_starts(count))

    clips = reading.read_clips(reading.expand_globs(data), folds, deterministic=True)
    return clips.map(cut, num_parallel_calls=tf.data.AUTOTUNE).unbatch().batch(batch_size).prefetch(tf.data.AUTOTUNE)


def require_service(address: str) -> None:
    """Raises a UserError unless something answers at the address of a tf.data service: TensorFlow would wait for it."""
    host, port = address[len("grpc://") :].split(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--data_service={address}: nothing answers there ({error}). Start experiments.serve_data."
        ) from error


def _read_clips(
    config: RecordsConfig, clip_ids: Optional[Sequence[str]], feed: Feed, with_frames: bool = False
) -> tf.data.Dataset:
    """The pipeline's part of the clips of the run's folds, of these ids alone; None: all."""
    files = reading.expand_globs(config.data.data)
    count, index = feed.context.num_input_pipelines, feed.context.input_pipeline_id
    if config.data.data_service:  # which divides the files itself
        count, index = 1, 0
    part, in_order = (count, index), config.training.deterministic
    clips = places.read_clips(files, config.data.folds, in_order, feed.damage, part, with_frames)
    if clip_ids is None:
        return clips
    wanted = tf.sort(_hashes(tf.constant(list(clip_ids), tf.string)))

    def is_wanted(clip: dict) -> tf.Tensor:
        own = _hashes(clip["clip_id"])[tf.newaxis]
        return tf.searchsorted(wanted, own, "right")[0] > tf.searchsorted(wanted, own, "left")[0]

    return clips.filter(is_wanted)


def _hashes(clip_ids: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_fast(clip_ids, tf.int64.max)


def _resumption(config: RecordsConfig, feed: Feed) -> Tuple[int, int]:
    """How many batches a pipeline of a resumed run skips, and the seed of its data."""
    seed = config.training.seed + feed.context.input_pipeline_id * _SEEDS_APART
    return (feed.first_step, seed) if config.training.deterministic else (0, seed + feed.first_step)


def _rows_of_pipeline(config: RecordsConfig, feed: Feed) -> int:
    return config.training.batch_size // feed.context.num_input_pipelines


def _endless(clips: tf.data.Dataset, config: RecordsConfig, seed: int) -> tf.data.Dataset:
    """All clips in another order on every pass, each as often as it is to be cut."""
    clips = clips.shuffle(config.data.shuffle_clips, seed=seed).repeat()
    if config.data.windows_per_clip == 1:
        return clips
    return clips.flat_map(lambda clip: tf.data.Dataset.from_tensors(clip).repeat(config.data.windows_per_clip))


def _shuffled_apart(cuts: tf.data.Dataset, config: RecordsConfig, seed: int) -> tf.data.Dataset:
    """Cuts of one clip, which are no negatives of each other, out of each other's batch."""
    if config.data.windows_per_clip == 1:
        return cuts
    return cuts.shuffle(_BATCHES_APART * config.data.windows_per_clip * config.training.batch_size, seed=seed)


def _delivered(
    batches: tf.data.Dataset, config: RecordsConfig, clip_ids: Optional[Sequence[str]], feed: Feed
) -> tf.data.Dataset:
    """In batches of a device, from where the run has them made."""
    order = tf.data.Options()
    order.deterministic = config.training.deterministic
    batches = batches.with_options(order)
    if config.data.data_service:
        described = options.to_json(config), clip_ids, feed.first_step
        job = hashlib.sha256(repr(described).encode()).hexdigest()[:16]  # all hosts of a run take from one job
        service = tf.data.experimental.service
        batches = batches.apply(
            service.distribute(service.ShardingPolicy.DYNAMIC, config.data.data_service, job_name=job)
        )
    num_devices = feed.context.num_replicas_in_sync
    if num_devices > feed.context.num_input_pipelines:
        batches = batches.rebatch(config.training.batch_size // num_devices, drop_remainder=True)
    return batches.prefetch(tf.data.AUTOTUNE)


def _pairs(clips: tf.data.Dataset, config: TripletConfig, seed: int) -> tf.data.Dataset:
    if config.sampling.method == "labels":
        return windows.label_pairs(clips, seed)
    pairs = windows.recording_pairs(clips, seed, config.sampling.proximity_seconds)
    if set(rows_per_method(config.training.batch_size, config.sampling)) == {"proximity"}:
        return pairs.filter(lambda pair: pair["has_companion"])
    return pairs


def _require_any(dataset: tf.data.Dataset, message: str) -> None:
    if not any(True for _ in dataset.take(1)):
        raise UserError(message)
