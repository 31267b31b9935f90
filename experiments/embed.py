"""Embeds audio clips with an exported model: one embedding per window (of 0.96 s with log-mel).

  python -m experiments.embed --model=models/joint --input=archive/ --output=embeddings
  python -m experiments.embed --model=models/joint --input='records/fold4-*.tfrecord' --output=embeddings
  python -m experiments.embed --model=yamnet/ --input=archive/ --output=yamnet-embeddings
  python -m experiments.embed --model=yamnet.tflite --output_name=list --input=archive/ --output=yamnet-embeddings

--input is an audio file, a folder of them (searched to any depth), a glob, or TFRecords from data_prep. Any format,
rate, length and number of channels will do. --format=parquet writes rows that pandas, polars and duckdb read;
--format=tfrecord writes AudioSet's own feature records, 8 bits per value. A stopped run is resumed; files that
cannot be used are listed on stderr and in _rejects.csv, and all others are embedded.

--model may be somebody else's: a SavedModel or TFLite file that maps a waveform to one vector per window. The public
VGGish and YAMNet SavedModels need no flag; --output_name names the output of others, and a name that does not exist,
such as list, shows which there are. Vectors are stored at unit length.
"""

import csv
import io
import os
import sys
import time
from typing import List, Tuple

from absl import flags

from audioset_triplet import command_line, files
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.media.audio_files import AudioError

FLAGS = flags.FLAGS
flags.DEFINE_string("input", "", "Audio file, folder of audio files, glob, or TFRecords (several separated by commas).")
flags.DEFINE_string(
    "output",
    "",
    "Folder of the embeddings: one model and one --input per folder, since the id of a clip is its path in the input.",
)
flags.DEFINE_enum("format", "parquet", ["parquet", "tfrecord"], "How the embeddings are written.")
flags.DEFINE_list("folds", [], "Only clips of these folds (of TFRecords).")
flags.DEFINE_integer("batch_size", 64, "Windows per call of the model.", lower_bound=1)
command_line.define_flags(EmbeddingModelConfig)


def main() -> None:
    command_line.require_flags("model", "input", "output")
    # Behind the flags: TensorFlow takes seconds to load.
    from audioset_triplet.export import audio_clips, embedder, loaded_model
    from audioset_triplet.store.embeddings import EmbeddingWriter
    from audioset_triplet.store.features import FeatureWriter

    model = loaded_model.load(command_line.config_from_flags(EmbeddingModelConfig()))
    print(f"model: {model.description}")
    audio = audio_clips.find(FLAGS.input, command_line.integers("folds"), model)
    about = (FLAGS.output, model.model_id, model.front_end_id, model.embedding_size)
    started = time.monotonic()
    parquet = FLAGS.format == "parquet"
    with EmbeddingWriter(*about) if parquet else FeatureWriter(*about, model.hop_seconds) as writer:
        totals = embedder.embed(audio.clips, model, writer, FLAGS.batch_size, audio.num_clips)
    elapsed = time.monotonic() - started

    if audio.left_out.kinds:
        print(f"{FLAGS.input}: left out: {audio.left_out.text()}", file=sys.stderr)
    _report_rejects(totals.rejects)
    if not totals.num_clips + totals.num_skipped:
        raise UserError(f"{FLAGS.input}: none of {len(totals.rejects)} clips could be used.")
    hours = totals.audio_seconds / 3600
    print(
        f"{FLAGS.output}: {totals.num_clips} clips, {totals.num_windows} windows, {hours:.2f} hours of audio in "
        f"{elapsed:.1f} s ({hours / elapsed * 3600:.0f} hours of audio per hour); "
        f"{totals.num_skipped} clips were embedded before, {len(totals.rejects)} rejected"
    )


def _report_rejects(rejects: List[Tuple[str, AudioError]]) -> None:
    for _, error in rejects:
        print(f"rejected: {error}", file=sys.stderr)
    path = os.path.join(FLAGS.output, "_rejects.csv")  # readers of Parquet folders skip names with _
    if rejects or os.path.exists(path):  # that of an earlier run is outdated
        table = io.StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["clip_id", "reason", "detail"])
        rows.writerows([clip_id, error.reason, str(error)] for clip_id, error in rejects)
        files.write_text(path, table.getvalue())


if __name__ == "__main__":
    command_line.run(main)
