"""What a run learns from, as `runs.train` sees it: a description to compare, batches, and names for what is wrong.

Records are one source, embeddings on disk (`training.stored`) another.
"""

import contextlib
import dataclasses
import functools
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Optional, Protocol, Sequence, Tuple

import tensorflow as tf

from audioset_triplet.config.training import RecordsConfig, TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.records import places, reading
from audioset_triplet.runs import manifest
from audioset_triplet.sampling import windows
from audioset_triplet.training import pipeline

# The part of a pipeline -> an endless stream of what `train_step` takes.
ReadBatches = Callable[[pipeline.Feed], tf.data.Dataset]


class Source(Protocol):
    """What a run learns from. Nothing is read before `describe` is called."""

    def describe(self) -> Dict[str, Any]:
        """What tells it from others, kept as data.json: a run goes on with the same or not at all."""

    def splits(self) -> List[Dict[str, Any]]:
        """What run.json says of the splits that it consists of (`origin.splits`)."""

    def check(self, training: TrainingConfig) -> None:
        """Raises a UserError where batches cannot be made as this run needs them."""

    def batches(self, feed: pipeline.Feed) -> tf.data.Dataset:
        """The batches of one pipeline, endless; each has `places`, int64 [B, n, 2]."""

    def names(self, found: Sequence[Tuple[int, int]]) -> List[str]:
        """What lies at some places, in words."""

    def reading(self) -> ContextManager[None]:
        """Around all steps: what is wrong with the input is a UserError; at the end it says what was passed over."""


class Records:
    """The clips of TFRecords."""

    def __init__(
        self,
        config: RecordsConfig,
        read_batches: ReadBatches,
        clip_ids: Optional[Sequence[str]] = None,
        with_frames: bool = False,
    ) -> None:
        """
        Args:
            config: the settings of the run.
            read_batches: makes the objective's batches.
            clip_ids: the clips that `read_batches` is restricted to; None: all of `config.data`.
            with_frames: clips need pictures.
        """
        self._data, self._read_batches, self._clip_ids = config.data, read_batches, clip_ids
        self._with_frames = with_frames

    @functools.cached_property
    def _files(self) -> List[str]:
        return reading.expand_globs(self._data.data)

    @functools.cached_property
    def _damage(self) -> places.Damage:
        return places.Damage(self._files)

    def describe(self) -> Dict[str, Any]:
        return manifest.describe(self._data.data, self._clip_ids)

    def splits(self) -> List[Dict[str, Any]]:
        return manifest.splits(self._data.data)

    def check(self, training: TrainingConfig) -> None:
        if self._data.data_service:
            if training.deterministic:
                raise UserError(
                    "--deterministic needs batches in one order, which those of --data_service do not have."
                )
            pipeline.require_service(self._data.data_service)

    def batches(self, feed: pipeline.Feed) -> tf.data.Dataset:
        # The workers of a tf.data service cannot call into this process, which is how damage is passed over.
        damage = None if self._data.data_service else self._damage
        return self._read_batches(dataclasses.replace(feed, damage=damage))

    def names(self, found: Sequence[Tuple[int, int]]) -> List[str]:
        return places.names(self._files, found)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        try:
            with reading.named_errors(self._files, self._with_frames), windows.too_many_labels_named():
                yield
        finally:
            if self._damage.count:
                places.say(
                    f"{self._damage.count} damaged records were passed over (data_prep.inspect_tfrecords lists all "
                    "damage)."
                )
