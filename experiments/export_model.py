r"""Writes the model of a trained network, as a SavedModel or for a device: waveform in, embeddings or scores out.

  python -m experiments.export_model --workdir=runs/joint --output=models/joint
  python -m experiments.export_model --workdir=runs/classifier --output=models/classifier
  python -m experiments.export_model --workdir=runs/joint --output=device --format=tflite
  python -m experiments.export_model --workdir=runs/joint --output=device --format=tflite --quantization=int8 \
      --calibration='records/*.tfrecord' --folds=1,2,3
  python -m experiments.export_model --workdir=runs/joint --output=device --format=onnx

--format=tflite writes model.tflite, and --format=onnx model.onnx, into the folder --output. They take one window
(with log-mel 15,600 samples) and give `embedding`, `scores` or both; classes.csv beside them names the scores.
experiments.embed and experiments.tag take such a folder, or its file, as --model. --head_classes=N adds head.tflite,
a head that learns on the device (experiments.learn_on_device).

A SavedModel is loaded with tf.saved_model.load alone, without this project:

  model = tf.saved_model.load("models/joint")
  model(waveform)["embedding"]        # waveform: float32 [clips, samples], 16 kHz, between -1 and 1
  model(waveform)["scores"]           # of a classifier: the probabilities of its classes [clips, classes]
  model.classes()["names"]            # of a classifier: the names of its classes

A classifier (of train_classifier, or of stage 4 of train_coincidence) gives scores, and an embedding too where it has a
layer for one: --bottleneck of train_classifier.

What the embedding consists of is a setting of the run, and can be another one here: --layers=features leaves out the
embedding layer, --layers=embedding,stage2,stage3,features --whitening=0.6 puts layers side by side and whitens them by
the windows that the network was trained on, which the program reads again.

The program loads the written model, a TFLite or ONNX file in its own runtime, and compares it with the live network.
--network=log_mel and --network=untrained write the two baselines in the same form, to embed and evaluate them in the
same way.
"""

import dataclasses

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.export import ExportConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig, NetworkConfig, VectorConfig
from audioset_triplet.errors import UserError

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Run directory (not needed for log_mel).")
flags.DEFINE_string("output", "", "Folder of the model; an older model there is replaced.")
flags.DEFINE_enum(
    "network",
    "trained",
    ["trained", "untrained", "log_mel"],
    "trained: the last checkpoint. untrained: the initial weights of the run. log_mel: the features themselves.",
)
flags.DEFINE_enum(
    "spectrum",
    "auto",
    ["auto", "fft", "product"],
    "How the model computes the spectrum; auto: the faster one here, and product for devices.",
)
flags.DEFINE_string(
    "whitening_data",
    "",
    "TFRecords of the clips that the network was trained on, for --whitening. Empty: where the run read them.",
)
command_line.define_flags(ExportConfig)
command_line.define_flags(VectorConfig)


def main() -> None:
    command_line.require_flags("output", *([] if FLAGS.network == "log_mel" else ["workdir"]))
    export = command_line.config_from_flags(ExportConfig())
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet.export import audio_clips, calibration, device_export, saved_model, vectors
    from audioset_triplet.frontend import registry
    from audioset_triplet.models import networks
    from audioset_triplet.runs import checkpoints, objectives, run_config, trained_networks

    if export.calibration:
        audio_clips.list_files(export.calibration, export.folds)  # before the network is restored, which takes long
    progress, class_names, config = "", {}, None
    if FLAGS.network == "log_mel":
        settings, weights = NetworkConfig(), "log_mel"
        network = networks.build_flat_features(networks.feature_shape(settings), settings.front_end)
    elif FLAGS.network == "trained":
        trained = trained_networks.restore_model(FLAGS.workdir)
        network, class_names = trained.network, trained.class_names
        config, settings, weights = trained.config, trained.config.network, trained.path
        progress = f", step {checkpoints.step_of(weights)} of {trained.config.training.steps} of {FLAGS.workdir}"
    else:
        config = run_config.read_as(FLAGS.workdir, *objectives.EMBEDDING)
        settings, weights = config.network, f"seed {config.training.seed}"
        network = trained_networks.initial_embedding(config)
    if config is not None and isinstance(settings, EmbeddingNetworkConfig) and not class_names:
        chosen = command_line.config_from_flags(settings.vectors)
        idle = [flag for flag in ("components", "whitening_data") if FLAGS[flag].present and not chosen.whitening]
        if idle:
            raise UserError(f"--{idle[0]} is for an embedding that is whitened: give --whitening too, or leave it out.")
        data = _whitening_data(config.data) if chosen.whitening else config.data
        network = vectors.of_network(network, chosen, registry.by_name(settings.front_end), data)
    else:
        given = [flag for flag in ("layers", "whitening", "components", "whitening_data") if FLAGS[flag].present]
        if given:
            raise UserError(
                f"--{given[0]} is for the embedding of a run; {FLAGS.workdir or FLAGS.network} trains none."
            )
    if not export.is_for_devices:
        front_end = registry.by_name(settings.front_end, FLAGS.spectrum).with_hop(export.hop_seconds)
        model_id = saved_model.export(network, FLAGS.output, front_end, {"weights": weights}, class_names)
        print(f"{FLAGS.output}: {model_id}{progress}; it computes what the network does")
        return
    is_auto = FLAGS.spectrum == "auto"
    front_end = (
        registry.portable(settings.front_end) if is_auto else registry.by_name(settings.front_end, FLAGS.spectrum)
    ).with_hop(export.hop_seconds)
    windows = None
    if export.calibration:
        windows = calibration.windows(export.calibration, export.folds, front_end, export.calibration_windows)
    written = device_export.export(network, FLAGS.output, front_end, {"weights": weights}, class_names, export, windows)
    print(f"{FLAGS.output}: {written.model_id}{progress}; {written.description}")


def _whitening_data(learned: DataConfig) -> DataConfig:
    """Where to read the clips again that a network was trained on."""
    from audioset_triplet.records import globs

    if FLAGS.whitening_data:
        return dataclasses.replace(learned, data=FLAGS.whitening_data)
    try:
        globs.expand(learned.data)
    except UserError as error:
        raise UserError(
            f"{error}. Whitening reads the records that the run was trained on: say by --whitening_data where they "
            "are, or give --whitening=0."
        ) from error
    return learned


if __name__ == "__main__":
    command_line.run(main, writes="output")
