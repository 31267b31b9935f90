"""A cell of the table, from whatever is there of it to its result."""

import dataclasses
import datetime
import os
import platform
import time
from typing import Dict

import tensorflow as tf

import audioset_triplet
from audioset_triplet.config import TripletConfig
from audioset_triplet.data.splits import DataSplit
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation.cells import Cell, Result
from experiments.jansen2018 import networks
from experiments.jansen2018.tasks import Evaluations

SHARED_EMBEDDINGS = {"log_mel_fc4": "log_mel"}  # row -> the row whose embeddings it takes


@dataclasses.dataclass(frozen=True)
class Stages:
    """What all cells of a table share."""

    output: str
    splits: Dict[str, DataSplit]  # by name
    configs: Dict[str, TripletConfig]  # row -> how its network is trained; data and seed are the cell's
    evaluations: Evaluations

    def compute(self, cell: Cell) -> Result:
        """Does what the cell needs that is not done yet.

        Raises:
            UserError: what a stage raises, with the cell's name.
        """
        started = time.monotonic()
        row = SHARED_EMBEDDINGS.get(cell.row, cell.row)
        folder, split = os.path.join(self.output, cell.run, row), self.splits[cell.split]
        try:
            found = networks.embeddings_of(folder, row, split, self._config(row, cell))
            values, class_values = self.evaluations.measure(
                cell.row, cell.task, found.train_folder, found.held_out_folder
            )
        except UserError as error:
            raise UserError(f"{cell}: {error}") from error
        return Result(
            cell=cell,
            values=values,
            class_average_precision={found.class_titles[label]: value for label, value in class_values.items()},
            num_clips=found.num_clips,
            clips_digest=found.clips_digest,
            seconds=round(time.monotonic() - started, 1),
            made=_circumstances(),
        )

    def _config(self, row: str, cell: Cell) -> TripletConfig:
        config = self.configs.get(row, TripletConfig())
        training = dataclasses.replace(config.training, seed=cell.seed or 0)
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
