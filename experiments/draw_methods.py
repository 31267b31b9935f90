"""Draws the figure of the README: an anchor, a positive of each sampling method, a negative, and their embeddings.

    python -m experiments.draw_methods --output=methods.png

The audio is synthesised; the spectrograms are those that the network takes. The same seed draws the same image.
"""

from absl import flags

from audioset_triplet import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "experiments/results/methods.png", "PNG file to write.")
flags.DEFINE_string("front_end", "log_mel", "Front end of the spectrograms (audioset_triplet/frontend/registry.py).")
flags.DEFINE_integer("seed", 1, "Seed of the audio and of the noise.", 0)


def main() -> None:
    command_line.require_flags("output")
    from audioset_triplet.frontend import registry
    from audioset_triplet.reports import method_figure

    method_figure.save(method_figure.draw(registry.by_name(FLAGS.front_end), FLAGS.seed), FLAGS.output)
    print(f"wrote {FLAGS.output}")


if __name__ == "__main__":
    command_line.run(main)
