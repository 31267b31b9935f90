"""Writes synthetic embeddings of known clusters: random modes, and windows around them.

  python -m experiments.synthesize_embeddings --output=planted --clips=20000 --windows=10 --modes=1000

The folder is like one of experiments.embed, the label of a clip is its mode, and experiments.cluster reports how well
clusters agree with the modes. The same command resumes a stopped run; with more --clips it adds to a folder.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.plurals import counted

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "", "Folder for the embeddings.")
flags.DEFINE_integer("clips", 20_000, "Number of clips.", 1)
flags.DEFINE_integer("windows", 10, "Windows of each clip.", 1)
flags.DEFINE_integer("modes", 1000, "Number of modes.", 1)
flags.DEFINE_integer("embedding_size", 128, "Dimensions of the embeddings.", 2)
flags.DEFINE_float("noise", 0.5, "Expected norm of the noise that is added to a mode, whose norm is 1.", 0)
flags.DEFINE_integer("seed", 0, "Seed of everything.", 0)


def main() -> None:
    command_line.require_flags("output")
    # After the flags: pyarrow takes a while to load.
    from audioset_triplet.store import synthetic_embeddings
    from audioset_triplet.synthetic.embeddings import Mixture

    mixture = Mixture(FLAGS.windows, FLAGS.modes, FLAGS.embedding_size, FLAGS.noise, FLAGS.seed)
    synthetic_embeddings.write(FLAGS.output, mixture, FLAGS.clips)
    print(f"wrote {FLAGS.output}: {counted(FLAGS.clips * FLAGS.windows, 'window')} of {counted(FLAGS.modes, 'mode')}")


if __name__ == "__main__":
    command_line.run(main, writes="output")
