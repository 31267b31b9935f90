"""Prints the config that its flags make.

python -m tests.config_program --preset=small --title=x
"""

from absl import flags

from audioset_triplet import command_line, presets
from audioset_triplet.config import options
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError

FLAGS = flags.FLAGS
flags.DEFINE_string("title", "", "A name for the run.")
flags.DEFINE_string("fail", "", "A message to fail with.")
command_line.preset_flag(presets.PRESETS)
command_line.define_flags(TripletConfig)


def main() -> None:
    command_line.require_flags("title")
    if FLAGS.fail:
        raise UserError(FLAGS.fail)
    base = presets.PRESETS[FLAGS.preset]() if FLAGS.preset else TripletConfig()
    print(options.to_json(command_line.config_from_flags(base)))


if __name__ == "__main__":
    command_line.run(main)
