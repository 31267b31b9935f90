"""Carries out a cell of experiments.reproduce_jansen2018: train, export, embed, evaluate.

    OUTPUT/fold4-seed0/joint/run, model, embeddings/{train,held_out}, embeddings.json, retrieval.json, ...

Each stage is left out where its product is there, and goes on where it was stopped.
"""

import dataclasses
import datetime
import hashlib
import json
import os
import platform
import time
from typing import Any, Dict, Set, Tuple

import tensorflow as tf

import audioset_triplet
from audioset_triplet import files
from audioset_triplet.config import DataConfig, TripletConfig
from audioset_triplet.data import embeddings, records
from audioset_triplet.data.splits import Split
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import retrieval
from audioset_triplet.evaluation.cells import Cell, Result
from audioset_triplet.export import embedder, saved_model
from audioset_triplet.models import checkpoints
from audioset_triplet.models.baselines import build_log_mel
from audioset_triplet.models.resnet import build_resnet50
from audioset_triplet.training import triplet
from experiments.tasks import Evaluations

WINDOWS_PER_CALL = 64
SHARED_EMBEDDINGS = {"log_mel_fc4": "log_mel"}  # row -> the row whose embeddings it takes


@dataclasses.dataclass(frozen=True)
class Stages:
    """What all cells of a table share."""

    output: str
    splits: Dict[str, Split]  # by name
    configs: Dict[str, TripletConfig]  # row -> how its network is trained; data and seed are the cell's
    evaluations: Evaluations

    def compute(self, cell: Cell) -> Result:
        """Does what the cell needs that is not done yet.

        Raises:
            UserError: what a stage raises, with the cell's name.
        """
        started = time.monotonic()
        try:
            facts = self._embeddings(cell)
            folders = [os.path.join(self._folder(cell), "embeddings", part) for part in ("train", "held_out")]
            values, class_values = self.evaluations.measure(cell, *folders)
        except UserError as error:
            raise UserError(f"{cell}: {error}") from error
        return Result(
            cell=cell,
            values=values,
            class_average_precision={facts["class_titles"][str(label)]: v for label, v in class_values.items()},
            num_clips=facts["num_clips"],
            clips_digest=facts["clips_digest"],
            seconds=round(time.monotonic() - started, 1),
            made=_circumstances(),
        )

    def _folder(self, cell: Cell) -> str:
        return os.path.join(self.output, cell.run, SHARED_EMBEDDINGS.get(cell.row, cell.row))

    def _embeddings(self, cell: Cell) -> Dict[str, Any]:
        """What is known of the embeddings of the cell's row, which are made first where they are not complete."""
        folder, split = self._folder(cell), self.splits[cell.split]
        path = os.path.join(folder, "embeddings.json")
        if not os.path.exists(path):
            model = self._model(cell, folder)
            train, held_out = os.path.join(folder, "embeddings", "train"), os.path.join(folder, "embeddings", "held_out")
            both = _embed(model, split.train, train) & _embed(model, split.held_out, held_out)
            if both:
                raise UserError(f"clip {min(both)} is both trained on and held out.")
            clips = embeddings.clip_vectors(held_out)
            facts = {
                "model_id": model.model_id,
                "num_clips": len(clips.clip_ids),
                "clips_digest": hashlib.sha256("\n".join(sorted(clips.clip_ids)).encode()).hexdigest()[:16],
                "class_titles": retrieval.class_titles(clips),
            }
            files.write_text(path, json.dumps(facts, indent=2) + "\n")
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def _model(self, cell: Cell, folder: str) -> embedder.LoadedModel:
        path = os.path.join(folder, "model")
        if not os.path.isdir(path):
            tf.keras.backend.clear_session()  # of the networks of other rows
            network, origin = self._network(cell, os.path.join(folder, "run"))
            saved_model.export(network, path, {"weights": origin})
        return embedder.LoadedModel(path)

    def _network(self, cell: Cell, workdir: str) -> Tuple[tf.keras.Model, str]:
        """The network of the cell's row and where it comes from; training goes on where it was stopped."""
        if cell.seed is None:
            return build_log_mel(), "log_mel"
        config = self.configs[cell.row]
        config = dataclasses.replace(
            config,
            data=self.splits[cell.split].train,
            training=dataclasses.replace(config.training, seed=cell.seed),
        )
        if cell.row == "untrained":
            tf.keras.utils.set_random_seed(cell.seed)
            return build_resnet50(config.model), f"seed {cell.seed}"
        triplet.train(config, workdir)
        network, _, checkpoint = checkpoints.restore_network(workdir)
        return network, checkpoint


def _embed(model: embedder.LoadedModel, data: DataConfig, folder: str) -> Set[str]:
    """Embeds the clips that the folder does not have yet; returns the ids of all."""
    sounds = embedder.record_sounds(records.expand_globs(data.data), data.folds)
    with embeddings.EmbeddingWriter(folder, model.model_id, model.embedding_size) as writer:
        totals = embedder.embed(sounds, model, writer, WINDOWS_PER_CALL, num_sounds=None)
    for _, error in totals.rejects:
        raise error
    return writer.clip_ids_done


def _circumstances() -> Dict[str, str]:
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores, "
        f"{len(tf.config.list_physical_devices('GPU'))} GPUs",
        "versions": f"audioset-triplet {audioset_triplet.__version__}, TensorFlow {tf.__version__}, "
        f"Python {platform.python_version()}",
    }
