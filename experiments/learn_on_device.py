"""Learns classes from a few clips as a device does: exported TFLite files, NumPy and LiteRT, no TensorFlow.

  python -m experiments.export_model    --workdir=run --output=device --format=tflite --head_classes=4
  python -m experiments.learn_on_device --model=device --examples=examples/ --output=learned
  python -m experiments.learn_on_device --model=device --input=recordings/ --output=learned

--examples has a folder of audio files for each class, such as examples/doorbell/ and examples/other/; ten clips of each
will do. What was learned is head.npz in --output. --input is a folder of clips, whose scores become scores.csv there.
audioset_triplet/export/device_runtime.py is what to write again on a device.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.export import HeadLearningConfig
from audioset_triplet.plurals import counted

FLAGS = flags.FLAGS
flags.DEFINE_string("model", "", "Folder with model.tflite and head.tflite (export_model --head_classes).")
flags.DEFINE_string("examples", "", "Folder with a folder of audio files for each class, to learn from.")
flags.DEFINE_string("input", "", "Folder of audio files to score.")
flags.DEFINE_string("output", "", "Folder of what was learned and of the scores.")
command_line.define_flags(HeadLearningConfig)


def main() -> None:
    command_line.require_flags("model", "output", *([] if FLAGS.input else ["examples"]))
    config = command_line.config_from_flags(HeadLearningConfig())
    from audioset_triplet.export import device_learning
    from audioset_triplet.progress_bars import progress_bar

    with progress_bar(unit="files") as bar:
        if FLAGS.examples:
            learned = device_learning.learn(FLAGS.model, FLAGS.examples, FLAGS.output, config, lambda _: bar.update())
            texts = [f"{name} from {counted(number, 'clip')}" for name, number in learned.num_clips.items()]
            print(
                f"{FLAGS.output}: learned {', '.join(texts)} ({counted(learned.num_windows, 'window')}); "
                f"loss {learned.first_loss:.3f} -> {learned.last_loss:.3f}"
            )
        if FLAGS.input:
            rows = device_learning.recognize(FLAGS.model, FLAGS.input, FLAGS.output, lambda _: bar.update())
            print(f"{FLAGS.output}/{device_learning.SCORES}: {counted(len(rows), 'clip')}")


if __name__ == "__main__":
    command_line.run(main, writes="output")
