"""Writes embeddings whose clusters are known: modes drawn at random, and windows around them.

  python -m experiments.plant_embeddings --output=planted --clips=20000 --windows=10 --modes=1000

The folder is like one of experiments.embed, the label of a clip is its mode, and experiments.cluster shows whether it
finds them. The same command goes on where a stopped one was, and with more --clips adds to those that are there.
"""

import numpy as np
from absl import flags
from tqdm import tqdm

from audioset_triplet import command_line
from audioset_triplet.errors import UserError
from audioset_triplet.store.embeddings import EmbeddingWriter
from audioset_triplet.synthetic.embeddings import planted_clips

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "", "Folder for the embeddings.")
flags.DEFINE_integer("clips", 20_000, "Clips.", 1)
flags.DEFINE_integer("windows", 10, "Windows of each clip.", 1)
flags.DEFINE_integer("modes", 1000, "Modes.", 1)
flags.DEFINE_integer("embedding_size", 128, "Numbers of an embedding.", 2)
flags.DEFINE_float("noise", 0.5, "Length of what is added to a mode, whose own length is 1.", 0)
flags.DEFINE_integer("seed", 0, "Seed of everything.", 0)


def main() -> None:
    command_line.require_flags("output")
    if FLAGS.modes > FLAGS.clips:
        raise UserError(f"--clips={FLAGS.clips} are fewer than --modes={FLAGS.modes}: some modes would have none.")
    made_by = (FLAGS.windows, FLAGS.modes, FLAGS.embedding_size, FLAGS.noise, FLAGS.seed)
    model_id = "planted-{}-{}-{}-{:g}-{}".format(*made_by)
    starts = np.arange(FLAGS.windows, dtype=np.float64)  # a window a second
    with EmbeddingWriter(FLAGS.output, model_id, "none", FLAGS.embedding_size) as writer:
        if len(writer.clip_ids_done) > FLAGS.clips:
            raise UserError(
                f"{FLAGS.output} holds {len(writer.clip_ids_done)} clips already, more than --clips={FLAGS.clips}: "
                "name another folder."
            )
        writer.write_missing(tqdm(planted_clips(FLAGS.clips, *made_by), total=FLAGS.clips, disable=None), starts)
    print(f"wrote {FLAGS.output}: {FLAGS.clips * FLAGS.windows} windows of {FLAGS.modes} modes")


if __name__ == "__main__":
    command_line.run(main)
