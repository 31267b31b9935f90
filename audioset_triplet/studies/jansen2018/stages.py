"""The stages of a cell of the table: train, export and embed what is missing, then evaluate."""

import dataclasses
import os
from typing import Mapping, Optional, Union

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.evaluation.table import Cell, Measurement
from audioset_triplet.records.splits import DataSplit
from audioset_triplet.studies.jansen2018 import networks, scratch
from audioset_triplet.studies.jansen2018.evaluations import Evaluations
from audioset_triplet.studies.jansen2018.rows import Configs

SHARED_EMBEDDINGS = {"log_mel_fc4": "log_mel"}  # row -> the row whose embeddings it takes


@dataclasses.dataclass(frozen=True)
class Stages:
    """What all cells of a table share."""

    output: str
    splits: Mapping[str, DataSplit]  # by name
    configs: Configs  # row -> how its network is trained; data and seed are the cell's
    evaluations: Evaluations

    def evaluate(self, cell: Cell) -> Measurement:
        """Does all stages of the cell that are not done yet; raises the UserErrors of each of them."""
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
        folder = os.path.join(self.output, run, row)
        return networks.embeddings_of(folder, row, split, config, self.evaluations.hop_seconds)

    def _config(self, cell: Cell) -> Union[TripletConfig, ClassifierConfig, None]:
        config = self.configs.get(cell.row)
        if config is None or cell.seed is None:
            return None
        training = dataclasses.replace(config.training, seed=cell.seed)
        return dataclasses.replace(config, data=self.splits[cell.split].train, training=training)
