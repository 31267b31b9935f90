"""A row's network -> its embeddings: train, export, embed.

    OUTPUT/fold4-seed0/joint/run, model, embeddings/{train,held_out}, embeddings.json

A stage is skipped if its output exists, and resumes if it was stopped.
"""

import dataclasses
import json
import os
from typing import Optional, Set, Tuple

import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedder, saved_model
from audioset_triplet.export.loaded_model import ExportedModel
from audioset_triplet.frontend import registry
from audioset_triplet.models import networks
from audioset_triplet.records import clip_labels, reading
from audioset_triplet.records.splits import DataSplit
from audioset_triplet.runs import trained_networks
from audioset_triplet.store import embeddings
from audioset_triplet.training import triplet

WINDOWS_PER_CALL = 64


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """Folders of complete embeddings of a row."""

    train_folder: str
    held_out_folder: str


def embeddings_of(folder: str, row: str, split: DataSplit, config: Optional[TripletConfig]) -> Embeddings:
    """The embeddings of a row; makes them if they are not complete.

    Args:
        folder: of the row and the run.
        row: its name.
        split: the clips.
        config: how the network is trained on them; None: log-mel.

    Raises:
        UserError: what a stage raises; a clip that is both trained on and held out.
    """
    train, held_out = (os.path.join(folder, "embeddings", part) for part in ("train", "held_out"))
    path = os.path.join(folder, "embeddings.json")
    if not os.path.exists(path):
        model = _exported(folder, row, split, config)
        common = _embed(model, split.train, train) & _embed(model, split.held_out, held_out)
        if common:
            raise UserError(f"clip {min(common)} is both trained on and held out.")
        files.write_text(path, json.dumps({"model_id": model.model_id}, indent=2) + "\n")
    return Embeddings(train, held_out)


def _exported(folder: str, row: str, split: DataSplit, config: Optional[TripletConfig]) -> ExportedModel:
    path = os.path.join(folder, "model")
    saved_model.remove_leftovers(path)
    if not os.path.isdir(path):
        tf.keras.backend.clear_session()  # frees the networks of other rows
        network, weights_source = _network(os.path.join(folder, "run"), row, split, config)
        front_end = registry.by_name((config.network if config else NetworkConfig()).front_end)
        saved_model.export(network, path, front_end, {"weights": weights_source})
    return ExportedModel(path)


def _network(workdir: str, row: str, split: DataSplit, config: Optional[TripletConfig]) -> Tuple[tf.keras.Model, str]:
    """The network of a row, trained to its end, and where its weights come from.

    Like the heads and the ResNet-50, it never learns from an evaluated recording.
    """
    if config is None:
        return networks.build_flat_features(networks.feature_shape(NetworkConfig()), "log_mel"), "log_mel"
    if row == "untrained":
        return trained_networks.initial_embedding(config), f"seed {config.training.seed}"
    train, held_out = (clip_labels.read(data.data, data.folds) for data in (split.train, split.held_out))
    triplet.train(config, workdir, [clip.clip_id for clip in clip_labels.exclude_recordings(train, held_out)])
    network, _, checkpoint = trained_networks.restore_embedding(workdir)
    return network, checkpoint


def _embed(model: ExportedModel, data: DataConfig, folder: str) -> Set[str]:
    """Embeds the clips that the folder does not have yet; returns the ids of all that it has."""
    clips = audio_clips.record_clips(reading.expand_globs(data.data), data.folds, model)
    with embeddings.EmbeddingWriter(folder, model.model_id, model.front_end_id, model.embedding_size) as writer:
        totals = embedder.embed(clips, model, writer, WINDOWS_PER_CALL, num_clips=None)
    for _, error in totals.rejects:
        raise error
    if not writer.clip_ids_done:
        raise UserError(f"{data.data}: no clip of folds {', '.join(map(str, data.folds))}.")
    return writer.clip_ids_done
