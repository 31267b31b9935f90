"""Records -> batches of triplets, as one tf.data pipeline.

files -> interleave -> parse -> shuffle -> repeat -> cut windows -> batch -> sample triplets -> prefetch. Clips are
shuffled before they are repeated, so that an epoch sees every clip once; windows are cut before anything is computed,
so that the front end works on 0.96 s and not on whole clips; triplets are made from whole batches, because mixtures and
negatives need other clips.
"""

import tensorflow as tf

from audioset_triplet.config import TripletConfig
from audioset_triplet.data import records, windows
from audioset_triplet.errors import UserError
from audioset_triplet.sampling.triplets import rows_per_method, sample_triplets


def triplet_batches(config: TripletConfig, first_step: int = 0) -> tf.data.Dataset:
    """An endless stream of `TripletBatch`es.

    Args:
        config: what to read and how to sample.
        first_step: where a resumed run goes on. A deterministic run replays the windows of the steps before, without
            computing on them; any other run starts its data anew with another seed.

    Raises:
        UserError: no file matches, or no clip serves the method.
    """
    training = config.training
    skipped = first_step if training.deterministic else 0
    seed = training.seed if training.deterministic else training.seed + first_step

    files = records.expand_globs(config.data.data)
    clips = records.read_clips(files, config.data.folds, training.deterministic)
    where = f"--data={config.data.data}"
    if config.data.folds:
        where += f" --folds={','.join(map(str, config.data.folds))}"
    _require_any(clips, f"{where} holds no clip.")
    usable = _pairs(clips, config, seed)
    _require_any(usable, f"{where} holds no clip that --method={config.sampling.method} can use.")

    def sample(step: tf.Tensor, batch: dict) -> tuple:
        step_seed = tf.stack([tf.constant(seed, tf.int64), step])
        return sample_triplets(batch, config.sampling, step_seed, with_negatives=config.loss.negatives == "own")

    clips = clips.shuffle(config.data.shuffle_clips, seed=seed).repeat()
    batches = _pairs(clips, config, seed).batch(training.batch_size, drop_remainder=True)
    triplets = batches.enumerate().skip(skipped).map(sample, num_parallel_calls=tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.deterministic = training.deterministic
    return triplets.prefetch(tf.data.AUTOTUNE).with_options(options)


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
