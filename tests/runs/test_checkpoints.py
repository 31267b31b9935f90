"""What a work directory says of its run."""

import dataclasses
import os
import pathlib

import pytest
import tensorflow as tf

from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.runs import checkpoints


def test_a_run_has_ended_when_its_last_checkpoint_is_that_of_its_last_step(tmp_path: pathlib.Path) -> None:
    config = dataclasses.replace(TripletConfig(), training=TrainingConfig(steps=20))
    folder = checkpoints.checkpoint_folder(str(tmp_path))
    assert not checkpoints.has_ended(str(tmp_path), config)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(value=tf.Variable(1.0)), folder, max_to_keep=1)
    manager.save(checkpoint_number=19)
    assert not checkpoints.has_ended(str(tmp_path), config)
    manager.save(checkpoint_number=20)
    assert checkpoints.has_ended(str(tmp_path), config)


def test_a_folder_of_runs_is_no_run_and_says_which_it_holds(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="it has no config.json.$"):
        checkpoints.read_config(str(tmp_path), TripletConfig)
    for stage in ("stage1", "stage2"):
        os.makedirs(tmp_path / stage)
        checkpoints.write_config(str(tmp_path / stage), TripletConfig())
    with pytest.raises(UserError, match="no config.json. .*stage2 is one.$"):
        checkpoints.read_config(str(tmp_path), TripletConfig)
