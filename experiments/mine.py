"""Mines candidates of rare classes from stored embeddings, by a few segments in which each class is heard.

Exemplar mining as in Saurous et al. 2017, "AudioSet: Real-world Audio Event Classification". The windows of the
segments are clustered; clusters that several segments share are searched for; a window scores its average distance to
the windows of a cluster. Hits become intervals of --candidate_seconds, for people to rate.

  python -m experiments.mine --embeddings=DIR --exemplars=exemplars.csv --output=mined
  python -m experiments.mine --embeddings=DIR --clips=a.wav,talks/b.wav --label=cough --candidates=200 --output=mined

--exemplars has a row for each segment: segment_id (clip of the store), start_time_seconds, end_time_seconds (both
empty: the whole clip), label. OUTPUT/candidates.csv and OUTPUT/candidates.parquet have these columns, and score (the
distance: lower is more similar), source and details (cluster, exemplar, model); classes one after the other, nearest
first. Windows of the exemplars are left out.

All cores of the machine work, part by part of the store; --runner chooses a cluster instead, and its options follow
after --. --compact keeps a copy of a byte for each number, which is searched some times faster.
"""

from typing import List

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.search import MiningConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("embeddings", "", "Folder of embeddings that experiments.embed wrote.")
flags.DEFINE_string("output", "", "Folder for candidates.csv and candidates.parquet.")
command_line.define_flags(MiningConfig)
command_line.define_flags(RunnerConfig)


def main(beam_options: List[str]) -> None:
    command_line.require_flags("embeddings", "output")
    config = command_line.config_from_flags(MiningConfig())
    runner = command_line.config_from_flags(RunnerConfig())
    from audioset_triplet.search import mining, store_index

    with command_line.writing("output"):
        where = store_index.at(FLAGS.output, runner, beam_options)
        for line in mining.run(FLAGS.embeddings, FLAGS.output, where, config):
            print(line)


if __name__ == "__main__":
    command_line.run_passing_on(main)
