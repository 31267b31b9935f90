"""A cell of the table, from whatever is there of it to its result."""

import dataclasses
import datetime
import os
import platform
import time
from typing import Dict, Optional, Union

import tensorflow as tf

import audioset_triplet
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.records.splits import DataSplit
from audioset_triplet.studies.cells import Cell, Result
from audioset_triplet.studies.jansen2018 import networks, scratch
from audioset_triplet.studies.jansen2018.evaluations import Evaluations, Measured
from audioset_triplet.studies.jansen2018.rows import Configs

SHARED_EMBEDDINGS = {"log_mel_fc4": "log_mel"}  # row -> the row whose embeddings it takes


@dataclasses.dataclass(frozen=True)
class Stages:
    """What all cells of a table share."""

    output: str
    splits: Dict[str, DataSplit]  # by name
    configs: Configs  # row -> how its network is trained; data and seed are the cell's
    evaluations: Evaluations

    def compute(self, cell: Cell) -> Result:
        """Does what the cell needs that is not done yet.

        Raises:
            UserError: what a stage raises, with the cell's name.
        """
        started = time.monotonic()
        try:
            found = self._measure(cell)
        except UserError as error:
            raise UserError(f"{cell}: {error}") from error
        seconds = round(time.monotonic() - started, 1)
        return Result(cell, **vars(found), seconds=seconds, made=_circumstances())

    def _measure(self, cell: Cell) -> Measured:
        split, config = self.splits[cell.split], self._config(cell)
        if not isinstance(config, ClassifierConfig):
            embeddings = self._embeddings(cell.run, SHARED_EMBEDDINGS.get(cell.row, cell.row), split, config)
            return self.evaluations.measure(cell.row, cell.task, embeddings.train_folder, embeddings.held_out_folder)
        folder = os.path.join(self.output, cell.run, cell.row)
        if cell.task == "classification":
            return scratch.classification(folder, config, split)
        log_mel = self._embeddings(cell.split, "log_mel", split, None)
        return scratch.few_labels(folder, config, split, log_mel, self.evaluations)

    def _embeddings(self, run: str, row: str, split: DataSplit, config: Optional[TripletConfig]) -> networks.Embeddings:
        return networks.embeddings_of(os.path.join(self.output, run, row), row, split, config)

    def _config(self, cell: Cell) -> Union[TripletConfig, ClassifierConfig, None]:
        config = self.configs.get(cell.row)
        if config is None or cell.seed is None:
            return None
        training = dataclasses.replace(config.training, seed=cell.seed)
        return dataclasses.replace(config, data=self.splits[cell.split].train, training=training)


def _circumstances() -> Dict[str, str]:
    num_gpus = len(tf.config.list_physical_devices("GPU"))
    versions = {
        "audioset-triplet": audioset_triplet.__version__,
        "TensorFlow": tf.__version__,
        "Python": platform.python_version(),
    }
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores, {num_gpus} GPUs",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
