"""Embeds audio clips with a model, or scores them: one embedding, or the score of every class, per window.

  python -m experiments.embed --model=models/joint --input=archive/ --output=embeddings
  python -m experiments.embed --model=models/joint --input='records/fold4-*.tfrecord' --output=embeddings
  python -m experiments.embed --what=scores --model=models/classifier --input='records/*.tfrecord' --output=scores
  python -m experiments.embed --model=yamnet/ --input=archive/ --output=yamnet-embeddings
  python -m experiments.embed --model=yamnet.tflite --output_name=list --input=archive/ --output=yamnet-embeddings
  python -m experiments.embed --model=... --input=... --output=... --runner=dask -- --dask_client_address=tcp://HOST:8786

--input is an audio file, a folder of them (searched to any depth), a glob, or TFRecords from data_prep. Any format,
rate, length and number of channels will do. --format=parquet writes rows that pandas, polars and duckdb read;
--format=tfrecord writes AudioSet's own feature records, 8 bits per value. A window takes 0.96 s with log-mel.

--what=scores takes the model of a classifier (experiments.export_model of a run of train_classifier) and writes the
probabilities of its classes; the names of the classes are in the metadata of the files.

All cores of the machine work, or all of its GPUs, one process each; --runner chooses a cluster instead. The same
command resumes a stopped run, and takes up files that are new or have changed. Files that cannot be used are named on
stderr and in _rejects.csv, and all others are embedded or scored.

--model may be somebody else's: a SavedModel or TFLite file that maps a waveform to one vector per window. The public
VGGish and YAMNet SavedModels need no flag; --output_name names the output of others, and a name that does not exist,
such as list, shows which there are. Vectors are stored at unit length.
"""

import sys
import time
from typing import List

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.embedding import EmbeddingConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.plurals import counted, duration

_NUM_NAMED = 20
_DONE = {"embeddings": "embedded", "scores": "scored"}

FLAGS = flags.FLAGS
flags.DEFINE_string("input", "", "Audio file, folder of audio files, glob, or TFRecords (several separated by commas).")
flags.DEFINE_string(
    "output",
    "",
    "Folder of the embeddings or scores, of one model, one --format and one --input: the id of a clip is its path in "
    "the input.",
)
command_line.define_flags(EmbeddingConfig, left_out=["uses_gpu"])
command_line.define_flags(RunnerConfig)


def announce(model: str) -> None:
    print(f"model: {model}", flush=True)


def main(beam_options: List[str]) -> None:
    command_line.require_flags("model", "input", "output")
    started = time.monotonic()
    config = command_line.config_from_flags(EmbeddingConfig())
    runner = command_line.config_from_flags(RunnerConfig())
    # Behind the flags: TensorFlow takes seconds to load.
    from audioset_triplet.export import embedding_job

    summary = embedding_job.embed(FLAGS.input, FLAGS.output, config, runner, beam_options, announce)
    elapsed, done = time.monotonic() - started, _DONE[config.what]
    for line in summary.notes(FLAGS.input, FLAGS.output, _NUM_NAMED):
        print(line, file=sys.stderr)
    if not summary.num_clips and not summary.rejects:
        print(f"{FLAGS.output}: nothing to do: all {summary.num_before} clips were {done} before")
        return
    print(
        f"{FLAGS.output}: {counted(summary.num_clips, 'clip')}, {counted(summary.num_windows, 'window')}, "
        f"{duration(summary.seconds)} of audio in {duration(elapsed)} "
        f"({summary.seconds / elapsed:.0f} hours of audio per hour); "
        f"{counted(summary.num_before, 'clip was', 'clips were')} {done} before, {len(summary.rejects)} rejected"
    )


if __name__ == "__main__":
    command_line.run_passing_on(main)
