"""One cell of the study: a classifier that is trained from a start on a split, measured after every epoch."""

import dataclasses
import math
import os
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple

import tensorflow as tf

from audioset_triplet.clips import ClipInfo, digest
from audioset_triplet.config.classifier import ClassifierConfig, StartConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import epoch_measures
from audioset_triplet.evaluation.table import Cell, Measurement
from audioset_triplet.frontend import registry
from audioset_triplet.records.splits import DataSplit
from audioset_triplet.runs import metrics_log
from audioset_triplet.studies import settings
from audioset_triplet.studies.finetuning import starts
from audioset_triplet.training import classifier, epoch_log
from audioset_triplet.training import starts as training_starts


class Training(NamedTuple):
    """What a cell is trained with."""

    config: ClassifierConfig
    clips: List[ClipInfo]
    evaluated: epoch_measures.EvaluatedClips


@dataclasses.dataclass(frozen=True)
class Classifiers:
    """What all cells share."""

    output: str
    base: ClassifierConfig  # data, start, steps and seed are the cell's
    splits: Mapping[str, DataSplit]  # by name
    start_of: Callable[[Cell], str]  # run directory or file of weights that the network of a cell starts from; or empty
    epochs: int

    def evaluate(self, cell: Cell) -> Measurement:
        """Trains the classifier of a cell, or goes on with it.

        `details` has `epochs`, the lines of epochs.jsonl, and `num_learned`, of the evaluated clips that the start has
        learned from (None: not known). Values are those after the last step.
        """
        tf.keras.backend.clear_session()  # frees the networks of other cells
        training, workdir = self._training(cell), self.workdir(cell)
        evaluated = training.evaluated.clips
        num_learned = starts.num_learned(training.config.start.start_from, evaluated)
        scores = epoch_measures.ClassifierScores(training.evaluated, workdir)
        classifier.train(training.config, training.clips, workdir, epochs=epoch_log.Epochs(scores))
        lines = metrics_log.read(workdir, metrics_log.EPOCHS)
        values = {name: [value] for name, value in lines[-1].items() if name not in ("epoch", "step")}
        details: Dict[str, Any] = {"epochs": lines, "num_learned": num_learned}
        clip_ids = [clip.clip_id for clip in evaluated]
        return Measurement(values, {}, len(clip_ids), digest(clip_ids), details)

    def require_starts(self, cells: Iterable[Cell]) -> None:
        """Raises a UserError where the start of a cell is missing, or of another network."""
        for folder in dict.fromkeys(map(self.start_of, cells)):
            if starts.is_imagenet(folder) and not os.path.exists(folder):
                raise UserError(f"{folder}: there are no such weights to start from.")
            if folder and not starts.is_imagenet(folder):
                training_starts.require(self.base.network, folder)

    def describe_training(self) -> Dict[str, Any]:
        """The settings that all cells share: epochs decide the steps, and a cell has its start."""
        training = settings.describe_training(self.base)
        del training["training"]["steps"], training["start"]["start_from"]
        return training

    def workdir(self, cell: Cell) -> str:
        """The run directory of a cell."""
        return os.path.join(self.output, cell.run, cell.row, "run")

    def _training(self, cell: Cell) -> Training:
        assert cell.seed is not None
        split, base = self.splits[cell.split], self.base
        start = self.start_of(cell)
        imagenet_weights, start_from = (start, "") if starts.is_imagenet(start) else ("", start)
        config = dataclasses.replace(
            base,
            data=split.train,
            start=StartConfig(start_from, base.start.trained_layers if start else "all"),
            network=dataclasses.replace(base.network, imagenet_weights=imagenet_weights),
        )
        front_end = registry.by_name(config.network.front_end)
        evaluated = epoch_measures.EvaluatedClips(split.held_out.data, split.held_out.folds, front_end)
        clips = classifier.usable_clips(classifier.training_clips(config), evaluated.clips)
        num_examples = self.epochs * len(clips) * config.data.windows_per_clip
        steps = math.ceil(num_examples / config.training.batch_size)
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, steps=steps, seed=cell.seed))
        return Training(config, clips, evaluated)
