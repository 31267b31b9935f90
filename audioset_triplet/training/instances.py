"""The objective instances: an embedding learns to tell every clip from all others, without labels.

Wu et al. 2018 (NPID), Hornauer et al. 2021. The network is that of the objective triplet.
"""

import functools
import sys
from typing import Any, List, Optional, Sequence

import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.instances import InstanceConfig, InstanceLossConfig
from audioset_triplet.errors import UserError
from audioset_triplet.losses import instance_discrimination
from audioset_triplet.losses.instance_discrimination import InstanceTerms
from audioset_triplet.models import imagenet_weights, networks
from audioset_triplet.models.memory_bank import MEMORY_BANK, MemoryBank
from audioset_triplet.plurals import counted
from audioset_triplet.runs import instances
from audioset_triplet.sampling import draws
from audioset_triplet.training import epoch_log, inputs, loop, run_inputs
from audioset_triplet.training.objective import ObjectiveModel, Terms


def learned_clips(clips: Sequence[ClipInfo], evaluated: Sequence[ClipInfo], transductive: bool) -> List[ClipInfo]:
    """The clips to learn from; prints how many are of recordings that are evaluated.

    Args:
        clips: those that there are.
        evaluated: those whose labels are to be predicted.
        transductive: whether to learn from clips of evaluated recordings too; no labels are used.

    Raises:
        UserError: all clips are of evaluated recordings, and they are left out.
    """
    recordings = {clip.recording_id for clip in evaluated}
    others = [clip for clip in clips if clip.recording_id not in recordings]
    if len(others) < len(clips):
        what = "learned from too, without labels" if transductive else "left out"
        print(
            f"{len(clips) - len(others)} of {counted(len(clips), 'clip')} are of evaluated recordings: {what}.",
            file=sys.stderr,
        )
    if not others and not transductive:
        raise UserError("every clip to learn from is of a recording that is evaluated: choose other folds.")
    return list(clips) if transductive else others


def train(
    config: InstanceConfig,
    clips: Sequence[ClipInfo],
    workdir: str,
    epochs: Optional[epoch_log.Epochs] = None,
) -> None:
    """Trains an embedding in `workdir`, or goes on there (`loop.train`).

    instances.json has the clips of the rows of the memory bank.

    Args:
        config: the settings.
        clips: those of `config.data` to learn from; their order does not matter.
        workdir: the run directory.
        epochs: what is measured after epochs; None: nothing.

    Raises:
        Terminated, UserError: as for `loop.train`; the run began with other clips; there is one clip alone.
    """
    if len(clips) < 2:
        raise UserError(f"--data={config.data.data}: one clip alone is told from no other; give two at least.")
    clip_ids = sorted(clip.clip_id for clip in clips)
    source = run_inputs.Records(config, functools.partial(inputs.instance_batches, config, clip_ids), clip_ids)
    epochs = epochs.of(len(clip_ids) * config.data.windows_per_clip) if epochs else None
    loop.train(config, workdir, functools.partial(_build_model, config, clip_ids, workdir), source, epochs=epochs)


def _build_model(config: InstanceConfig, clip_ids: List[str], workdir: str) -> "InstanceModel":
    if distribution.is_chief(tf.distribute.get_strategy()):
        instances.write(workdir, clip_ids)
    network = networks.build_embedding(config.network, networks.feature_shape(config.network))
    imagenet_weights.load(network, config.network)
    bank = MemoryBank(len(clip_ids), config.network.embedding_size, config.training.seed)
    num_rows = config.training.batch_size // tf.distribute.get_strategy().num_replicas_in_sync
    return InstanceModel(network, bank, config.loss, config.training.seed, num_rows=num_rows)


class InstanceModel(ObjectiveModel):
    """Trains `network` (windows [B, T, F] -> unit embeddings [B, D]) on `InstanceBatch`es.

    A step compares the windows with the bank as it was before; then the rows of their clips move. Negatives are drawn
    for the batch of all devices, so that a step does not depend on how many there are.

    Metrics: `accuracy` (share of windows to which no row that they are compared with is nearer than that of their own
    clip) and `similarity` (mean product with that row).
    """

    def __init__(
        self, network: tf.keras.Model, bank: MemoryBank, config: InstanceLossConfig, seed: int, **options: Any
    ) -> None:
        """
        Args:
            network: see above.
            bank: a row for each clip.
            config: the loss.
            seed: of the negatives.
            options: of `ObjectiveModel`.
        """
        super().__init__({"network": network}, ("accuracy", "similarity"), state={MEMORY_BANK: bank}, **options)
        self._bank, self._config, self._seed = bank, config, seed

    def terms(self, batch: inputs.InstanceBatch) -> Terms:
        embeddings = self.submodels["network"](batch.windows, training=True)
        compare = self._with_some if self._config.num_negatives else self._with_all
        terms = compare(embeddings, batch.instances)
        self._bank.update(batch.instances, embeddings, self._config.bank_momentum)
        metrics = {"accuracy": terms.is_nearest, "similarity": terms.similarity}
        return Terms(terms.loss, tf.ones_like(terms.loss), metrics)

    def _with_all(self, embeddings: tf.Tensor, rows: tf.Tensor) -> InstanceTerms:
        bank = tf.convert_to_tensor(self._bank.rows)
        return instance_discrimination.softmax(embeddings, bank, rows, self._config.temperature)

    def _with_some(self, embeddings: tf.Tensor, rows: tf.Tensor) -> InstanceTerms:
        compared = tf.concat([rows[:, tf.newaxis], self._negatives(tf.shape(rows)[0])], axis=1)
        vectors = tf.gather(self._bank.rows, compared)
        similarities = instance_discrimination.similarities_to(embeddings, vectors)
        temperature = self._config.temperature
        normalizer = self._bank.fix_normalizer(similarities, temperature)
        return instance_discrimination.noise_contrastive(
            similarities, self._bank.num_instances, temperature, normalizer
        )

    def _negatives(self, num_windows: tf.Tensor) -> tf.Tensor:
        """int32 [B, K], rows of the bank for this device's windows."""
        context = tf.distribute.get_replica_context()
        first = context.replica_id_in_sync_group * num_windows
        seed = tf.stack([tf.constant(self._seed, tf.int64), tf.cast(self.optimizer.iterations, tf.int64)])
        shape = [context.num_replicas_in_sync * num_windows, self._config.num_negatives]
        return draws.integers(shape, seed, 0, self._bank.num_instances)[first : first + num_windows]
