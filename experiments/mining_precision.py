"""Measures what exemplar mining finds of rare classes, beside one query, the mean of the exemplars, and chance.

The clips of each class of --embeddings are thinned to --prior among all other clips, those of --background included;
--exemplars others, of recordings of their own, are searched for. OUTPUT/results.json has the precision among the first
ten and --candidates candidates, the mean over classes and trials, and the highest that is possible.

  python -m experiments.mining_precision --embeddings=esc50 --background=urbansound8k --output=mining
  python -m experiments.mining_precision --embeddings=esc50 --classes=cow,frog --exemplars=1 --output=mining-of-one

Both stores are held in memory, and are of one model. A candidate is right if its clip has the class: classes that
--background has too, under another name, should not be among --classes.
"""

from audioset_triplet import command_line
from audioset_triplet.config.studies import MiningStudyConfig

command_line.define_flags(MiningStudyConfig)


def main() -> None:
    command_line.require_flags("embeddings", "output")
    config = command_line.config_from_flags(MiningStudyConfig())
    from audioset_triplet.studies import mining_precision

    print(mining_precision.run(config))


if __name__ == "__main__":
    command_line.run(main, writes="output")
