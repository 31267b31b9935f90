"""The steps that the input pipelines of all objectives share, from clips of records to batches of a device.

files -> interleave -> parse -> shuffle -> repeat -> windows -> batch -> features -> prefetch

Clips are shuffled before they are repeated, so that an epoch has every clip once; where the shuffle buffer has room for
all of them, they are read and parsed in the first epoch alone. Windows are cut before anything is computed, so that the
front end works on windows and not on whole clips. Each host has a pipeline of its own, of some of the files; or all
hosts take their batches from one tf.data service, among whose workers the files are divided.
"""

import dataclasses
import hashlib
import socket
from typing import Callable, Dict, Optional, Sequence

import tensorflow as tf

from audioset_triplet.config import options
from audioset_triplet.config.training import RecordsConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.records import example_ids, globs, scanning, skipping
from audioset_triplet.sampling import draws, window_draws

_SEED_STRIDE = 7_368_787  # between the seeds of two pipelines
_SEPARATING_BATCHES = 4  # over which the windows of a clip are spread

# What else than windows is drawn (`Pipeline.seed_of`).
REPEATS, AUGMENTATION = 1, 2

# A clip, and a seed (int64 [2]) of its own in every pass -> how often it comes in the pass, int64 [].
NumRepeats = Callable[[Dict[str, tf.Tensor], tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Feed:
    """The part of a run's input that one pipeline makes.

    Attributes:
        first_step: the step with which a resumed run begins. A deterministic run replays the windows before that step,
            without computing on them; any other run starts its data anew with another seed.
        context: how many pipelines there are (one for each host), which of them this is, and for how many devices.
        skipped: notes the damaged records that are skipped. None: they end the run.
    """

    first_step: int = 0
    context: tf.distribute.InputContext = tf.distribute.InputContext()
    skipped: Optional[skipping.SkippedRecords] = None


ONE_PIPELINE = Feed()  # all input of a run on one device


class Pipeline:
    """The steps of one pipeline, in the order in which an objective's input calls them.

    Attributes:
        front_end: of the windows.
        seed: of all that is drawn.
        first_batch: how many batches a resumed deterministic run skips.
    """

    def __init__(self, config: RecordsConfig, feed: Feed, clip_ids: Optional[Sequence[str]] = None) -> None:
        """
        Args:
            config: the settings of the run.
            feed: the part that this pipeline makes. With all devices its batches are `config.training.batch_size`.
            clip_ids: only these clips; None: all.
        """
        self._config, self._feed, self._clip_ids = config, feed, clip_ids
        self.front_end = registry.by_name(config.network.front_end)
        seed = config.training.seed + feed.context.input_pipeline_id * _SEED_STRIDE
        deterministic = config.training.deterministic
        self.first_batch, self.seed = (feed.first_step, seed) if deterministic else (0, seed + feed.first_step)

    @property
    def num_rows(self) -> int:
        """Rows of a batch of this pipeline, of all its devices."""
        return self._config.training.batch_size // self._feed.context.num_input_pipelines

    def clips(self, with_frames: bool = False) -> tf.data.Dataset:
        """The clips of this pipeline, once.

        Raises:
            UserError: no file matches, or records have a sample rate that the front end does not take.
        """
        config, context = self._config, self._feed.context
        files = globs.expand(config.data.data)
        window_draws.require_records(files, self.front_end)
        shard = (context.num_input_pipelines, context.input_pipeline_id)
        if config.data.data_service:  # which divides the files itself
            shard = (1, 0)
        clips = skipping.read_clips(
            files,
            config.data.folds,
            config.training.deterministic,
            self._feed.skipped,
            shard,
            with_frames,
            self.front_end.num_channels,
        )
        return clips if self._clip_ids is None else example_ids.only_clips(clips, self._clip_ids)

    def repeated(self, clips: tf.data.Dataset, num_repeats: Optional[NumRepeats] = None) -> tf.data.Dataset:
        """All clips without end, in another order on every pass, each as often as windows are cut from it.

        Args:
            clips: all clips, once.
            num_repeats: how often each comes in a pass; those of one clip are then spread by the shuffle buffer. None:
                once.
        """
        data = self._config.data
        if self._holds_all_clips():  # then they are read once
            clips = clips.cache()
        if num_repeats is None:
            clips = clips.shuffle(data.shuffle_clips, seed=self.seed).repeat()
        else:
            clips = self._with_repeats(clips.repeat(), num_repeats).shuffle(data.shuffle_clips, seed=self.seed)
        if data.windows_per_clip == 1:
            return clips
        return clips.flat_map(lambda clip: tf.data.Dataset.from_tensors(clip).repeat(data.windows_per_clip))

    def _holds_all_clips(self) -> bool:
        """Whether the shuffle buffer has room for all clips, as far as the size of files tells."""
        data = self._config.data
        if data.data_service:  # whose workers get other files on every pass
            return False
        if self._clip_ids is None:
            return scanning.hold_at_most(globs.expand(data.data), data.shuffle_clips)
        return len(self._clip_ids) <= data.shuffle_clips

    def _with_repeats(self, clips: tf.data.Dataset, num_repeats: NumRepeats) -> tf.data.Dataset:
        def repeat(index: tf.Tensor, clip: dict) -> tf.data.Dataset:
            return tf.data.Dataset.from_tensors(clip).repeat(num_repeats(clip, self.seed_of(index, REPEATS)))

        return clips.enumerate().flat_map(repeat)

    def seed_of(self, number: tf.Tensor, purpose: int) -> tf.Tensor:
        """The seed, int64 [2], of a draw for each clip or batch, other than those of windows (`sampling.windows`).

        Args:
            number: int64 [], counts the clips or batches.
            purpose: REPEATS or AUGMENTATION.
        """
        return draws.fold_in(tf.stack([tf.constant(self.seed, tf.int64), number]), purpose)

    def separated(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """Windows of one clip, which are no negatives of each other, out of each other's batch."""
        windows_per_clip = self._config.data.windows_per_clip
        if windows_per_clip == 1:
            return examples
        buffer_size = _SEPARATING_BATCHES * windows_per_clip * self._config.training.batch_size
        return examples.shuffle(buffer_size, seed=self.seed)

    def batched(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """Batches of `num_rows`, from the first that the run needs on."""
        return examples.batch(self.num_rows, drop_remainder=True).skip(self.first_batch)

    def delivered(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Batches of a device, from where the run has them made."""
        config, context = self._config, self._feed.context
        order = tf.data.Options()
        order.deterministic = config.training.deterministic
        batches = batches.with_options(order)
        if config.data.data_service:
            batches = batches.apply(self._service())
        if context.num_replicas_in_sync > context.num_input_pipelines:
            rows_of_device = config.training.batch_size // context.num_replicas_in_sync
            batches = batches.rebatch(rows_of_device, drop_remainder=True)
        return batches.prefetch(tf.data.AUTOTUNE)

    def _service(self) -> tf.data.Dataset:
        """The transformation by which the tf.data service makes a data set; all hosts of a run take from one job."""
        described = options.to_json(self._config), self._clip_ids, self._feed.first_step
        job = hashlib.sha256(repr(described).encode()).hexdigest()[:16]
        service = tf.data.experimental.service
        return service.distribute(service.ShardingPolicy.DYNAMIC, self._config.data.data_service, job_name=job)


def is_empty(dataset: tf.data.Dataset) -> bool:
    return not any(True for _ in dataset.take(1))


def require_service(address: str) -> None:
    """Raises a UserError unless something answers at the address of a tf.data service: TensorFlow would wait for it."""
    host, port = address[len("grpc://") :].split(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--data_service={address}: nothing answers there ({error}). Start experiments.serve_data."
        ) from error
