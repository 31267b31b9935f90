r"""Trains an embedding of sounds on what coincides, through the curriculum of Jansen et al. 2020.

  python -m experiments.train_coincidence --data='records/*.tfrecord' --workdir=run --preset=small_coincidence

Stages, each a run of --steps in WORKDIR/stageN that starts from where the last one ended:

  1  a window and a picture of one recording coincide (records of data_prep.prepare_audiovisual)
  2  and so do two windows
  3  and windows fall into clusters
  4  and have the labels that were asked for their clusters (--weak_labels, of experiments.consolidate)

Records of sound alone have stages 2 to 4, of which the pictures are then left out: --pictures=false. The weights of the
terms are flags; a term of weight 0 is left out. One stage at a time, with settings of its own: --stages=2 goes on from
the last stage before it that WORKDIR holds.

--preset sets a published setting; any other flag overrides it. The same command goes on where a stopped run was. Export
a stage with experiments.export_model --workdir=WORKDIR/stageN; experiments.evaluate_coincidence says how well it tells
what coincides.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config import CoincidenceConfig
from audioset_triplet.presets import COINCIDENCE_PRESETS
from audioset_triplet.training import curriculum

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Directory of the run; made if it is missing. Each stage has a folder in it.")
flags.DEFINE_list("stages", ["1", "2", "3"], "Stages to train, in order. Without pictures: 2,3.")
command_line.preset_flag(COINCIDENCE_PRESETS)
command_line.define_flags(CoincidenceConfig, left_out=["start_from"])


def main() -> None:
    command_line.require_flags("data", "workdir")
    base = COINCIDENCE_PRESETS[FLAGS.preset]() if FLAGS.preset else CoincidenceConfig()
    curriculum.train(command_line.config_from_flags(base), command_line.integers("stages"), FLAGS.workdir)


if __name__ == "__main__":
    command_line.run(main)
