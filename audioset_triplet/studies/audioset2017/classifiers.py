"""A row's classifier -> the scores of the windows of each evaluation set: train, export, score.

    OUTPUT/classifiers/seed0/resnet50/run, model, training.json, scores/SET
    OUTPUT/classifiers/seed0/resnet50/scores_of_training     of a row whose scores refine labels
    OUTPUT/classifiers/seed0/refined/refined                 the labels that they refine, and a page about them
    OUTPUT/embeddings/train, OUTPUT/embeddings/sets/SET      of --embedding_model

A stage is skipped if its output exists, and resumes if it was stopped.
"""

import dataclasses
import functools
import os
from typing import Dict, List, Mapping

import numpy as np
import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.embedding import EmbeddingConfig, EmbeddingModelConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.studies import AudioSet2017Config
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import splits
from audioset_triplet.evaluation.table import Cell, Measurement
from audioset_triplet.export import embedding_job, loaded_model, model_folder, saved_model
from audioset_triplet.frontend import registry
from audioset_triplet.labelling import refinement
from audioset_triplet.reports import refinement_page
from audioset_triplet.runs import classes, trained_networks
from audioset_triplet.store import window_scores
from audioset_triplet.studies.audioset2017 import evaluations, heads, rows, subsets
from audioset_triplet.studies.audioset2017.budgets import Budget, StepTimes
from audioset_triplet.studies.audioset2017.evaluation_sets import EvaluationSet
from audioset_triplet.studies.audioset2017.rows import Recipes
from audioset_triplet.training import classifier


def folder_of(output: str, row: str, seed: int) -> str:
    """The folder of the classifier of a row."""
    return os.path.join(output, "classifiers", f"seed{seed}", row)


@dataclasses.dataclass(frozen=True)
class Classifiers:
    """What all cells of the tables share."""

    config: AudioSet2017Config
    data: DataConfig  # to train on
    recipes: Recipes
    reference: str  # the row that is compared with
    sets: Mapping[str, EvaluationSet]
    budget: Budget

    def evaluate(self, cell: Cell) -> Measurement:
        """Does all stages of the cell that are not done yet; raises the UserErrors of each of them."""
        assert cell.seed is not None
        scores = self._scores(cell.row, cell.seed, self.sets[cell.split])
        return evaluations.measure(cell.task, scores, self.sets[cell.split], self._facts(cell.row, cell.seed))

    def check(self) -> None:
        """Reads what only evaluations need, before the training, which takes long.

        Raises:
            UserError: bad annotations, or an embedding model that gives no embeddings.
        """
        for one in self.sets.values():
            one.read_annotations()
        if self.config.embedding_model:
            loaded_model.load(EmbeddingModelConfig(model=self.config.embedding_model))

    @functools.cached_property
    def clips(self) -> List[ClipInfo]:
        """The labelled clips to train on, without recordings that are evaluated in any set."""
        config = self._config(self.reference, 0)
        evaluated = [clip for one in self.sets.values() for clip in one.clips]
        return classifier.usable_clips(classifier.training_clips(config), evaluated)

    def _facts(self, row: str, seed: int) -> Dict[str, float]:
        """Clips, and of a network steps and the seconds of a step, of the row's training."""
        path = os.path.join(self._folder(row, seed), "training.json")
        return {name: value for name, value in files.read_json_object(path).items() if value is not None}

    def _folder(self, row: str, seed: int) -> str:
        return folder_of(self.config.output, row, seed)

    def _config(self, row: str, seed: int) -> ClassifierConfig:
        """The config of a row, but for its steps."""
        config = self.recipes[row].config
        assert config is not None
        labels = config.labels
        if labels.frame_labels:
            labels = dataclasses.replace(labels, frame_labels=os.path.join(self._folder(row, seed), rows.FRAME_LABELS))
        training = dataclasses.replace(config.training, seed=seed)
        return dataclasses.replace(config, data=self.data, labels=labels, training=training)

    @property
    def _loss(self) -> str:
        """The loss that all clips together ask for: a few of them might ask for another one."""
        return classes.loss_for(len(clip.labels) for clip in self.clips)

    def _scores(self, row: str, seed: int, evaluated: EvaluationSet) -> str:
        """The folder of the window scores of a row on a set."""
        output = os.path.join(self._folder(row, seed), "scores", evaluated.name)
        if self.recipes[row].config is not None:
            _store("scores", self._exported(row, seed), evaluated.data, output)
        elif not window_scores.part_paths(output):
            self._score_embeddings(row, seed, evaluated, output)
        return output

    def _exported(self, row: str, seed: int) -> str:
        """The folder of the exported classifier of a row, trained to its end."""
        path = os.path.join(self._folder(row, seed), "model")
        model_folder.remove_leftovers(path)
        if not os.path.isdir(path):
            if self.recipes[row].refined_by:
                self._refine(row, seed)
            self._train(row, seed)
            trained = trained_networks.restore_model(os.path.join(self._folder(row, seed), "run"))
            front_end = registry.by_name(trained.config.network.front_end)
            saved_model.export(trained.network, path, front_end, {"weights": trained.path}, trained.class_names)
        return path

    def _train(self, row: str, seed: int) -> None:
        config, folder = self._config(row, seed), self._folder(row, seed)
        steps = self.budget.steps(self._config(config.network.architecture, 0), self.clips)
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, steps=steps))
        if config.loss.loss == "auto":
            config = dataclasses.replace(config, loss=dataclasses.replace(config.loss, loss=self._loss))
        clips = subsets.take(self.clips, self.recipes[row].share)
        times = StepTimes()
        tf.keras.backend.clear_session()  # frees the networks of other rows
        classifier.train(config, clips, os.path.join(folder, "run"), [times])
        self._write_facts(row, seed, {"training_clips": len(clips), "steps": steps, "step_seconds": times.mean_seconds})

    def _write_facts(self, row: str, seed: int, facts: Mapping[str, object]) -> None:
        os.makedirs(self._folder(row, seed), exist_ok=True)
        files.write_json(os.path.join(self._folder(row, seed), "training.json"), facts)

    def _refine(self, row: str, seed: int) -> None:
        """Writes the frame labels of a row, by the scores of another one."""
        folder = os.path.dirname(os.path.join(self._folder(row, seed), rows.FRAME_LABELS))
        if os.path.exists(os.path.join(folder, "report.html")):  # which is written last
            return
        refined_by = self.recipes[row].refined_by
        scores = os.path.join(self._folder(refined_by, seed), "scores_of_training")
        _store("scores", self._exported(refined_by, seed), self.data, scores)
        os.makedirs(folder, exist_ok=True)
        refined = refinement.refine(scores, (), self.config.refinement.threshold, folder)
        refinement_page.report(refined, self.data.data).write(folder)

    def _score_embeddings(self, row: str, seed: int, evaluated: EvaluationSet, output: str) -> None:
        """Trains a head on embeddings and writes its scores."""
        model = self.config.embedding_model
        folder = os.path.join(self.config.output, "embeddings")
        train, held_out = os.path.join(folder, "train"), os.path.join(folder, "sets", evaluated.name)
        _store("embeddings", model, self.data, train)
        _store("embeddings", model, evaluated.data, held_out)
        split = splits.read_split(train, (), held_out, ())
        chosen = {clip.clip_id for clip in subsets.take(self.clips, self.recipes[row].share)}
        labelled = split.usable & np.array([clip_id in chosen for clip_id in split.train.clip_ids])
        loaded = loaded_model.load(EmbeddingModelConfig(model=model))
        tf.keras.backend.clear_session()
        self._write_facts(row, seed, {"training_clips": int(labelled.sum())})
        heads.write_scores(split, labelled, heads.Head(self.config.head, seed), loaded, held_out, output)


def _store(what: str, model: str, data: DataConfig, output: str) -> None:
    """Embeds or scores the clips that the folder does not have yet, in this process."""
    done = f"{output}.json"
    if os.path.exists(done):
        return
    model_config = EmbeddingModelConfig(model=model)
    config = EmbeddingConfig(what=what, model=model_config, folds=tuple(data.folds), uses_gpu=False)
    summary = embedding_job.embed(data.data, output, config, RunnerConfig(num_workers=1))
    for reject in summary.rejects:
        raise UserError(reject.message)
    files.write_json(done, {"model": model, "clips": summary.num_clips + summary.num_before})
