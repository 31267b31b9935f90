import dataclasses
import pathlib

import tensorflow as tf

from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.runs import checkpoints


def test_a_run_has_ended_when_its_last_checkpoint_is_that_of_its_last_step(tmp_path: pathlib.Path) -> None:
    config = dataclasses.replace(TripletConfig(), training=TrainingConfig(steps=20))
    folder = checkpoints.folder_of(str(tmp_path))
    assert not checkpoints.has_ended(str(tmp_path), config)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(value=tf.Variable(1.0)), folder, max_to_keep=1)
    manager.save(checkpoint_number=19)
    assert not checkpoints.has_ended(str(tmp_path), config)
    manager.save(checkpoint_number=20)
    assert checkpoints.has_ended(str(tmp_path), config)
