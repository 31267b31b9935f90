"""The input of a run as `loop.train` uses it: a description to compare, batches, and names for failing examples.

Records are one input, stored embeddings (`training.stored_embeddings`) another.
"""

import contextlib
import dataclasses
import functools
from typing import (
    Any,
    Callable,
    Collection,
    ContextManager,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Protocol,
    Sequence,
)

import tensorflow as tf

from audioset_triplet.config.training import RecordsConfig, TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.media import decoding
from audioset_triplet.records import example_ids, globs, reading, skipping
from audioset_triplet.runs import manifest
from audioset_triplet.sampling import window_draws
from audioset_triplet.training import pipeline

# The part of a pipeline -> an endless stream of batches for `train_step`.
ReadBatches = Callable[[pipeline.Feed], tf.data.Dataset]


class RunInput(Protocol):
    """The input of a run. Nothing is read before `describe` is called."""

    def describe(self) -> Dict[str, Any]:
        """The data manifest, kept as data.json: a run resumes with the same input or not at all."""

    def splits(self) -> List[Dict[str, Any]]:
        """The splits of the input, for run.json (`manifest.splits`)."""

    def check(self, training: TrainingConfig) -> None:
        """Raises a UserError where batches cannot be made as this run needs them."""

    def batches(self, feed: pipeline.Feed) -> tf.data.Dataset:
        """The batches of one pipeline, endless; each has `example_id`, int64 [B] (`records.example_ids`)."""

    def names(self, ids: Collection[int], limit: int) -> List[str]:
        """The sources of some examples, as text: at most `limit`, each once."""

    def reading(self) -> ContextManager[None]:
        """Around all steps: damaged input is a UserError; at the end a line tells how much was skipped."""


class Records:
    """The clips of TFRecords."""

    def __init__(
        self,
        config: RecordsConfig,
        read_batches: ReadBatches,
        clip_ids: Optional[Sequence[str]] = None,
        with_frames: bool = False,
        digests: Optional[Mapping[str, str]] = None,
    ) -> None:
        """
        Args:
            config: the settings of the run.
            read_batches: makes the objective's batches.
            clip_ids: the clips that `read_batches` is restricted to; None: all of `config.data`.
            with_frames: clips need images.
            digests: of other files that the run learns from, by a name for the data manifest.
        """
        self._data, self._read_batches, self._clip_ids = config.data, read_batches, clip_ids
        self._with_frames, self._digests = with_frames, digests or {}

    @functools.cached_property
    def _files(self) -> List[str]:
        return globs.expand(self._data.data)

    @functools.cached_property
    def _skipped(self) -> skipping.SkippedRecords:
        return skipping.SkippedRecords(self._files)

    def describe(self) -> Dict[str, Any]:
        return {**manifest.describe(self._data.data, self._clip_ids), **self._digests}

    def splits(self) -> List[Dict[str, Any]]:
        return manifest.splits(self._data.data)

    def check(self, training: TrainingConfig) -> None:
        if self._data.data_service:
            if training.deterministic:
                raise UserError(
                    "--deterministic needs batches in one order, which those of --data_service do not have."
                )
            pipeline.require_service(self._data.data_service)
            if not decoding.DECODES_ANYWHERE:
                reading.require_samples(self._files)

    def batches(self, feed: pipeline.Feed) -> tf.data.Dataset:
        # The workers of a tf.data service cannot call into this process, which is how damaged records are skipped.
        skipped = None if self._data.data_service else self._skipped
        return self._read_batches(dataclasses.replace(feed, skipped=skipped))

    def names(self, ids: Collection[int], limit: int) -> List[str]:
        return example_ids.find_records(self._files, ids, limit)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        try:
            with reading.named_errors(self._files, self._with_frames), window_draws.naming_unusable_clips():
                yield
        finally:
            if self._skipped.count:
                count = self._skipped.count
                skipping.say(f"{count} damaged records were skipped (data_prep.inspect_tfrecords lists all damage).")
