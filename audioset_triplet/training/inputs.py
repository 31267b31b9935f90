"""Records -> batches of triplets or of labelled windows, as one tf.data pipeline.

files -> interleave -> parse -> shuffle -> repeat -> cut windows -> batch -> log-mel (triplets: sample) -> prefetch

and, with `--sampling_device=accelerator`, the same without log-mel and sampling, which the training step then does.
Clips are shuffled before they are repeated, so that an epoch sees every clip once; windows are cut before anything is
computed, so that the front end works on 0.96 s and not on whole clips; triplets are made from whole batches, because
mixtures and negatives need other clips.
"""

from typing import NamedTuple, Optional, Sequence, Tuple

import tensorflow as tf

from audioset_triplet.config import ClassifierConfig, RunConfig, TrainingConfig, TripletConfig
from audioset_triplet.data import records, windows
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import level, mel
from audioset_triplet.sampling.triplets import TripletBatch, rows_per_method, sample_triplets


class LabelledBatch(NamedTuple):
    """B windows, as log-mel of T = 96 frames by F = 64 bands, with the labels of their clips."""

    windows: tf.Tensor  # float32 [B, T, F]
    targets: tf.Tensor  # float32 [B, C], 1 for the classes of the clip, else 0


class WindowBatch(NamedTuple):
    """B pairs of windows from which triplets are to be made (`sampling.triplets`), M ids of contents each."""

    pcm: tf.Tensor  # int16 [B, 2, 15600]
    contents: tf.Tensor  # int64 [B, 2, M]
    has_companion: tf.Tensor  # bool [B]
    seed: tf.Tensor  # int64 [B, 2], the same in every row, so that a part of a batch has it too


def triplet_batches(
    config: TripletConfig, clip_ids: Optional[Sequence[str]] = None, first_step: int = 0
) -> tf.data.Dataset:
    """An endless stream of `TripletBatch`es, or of the `WindowBatch`es that they are made of on an accelerator.

    Args:
        config: what to read and how to sample.
        clip_ids: only these clips; None: all.
        first_step: where a resumed run goes on. A deterministic run replays the windows of the steps before, without
            computing on them; any other run starts its data anew with another seed.

    Raises:
        UserError: no file matches, or no clip serves the method.
    """
    training = config.training
    skipped, seed = _resumption(training, first_step)
    clips = _read_clips(config, clip_ids)
    where = f"--data={config.data.data}"
    if config.data.folds:
        where += f" --folds={','.join(map(str, config.data.folds))}"
    _require_any(clips, f"{where} holds no clip.")
    usable = _pairs(clips, config, seed)
    _require_any(usable, f"{where} holds no clip that --method={config.sampling.method} can use.")

    def with_seed(step: tf.Tensor, batch: dict) -> WindowBatch:
        step_seed = tf.stack([tf.constant(seed, tf.int64), step])
        return WindowBatch(**batch, seed=tf.tile(step_seed[tf.newaxis], [training.batch_size, 1]))

    clips = clips.shuffle(config.data.shuffle_clips, seed=seed).repeat()
    batches = _pairs(clips, config, seed).batch(training.batch_size, drop_remainder=True)
    batches = batches.enumerate().skip(skipped).map(with_seed)
    if config.sampling.sampling_device == "host":
        batches = batches.map(lambda batch: to_triplets(config, batch), num_parallel_calls=tf.data.AUTOTUNE)
    return _delivered(batches, training)


def to_triplets(config: TripletConfig, batch: WindowBatch) -> TripletBatch:
    """The triplets of a batch, or of a device's part of it, whose number of rows is static."""
    windows = {"pcm": batch.pcm, "contents": batch.contents, "has_companion": batch.has_companion}
    return sample_triplets(windows, config.sampling, batch.seed[0], with_negatives=config.loss.negatives == "own")


def labelled_batches(
    config: ClassifierConfig, classes: Sequence[int], clip_ids: Sequence[str], first_step: int = 0
) -> tf.data.Dataset:
    """An endless stream of `LabelledBatch`es: from each clip one window at random on every pass.

    Args:
        config: what to read.
        classes: [C], class index of each column of the targets: all that the clips have.
        clip_ids: only these clips, all of which have labels.
        first_step: as for `triplet_batches`.

    Raises:
        UserError: no file matches.
    """
    training = config.training
    skipped, seed = _resumption(training, first_step)
    columns = tf.constant(list(classes), tf.int64)

    def target(window: dict) -> Tuple[tf.Tensor, tf.Tensor]:
        return window["pcm"], tf.reduce_any(columns[:, tf.newaxis] == window["labels"], axis=1)

    def compute(pcm: tf.Tensor, targets: tf.Tensor) -> LabelledBatch:
        return LabelledBatch(mel.log_mel(mel.mel_energies(mel.pcm_to_waveform(pcm))), tf.cast(targets, tf.float32))

    clips = _read_clips(config, clip_ids)
    if len(clip_ids) <= config.data.shuffle_clips:  # the shuffle holds them all anyway: a few of many are found once
        clips = clips.cache()
    clips = clips.shuffle(config.data.shuffle_clips, seed=seed).repeat()
    cut = windows.random_windows(clips, seed).map(target, num_parallel_calls=tf.data.AUTOTUNE)
    batches = cut.batch(training.batch_size, drop_remainder=True).skip(skipped)
    return _delivered(batches.map(compute, num_parallel_calls=tf.data.AUTOTUNE), training)


def successive_windows(data: str, folds: Sequence[int], batch_size: int) -> tf.data.Dataset:
    """All windows of all clips, once: clip ids (string [B]), log-mel windows [B, T, F] and weights in the clip [B].

    Windows of a clip lie one behind the other; an incomplete last one is dropped, a shorter clip is padded.
    """

    def cut(clip: dict) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        waveform = mel.pcm_to_waveform(windows.pad_to_window(clip["pcm"]))
        log_mel = mel.cut_windows(mel.log_mel(mel.mel_energies(waveform)))
        count = tf.shape(log_mel)[0]
        return tf.repeat(clip["clip_id"], count), log_mel, level.weights(waveform, mel.window_starts(count))

    clips = records.read_clips(records.expand_globs(data), folds, deterministic=True)
    return clips.map(cut, num_parallel_calls=tf.data.AUTOTUNE).unbatch().batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _read_clips(config: RunConfig, clip_ids: Optional[Sequence[str]]) -> tf.data.Dataset:
    """The clips of the run's folds, of these ids alone; None: all."""
    files = records.expand_globs(config.data.data)
    clips = records.read_clips(files, config.data.folds, config.training.deterministic)
    if clip_ids is None:
        return clips
    wanted = tf.sort(_hashes(tf.constant(list(clip_ids), tf.string)))

    def is_wanted(clip: dict) -> tf.Tensor:
        own = _hashes(clip["clip_id"])[tf.newaxis]
        return tf.searchsorted(wanted, own, "right")[0] > tf.searchsorted(wanted, own, "left")[0]

    return clips.filter(is_wanted)


def _hashes(clip_ids: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_fast(clip_ids, tf.int64.max)


def _resumption(training: TrainingConfig, first_step: int) -> Tuple[int, int]:
    """How many batches a run that goes on after `first_step` skips, and the seed of its data."""
    return (first_step, training.seed) if training.deterministic else (0, training.seed + first_step)


def _delivered(batches: tf.data.Dataset, training: TrainingConfig) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = training.deterministic
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)


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
