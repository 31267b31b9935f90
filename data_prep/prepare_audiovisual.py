r"""Turns any folder of videos into TFRecords of clips with sound and pictures.

    python -m data_prep.prepare_audiovisual --source=videos --output=records

takes every video below the folder (mp4, m4v, mov, webm, mkv; also with .gz behind the name, or in .tar archives) and
makes of its sound what prepare_folder makes of sounds: clips, labels from folders or from a table (--labels), folds. To
each clip come --frames_per_second pictures of it, JPEGs of --image_size pixels a side, with the times at which they are
shown beside the sound. What the flags that both programs share mean stands in prepare_folder.

A video of sound alone, or of pictures alone, and one that is damaged is left out as a whole, with its reason in
rejects.csv. A clip behind the last picture, where the sound goes on, has none.
"""

import importlib.util

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.errors import UserError
from data_prep import prepare_folder, program
from data_prep.config import FramesConfig
from data_prep.plan import ClipList

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(program)
flags.adopt_module_key_flags(prepare_folder)
command_line.define_flags(FramesConfig)


def list_clips() -> ClipList:
    if importlib.util.find_spec("av") is None:
        raise UserError("videos are decoded by PyAV, which is not installed: pip install -e '.[data_prep]'")
    if FLAGS.audio == "encoded":
        raise UserError("--audio=encoded: the bytes of a video are no sound that records can hold: leave it at pcm.")
    return prepare_folder.list_clips(command_line.config_from_flags(FramesConfig()))


if __name__ == "__main__":
    program.run(list_clips)
