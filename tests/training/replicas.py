"""Ten steps on the same global batches, under some strategies: `python -m tests.training.replicas NAMES OUTPUT CASE...`

Case recipe makes its own global batches: all that a classifier's input can do to them, before devices divide them.

NAMES are one, mirrored (two devices) or both, as one,mirrored; or multi_worker. It writes OUTPUT/NAME/CASE.npz, the
weights after the last step and what was reported; a worker of several OUTPUT/worker0/CASE.npz or worker1.
"""

import json
import os
import pathlib
import sys

import numpy as np
import tensorflow as tf

from audioset_triplet import distribution
from audioset_triplet.config.classifier import AugmentationConfig, BalanceConfig, ClassifierConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.instances import InstanceLossConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig, ResNetConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import LossConfig
from audioset_triplet.frontend import registry
from audioset_triplet.models import networks
from audioset_triplet.models.memory_bank import MemoryBank
from audioset_triplet.sampling import kept_windows
from audioset_triplet.training import inputs, moving_average, pipeline
from audioset_triplet.training.classifier import ClassifierModel
from audioset_triplet.training.instances import InstanceModel
from audioset_triplet.training.triplet import ContrastiveModel, TripletModel
from tests import frame_label_files, tiny_records
from tests.tiny_network import build_tiny_network
from tests.training.test_classifier import batch_of as labelled_batch
from tests.training.test_classifier import build_linear
from tests.training.test_instances import batch_of as instance_batch
from tests.training.test_triplet import batch_of, instance_model, of_names

STEPS, BATCH_SIZE = 10, 8


def build_synchronised():
    """A block of the ResNet, as it is built with `--batch_norm=all`."""
    tf.keras.utils.set_random_seed(0)
    block = networks.build_embedding(
        EmbeddingNetworkConfig(
            width=0.0625, resnet=ResNetConfig(stem_stride=2, blocks=(1, 1, 1, 1)), embedding_size=8, batch_norm="all"
        ),
        (96, 64),
    )
    features = block.get_layer("stage1_block1_relu").output
    pooled = tf.keras.layers.GlobalAveragePooling2D()(features)
    return tf.keras.Model(block.input, tf.keras.layers.UnitNormalization()(pooled))


# Name -> model, network, loss. Weights of 0 and rows without a negative are in the batches, on one replica more than on
# the other.
TRIPLETS = {
    "sampled": (TripletModel, build_tiny_network, LossConfig(margin=0.5, negatives="sampled")),
    "mined": (TripletModel, build_tiny_network, LossConfig(margin=0.5)),
    "nt_xent": (ContrastiveModel, build_tiny_network, LossConfig(loss="nt_xent", temperature=0.2)),
    "synchronised": (TripletModel, build_synchronised, LossConfig(margin=0.5)),
}
# Name -> loss, with weights of positives.
LABELS = {"softmax": "softmax", "sigmoids": "sigmoid"}
# Name -> number of negatives; batches have clips twice, on one device and on both.
INSTANCES = {"instances": 0, "noise_contrastive": 5}
NUM_INSTANCES = 12
RECORDINGS = "recordings"  # instances with learned vectors
RECORDING_NAMES = list("abcdef")


RECIPE = "recipe"
CLASSES = [0, 1, 2]


def build_model(case):
    if case == RECORDINGS:
        tf.keras.utils.set_random_seed(0)
        return instance_model(build_tiny_network(), RECORDING_NAMES)
    if case == RECIPE:
        return ClassifierModel(build_linear(), "sigmoid", (0.5, 1.0, 4.0), dropout_rate=0.3)
    if case in LABELS:
        return ClassifierModel(build_linear(), LABELS[case], (0.5, 1.0, 4.0))
    if case in INSTANCES:
        loss = InstanceLossConfig(num_negatives=INSTANCES[case])
        return InstanceModel(build_tiny_network(), MemoryBank(NUM_INSTANCES, 8, seed=0), loss, seed=0)
    model_class, build, loss = TRIPLETS[case]
    return model_class(build(), loss)


def global_batch(step, case):
    if case in LABELS:
        return labelled_batch(BATCH_SIZE, loss=LABELS[case], seed=step)
    if case in INSTANCES:
        return instance_batch(BATCH_SIZE, NUM_INSTANCES, seed=step)
    if case == RECORDINGS:
        return of_names(batch_of(BATCH_SIZE, seed=step), RECORDING_NAMES)
    weights = np.r_[np.ones(BATCH_SIZE // 2), np.random.default_rng(step).integers(0, 2, BATCH_SIZE // 2)]
    with_negative = TRIPLETS[case][2].negatives == "sampled"
    return batch_of(BATCH_SIZE, seed=step, with_negative=with_negative, weights=weights)


def recipe_input(folder):
    """The input of a worker, of records of three classes, one of them rare: balanced, mixed, masked, some refined."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = [tiny_records.make_clip(i, label=min(i % 4, 2) if i < 8 else 0, seconds=1.5) for i in range(12)]
    config = ClassifierConfig(
        data=DataConfig(tiny_records.write(folder / "clips.tfrecord", clips)),
        balance=BalanceConfig(class_balance="repeat", max_repeats=3),
        augmentation=AugmentationConfig(mixup_alpha=1.0, mixup_share=0.7, time_masks=2, band_masks=2),
        training=TrainingConfig(batch_size=BATCH_SIZE, deterministic=True),
    )
    front_end = registry.by_name(config.network.front_end)
    refined = [(clip.clip_id, clip.labels, 2) for clip in clips[::2]]
    path = frame_label_files.write(
        folder / "frame_labels.parquet",
        refined,
        lambda clip_id, row, label: row == 1,
        {label: f"class{label}" for label in CLASSES},
        **frame_label_files.windows_of(front_end),
    )
    kept = kept_windows.read(path, clips, front_end, with_dropped=True)
    return lambda context: inputs.labelled_batches(config, CLASSES, clips, pipeline.Feed(context=context), kept)


def batches_input(strategy, case):
    batches = [global_batch(step, case) for step in range(STEPS)]
    rows = tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *batches)

    def part(context):
        """The rows of a worker, in batches of a replica."""
        per_worker = BATCH_SIZE // context.num_input_pipelines
        own = tf.reshape(tf.range(STEPS * BATCH_SIZE), [STEPS, -1, per_worker])[:, context.input_pipeline_id]
        mine = tf.nest.map_structure(lambda tensor: tf.gather(tensor, tf.reshape(own, [-1])), rows)
        dataset = tf.data.Dataset.from_tensor_slices(mine)
        return dataset.batch(BATCH_SIZE // strategy.num_replicas_in_sync, drop_remainder=True)

    return part


def train(strategy, case, folder):
    part = recipe_input(folder / "records") if case == RECIPE else batches_input(strategy, case)
    averaging = moving_average.decay(TrainingConfig(average_from=0.5, steps=STEPS))
    with strategy.scope():
        model = build_model(case)
        network = model.submodels["network"]
        optimizer = tf.keras.optimizers.SGD(0.1)
        optimizer.build(model.trainable_variables)
        model.compile(optimizer=optimizer)
        averages = moving_average.copies(model.submodels) if case == RECIPE else {}
    start = network.get_weights()
    history = model.fit(
        strategy.distribute_datasets_from_function(part),
        steps_per_epoch=STEPS,
        epochs=1,
        callbacks=[moving_average.MovingAverage(model.submodels, averages, averaging, first_step=0)],
        verbose=0,
    ).history
    trained = (*model.submodels.values(), *averages.values())
    weights = [weight for submodel in trained for weight in submodel.get_weights()]
    with strategy.scope():
        weights += [bank.values() for bank in model.state.values()]
    return start, weights, {name: values[0] for name, values in history.items()}


def main(names, output, *cases):
    if "mirrored" in names:
        [cpu] = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    for name in names.split(","):
        strategy = distribution.build_strategy(name)
        assert strategy.num_replicas_in_sync == (1 if name == "one" else 2)
        if name == "multi_worker":
            name = f"worker{json.loads(os.environ['TF_CONFIG'])['task']['index']}"
        folder = pathlib.Path(output) / name
        folder.mkdir(parents=True)
        for case in cases:
            start, weights, reported = train(strategy, case, folder)
            assert max(np.abs(old - new).max() for old, new in zip(start, weights)) > 1e-3
            np.savez(folder / f"{case}.npz", *weights, **reported)


if __name__ == "__main__":
    main(*sys.argv[1:])
