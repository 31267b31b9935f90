r"""Writes a folder of synthetic videos, in which each kind of object makes its kind of sound, and a table of labels.

    python -m data_prep.synthesize_videos   --output=world --num_videos=400
    python -m data_prep.prepare_audiovisual --source=world/videos --labels=world/videos.csv --fold_column=fold \
        --output=records

For machines without videos. The same flags make the same videos; audioset_triplet/synthetic/videos.py describes them.
"""

import dataclasses

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.plurals import counted
from audioset_triplet.synthetic import videos
from audioset_triplet.synthetic.videos import World

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "", "Folder for the videos and their table; it must not exist, or be empty.")
flags.DEFINE_integer("num_videos", 200, "Number of videos; kinds and folds get equal shares.")
flags.DEFINE_integer("num_kinds", 8, "Kinds of objects and sounds, 2 to 16.")
flags.DEFINE_float("seconds", 10.0, "Length of a video.")
flags.DEFINE_float("off_screen_share", 0.15, "Fraction of the videos in which the sounding object is never visible.")
flags.DEFINE_float("leaving_share", 0.35, "Fraction of the videos in which it is out of view for a while.")
flags.DEFINE_integer("num_workers", 0, "Processes; 0: one per core.")
flags.DEFINE_integer("seed", 0, "Another seed makes other videos.", lower_bound=0)


def main() -> None:
    command_line.require_flags("output")
    names = [field.name for field in dataclasses.fields(World)]
    world = World(**{name: FLAGS[name].value for name in names})
    videos.write_world(FLAGS.output, FLAGS.num_videos, world, FLAGS.num_workers)
    print(f"{counted(FLAGS.num_videos, 'video')} -> {FLAGS.output} (labels: {FLAGS.output}/{videos.TABLE})")


if __name__ == "__main__":
    command_line.run(main, writes="output")
