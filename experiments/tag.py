"""Shows what a classifier hears in audio files over time, as a table, an image and a page with the audio.

  python -m experiments.tag --model=models/classifier --input=dog.wav --output=tags
  python -m experiments.tag --model=models/classifier --input=recordings/ --output=tags --top=8

--model is from experiments.export_model of a classifier (a run of train_classifier, or of stage 4 of
train_coincidence). --input is an audio file, a folder of them (searched to any depth), a glob, or TFRecords.

For a file its windows are printed, each with its strongest classes; for several, a line each. OUTPUT/FILE.html plays
the file along its waveform, its spectrogram and the classes with the highest scores, and OUTPUT/FILE.png is the same
image; OUTPUT/index.html links to the pages of a folder, and OUTPUT/tags.csv has the scores of the classes that are
shown, in every window. experiments.embed --what=scores stores all scores, also of large archives.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.tagging import TagConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("model", "", "Folder of the SavedModel of a classifier.")
flags.DEFINE_string("input", "", "Audio file, folder of audio files, glob, or TFRecords (several separated by commas).")
flags.DEFINE_string("output", "", "Folder for the pages, the images and tags.csv; made if it is missing.")
command_line.define_flags(TagConfig)


def main() -> None:
    command_line.require_flags("model", "input", "output")
    config = command_line.config_from_flags(TagConfig())
    # After the flags: TensorFlow takes seconds to load.
    from audioset_triplet.config.embedding import EmbeddingModelConfig
    from audioset_triplet.export import audio_clips, loaded_model
    from audioset_triplet.reports import tag_pages

    audio_clips.list_files(FLAGS.input, ())  # before the model is loaded, which takes long
    model = loaded_model.load(EmbeddingModelConfig(model=FLAGS.model), "scores")
    for line in tag_pages.write(FLAGS.input, FLAGS.output, model, config):
        print(line, flush=True)


if __name__ == "__main__":
    command_line.run(main, writes="output")
