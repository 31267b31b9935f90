r"""Serves the rating page: people listen to clips in the browser and say what is in them, with a key for each answer.

  python -m experiments.label --workdir=labels --audio=FOLDER                      “what is it?” of every clip
  python -m experiments.label --workdir=labels --data='records/*.tfrecord' --questions=hits/candidates.csv \
      --classes=class_labels_indices.csv --ontology=ontology.json

Open the address that it prints; Ctrl+C ends it. Answers are in WORKDIR/annotations.jsonl before the page says so: stop
and start it as you like, it goes on where it was. --questions takes what experiments.ask and experiments.mine write, or
a table of your own; no rater is asked anything twice. Several raters take several names. experiments.export_ratings
makes ratings of the answers.

Only this machine reaches the page unless --host says otherwise, which needs --token. Nothing is loaded from elsewhere.
"""

import functools
import sys

from audioset_triplet import command_line
from audioset_triplet.config.rating import RatingConfig

command_line.define_flags(RatingConfig)


def main() -> None:
    command_line.require_flags("workdir")
    config = command_line.config_from_flags(RatingConfig())
    from audioset_triplet.labelling.server import serving  # here: its libraries take a second to load

    serving.run(config, functools.partial(print, file=sys.stderr, flush=True))


if __name__ == "__main__":
    command_line.run(main, writes="workdir")
