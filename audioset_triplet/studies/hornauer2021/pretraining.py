"""Pre-training by instance discrimination: which clips the network of a row learns from, and its run.

    OUTPUT/pretraining/all-without-esc50-fold4-seed0/run, cost.json

Rows and data sets whose networks learn from the same clips share a run.
"""

import contextlib
import dataclasses
import os
import time
from typing import FrozenSet, Iterator, Optional, Sequence

import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.instances import InstanceConfig
from audioset_triplet.errors import UserError
from audioset_triplet.runs import checkpoints, run_config
from audioset_triplet.studies.hornauer2021 import data_sets
from audioset_triplet.studies.hornauer2021.data_sets import DataSet, DataSets, HeldOut
from audioset_triplet.training import instances

SCRATCH, OWN, OTHERS, ALL, ALL_FOLDS, IMAGENET = "scratch", "own", "others", "all", "all_folds", "imagenet"
TITLES = {
    SCRATCH: "random weights",
    OWN: "instances of this data set, without the fold",
    OTHERS: "instances of the other data sets",
    ALL: "instances of all data sets, without the fold",
    ALL_FOLDS: "instances of all data sets and folds (Hornauer et al. 2021; transductive)",
    IMAGENET: "ImageNet",
}


@dataclasses.dataclass(frozen=True)
class Pretraining:
    """What a network learns from before it is fine-tuned."""

    name: str
    data: str  # globs
    clips: Sequence[ClipInfo]


def choose(row: str, held_out: HeldOut, sets: DataSets) -> Optional[Pretraining]:
    """The pre-training of a row for a held-out fold; None: there is none.

    Without the fold means: without every recording of it, in whichever data set its clips are. The fold of ESC-10 is
    left out as that of ESC-50, so that both have the same network. The other data sets are those that share no clip
    with the evaluated one, without its recordings.

    Args:
        row: one of TITLES.
        held_out: what the network is evaluated on.
        sets: the data sets that there are.

    Raises:
        UserError: no clips to learn from.
    """
    own = sets[held_out.data_set]
    if row == OWN:
        return _of(f"own-{own.name}-without-fold{held_out.fold}", [own], own.recordings(held_out.fold))
    every, whole = data_sets.distinct(sets), data_sets.whole(own.name, sets)
    if not own.recordings(held_out.fold) <= whole.recordings(held_out.fold):
        whole = own  # the larger set has other folds
    if row == OTHERS:
        others = [one for one in every if one.clip_ids.isdisjoint(own.clip_ids)]
        return _of(f"others-than-{whole.name}", others, frozenset(clip.recording_id for clip in whole.clips))
    if row == ALL:
        return _of(f"all-without-{whole.name}-fold{held_out.fold}", every, whole.recordings(held_out.fold))
    return _of("all-folds", every, frozenset()) if row == ALL_FOLDS else None


def _of(name: str, sets: Sequence[DataSet], left_out: FrozenSet[str]) -> Pretraining:
    clips = [clip for one in sets for clip in one.clips if clip.recording_id not in left_out]
    if not clips:
        raise UserError(
            f"pre-training {name}: there is no clip to learn from; give more --data_sets, or choose --only."
        )
    return Pretraining(name, ",".join(one.data for one in sets), clips)


@dataclasses.dataclass(frozen=True)
class Pretrainings:
    """The runs of pre-training in the folder of a study."""

    output: str
    config: InstanceConfig  # data and seed are the run's

    def workdir(self, name: str, seed: int) -> str:
        """The run directory of a pre-training."""
        return os.path.join(self._folder(name, seed), "run")

    def has_ended(self, name: str, seed: int) -> bool:
        """Whether the network has taken all its steps."""
        workdir = self.workdir(name, seed)
        return run_config.has_begun(workdir) and checkpoints.has_ended(workdir, run_config.read(workdir))

    def train(self, pretraining: Pretraining, seed: int) -> None:
        """Trains the network, or goes on with it; nothing where it has ended.

        Raises:
            Terminated, UserError: as for `instances.train`.
        """
        if self.has_ended(pretraining.name, seed):
            return
        tf.keras.backend.clear_session()  # frees the networks of other cells
        config = dataclasses.replace(
            self.config,
            data=dataclasses.replace(self.config.data, data=pretraining.data),
            training=dataclasses.replace(self.config.training, seed=seed),
        )
        print(f"pre-training {pretraining.name}, seed {seed}", flush=True)
        with self._measured(pretraining.name, seed):
            instances.train(config, pretraining.clips, self.workdir(pretraining.name, seed))

    def core_minutes(self, name: str, seed: int) -> Optional[float]:
        """Processor time of a pre-training, of all processes that took part but for those that were killed."""
        path = self._cost_path(name, seed)
        return files.read_json_object(path)["core_minutes"] if os.path.exists(path) else None

    @contextlib.contextmanager
    def _measured(self, name: str, seed: int) -> Iterator[None]:
        started = time.process_time()
        try:
            yield
        finally:
            if os.path.isdir(self._folder(name, seed)):
                minutes = (self.core_minutes(name, seed) or 0.0) + (time.process_time() - started) / 60
                files.write_json(self._cost_path(name, seed), {"core_minutes": round(minutes, 2)})

    def _folder(self, name: str, seed: int) -> str:
        return os.path.join(self.output, "pretraining", f"{name}-seed{seed}")

    def _cost_path(self, name: str, seed: int) -> str:
        return os.path.join(self._folder(name, seed), "cost.json")


def epochs(config: InstanceConfig, num_clips: int) -> float:
    """How often a pre-training of so many clips meets each of them."""
    return config.training.steps * config.training.batch_size / (num_clips * config.data.windows_per_clip)
