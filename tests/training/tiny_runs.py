"""A triplet run that takes a second, and what a run leaves.

Importing this module makes the toy network one of the known architectures.
"""

import signal

import numpy as np
import tensorflow as tf

from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig, ResNetConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import SamplingConfig, TripletConfig
from audioset_triplet.models.registry import ARCHITECTURES
from tests import processes
from tests.toy_network import TOY

ARCHITECTURES.setdefault("toy", TOY)

# The ResNet with a block in each stage: 17 convolutions to trace instead of 53.
TINY_RESNET = ResNetConfig(stem_stride=2, blocks=(1, 1, 1, 1))
TINY_BACKBONE = dict(width=0.0625, resnet=TINY_RESNET)


def tiny_config(data, method="joint", **training):
    options = dict(batch_size=8, steps=4, log_every_steps=2, checkpoint_every_steps=2)
    return TripletConfig(
        data=DataConfig(data=data),
        sampling=SamplingConfig(method=method),
        network=EmbeddingNetworkConfig(architecture="toy", embedding_size=8),
        training=TrainingConfig(**{**options, **training}),
    )


def saved_weights(workdir):
    """Name -> values, of all that the newest checkpoint holds of networks and optimizer."""
    reader = tf.train.load_checkpoint(str(workdir / "checkpoints"))
    names = [name for name in reader.get_variable_to_shape_map() if name.endswith("VARIABLE_VALUE")]
    assert len(names) > 10
    return {name: reader.get_tensor(name) for name in names}


def check_killed_run(module, arguments, folder, killed_at):
    """Asserts that a run killed at these checkpoints ends with the weights of one left alone; gives its folder."""
    alone, killed = folder / "alone", folder / "killed"
    assert processes.run(module, *arguments, f"--workdir={alone}").returncode == 0
    for step in killed_at:
        path = killed / "checkpoints" / f"ckpt-{step}.index"
        code = processes.stop_when_there(
            module, *arguments, f"--workdir={killed}", path=path, signal_number=signal.SIGKILL
        )
        assert code == -signal.SIGKILL
    assert processes.run(module, *arguments, f"--workdir={killed}").returncode == 0
    expected, found = saved_weights(alone), saved_weights(killed)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(values, found[name], err_msg=name)
    return killed
