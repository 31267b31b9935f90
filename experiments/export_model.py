"""Writes the SavedModel of a trained network: waveform in, embeddings or scores out.

  python -m experiments.export_model --workdir=runs/joint --output=models/joint
  python -m experiments.export_model --workdir=runs/classifier --output=models/classifier

The model is loaded with tf.saved_model.load alone, without this project:

  model = tf.saved_model.load("models/joint")
  model(waveform)["embedding"]        # waveform: float32 [clips, samples], 16 kHz, between -1 and 1
  model(waveform)["scores"]           # of a classifier: the probabilities of its classes [clips, classes]
  model.classes()["names"]            # of a classifier: the names of its classes

A classifier (of train_classifier, or of stage 4 of train_coincidence) gives scores, and an embedding too where it has a
layer for one: --bottleneck of train_classifier.

The program loads the written model and compares it with the live network. --network=log_mel and --network=untrained
write the two baselines in the same form, to embed and evaluate them in the same way.
"""

from absl import flags

from audioset_triplet import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Run directory (not needed for log_mel).")
flags.DEFINE_string("output", "", "Folder of the SavedModel; an older one there is replaced.")
flags.DEFINE_enum(
    "network",
    "trained",
    ["trained", "untrained", "log_mel"],
    "trained: the last checkpoint. untrained: the initial weights of the run. log_mel: the features themselves.",
)
flags.DEFINE_enum(
    "spectrum", "auto", ["auto", "fft", "product"], "How the model computes the spectrum; auto: the faster one here."
)


def main() -> None:
    command_line.require_flags("output", *([] if FLAGS.network == "log_mel" else ["workdir"]))
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet.config.network import NetworkConfig
    from audioset_triplet.export import saved_model
    from audioset_triplet.frontend import registry
    from audioset_triplet.models import networks
    from audioset_triplet.runs import checkpoints, objectives, run_config, trained_networks

    progress, class_names = "", {}
    if FLAGS.network == "log_mel":
        settings, weights = NetworkConfig(), "log_mel"
        network = networks.build_flat_features(networks.feature_shape(settings), settings.front_end)
    elif FLAGS.network == "trained":
        trained = trained_networks.restore_model(FLAGS.workdir)
        network, class_names = trained.network, trained.class_names
        settings, weights = trained.config.network, trained.path
        progress = f", step {checkpoints.step_of(weights)} of {trained.config.training.steps} of {FLAGS.workdir}"
    else:
        config = run_config.read_as(FLAGS.workdir, *objectives.EMBEDDING)
        settings, weights = config.network, f"seed {config.training.seed}"
        network = trained_networks.initial_embedding(config)
    front_end = registry.by_name(settings.front_end, FLAGS.spectrum)
    model_id = saved_model.export(network, FLAGS.output, front_end, {"weights": weights}, class_names)
    print(f"{FLAGS.output}: {model_id}{progress}; it computes what the network does")


if __name__ == "__main__":
    command_line.run(main, writes="output")
