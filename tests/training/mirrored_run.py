"""A run on two devices, and two that are refused: `python -m tests.training.mirrored_run DATA WORKDIR`."""

import sys

import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.training import triplet
from tests.training.tiny_runs import tiny_config


def main(data, workdir):
    [cpu] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    triplet.train(tiny_config(data, strategy="mirrored"), workdir)
    for options in (dict(batch_size=5), dict(jit_compile=True)):
        try:
            triplet.train(tiny_config(data, strategy="mirrored", **options), f"{workdir}-refused")
        except UserError as error:
            print(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
