"""Prints how large the architectures are, beside what is published of them, and how fast here.

  python -m experiments.describe_models --output=report
  python -m experiments.describe_models --architectures=resnet50,mobilenet --width=0.25 --num_classes=50

The table has a row for each classifier: layers, weights and multiplications for a window, of convolutions and dense
layers without biases and batch normalization, as papers count; the published numbers and the ratio to them, where this
very network is published (width 1, as many classes); and the windows per second that it computes on this machine.

With --output it also writes OUTPUT/results.json (sizes/vgg19/weights and so on) and OUTPUT/report.html.
"""

from absl import flags

from audioset_triplet import command_line, results
from audioset_triplet.config.description import DescriptionConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "", "Folder for results.json and report.html. Empty: the table is printed only.")
command_line.define_flags(DescriptionConfig, left_out=("architecture", "batch_norm", "imagenet_weights"))


def main() -> None:
    config = command_line.config_from_flags(DescriptionConfig())
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet import distribution
    from audioset_triplet.evaluation import network_sizes
    from audioset_triplet.reports import network_sizes_page

    descriptions = network_sizes.describe(config)
    report = network_sizes_page.report(config, descriptions)
    print(report.headline)
    if FLAGS.output:
        about = {"width": config.network.width, "batch_size": config.batch_size, "machine": distribution.machine()}
        results.write(FLAGS.output, network_sizes.numbers(descriptions), **about)
        report.write(FLAGS.output)
        print(f"wrote {FLAGS.output}/results.json and report.html")


if __name__ == "__main__":
    command_line.run(main, writes="output")
