r"""Turns any folder of videos into TFRecords of clips with audio and images.

    python -m data_prep.prepare_audiovisual --source=videos --output=records

takes every video below the folder: mp4, mov, webm, mkv, avi, mpg and the other VIDEO_EXTENSIONS of
audioset_triplet/media/extensions.py, also with .gz after the name, or in .tar archives. Its audio becomes the same
clips, labels and folds as in prepare_folder, which explains the shared flags. Each clip gets --frames_per_second images
of the video, JPEGs of --image_size pixels a side, with their times relative to the audio.

A video without an audio track or without images, or a damaged one, is left out as a whole, with its reason in
rejects.csv. A clip after the last image of its video has no images.
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
        raise UserError("--audio=encoded: records cannot hold the bytes of a video: leave it at pcm.")
    return prepare_folder.list_clips(command_line.config_from_flags(FramesConfig()))


if __name__ == "__main__":
    program.run(list_clips)
