"""Five steps of each stage on one device and on two: `python -m tests.training.coincidence_replicas OUTPUT`

It writes OUTPUT/one-STAGE.npz and mirrored-STAGE.npz, the weights after the last step and what was reported.
"""

import pathlib
import sys

import numpy as np
import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.training.curriculum import STAGES
from tests.training.coincidence_batches import ALL_TERMS, BATCH_SIZE, batch_of, build_model, config_of

STEPS = 5


def train(strategy, stage):
    config = config_of(**{f"{name}_weight": ALL_TERMS[f"{name}_weight"] for name in STAGES[stage]})
    rows = tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *(batch_of(config, seed) for seed in range(STEPS)))

    def part(_):
        batches = tf.data.Dataset.from_tensor_slices(rows)
        return batches.batch(BATCH_SIZE // strategy.num_replicas_in_sync, drop_remainder=True)

    with strategy.scope():
        model = build_model(config)
        optimizer = tf.keras.optimizers.SGD(0.05)
        optimizer.build(model.trainable_variables)
        model.compile(optimizer)
    start = [variable.numpy() for variable in model.trainable_variables]
    dataset = strategy.distribute_datasets_from_function(part)
    history = model.fit(dataset, steps_per_epoch=STEPS, epochs=1, verbose=0).history
    weights = [variable.numpy() for variable in model.trainable_variables]
    assert max(np.abs(old - new).max() for old, new in zip(start, weights)) > 1e-3
    names = {f"weight{number}": value for number, value in enumerate(weights)}
    return {**names, **{name: values[0] for name, values in history.items()}}


def main(output):
    [cpu] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    for name in ("one", "mirrored"):
        strategy = distribution.build_strategy(name)
        for stage in STAGES:
            np.savez(pathlib.Path(output) / f"{name}-{stage}.npz", **train(strategy, stage))


if __name__ == "__main__":
    main(*sys.argv[1:])
