"""Searches stored embeddings for the windows that are most similar to a clip, a window, a sound file or a vector.

  python -m experiments.search --embeddings=DIR --query=talks/a.wav --query=talks/b.wav@12.5 --top=100 --output=hits
  python -m experiments.search --embeddings=DIR --query=siren.wav --model=models/joint --output=hits

--query is a clip id of the store, whose vector is the weighted mean of its windows; CLIP_ID@SECONDS, the window
there; a sound file, which the model of the store embeds (--model); or an .npy file of one vector or several. It may be
given several times. The search is exact: every window is compared, and hits are ordered by cosine, then by clip id and
start. Windows of the query's own clip are left out. OUTPUT/hits.parquet and OUTPUT/hits.csv have query, rank, clip,
start, cosine and labels.

All cores of the machine work, part by part of the store; --runner chooses a cluster instead, and its options follow
after --.
"""

import functools
from typing import List

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.plurals import counted

FLAGS = flags.FLAGS
flags.DEFINE_string("embeddings", "", "Folder of embeddings that experiments.embed wrote.")
flags.DEFINE_multi_string("query", [], "What to search for.")
flags.DEFINE_integer("top", 100, "Hits of each query.", 1)
flags.DEFINE_string("output", "", "Folder for hits.parquet and hits.csv.")
command_line.define_flags(EmbeddingModelConfig)
command_line.define_flags(RunnerConfig)


def main(beam_options: List[str]) -> None:
    command_line.require_flags("embeddings", "query", "output")
    model = command_line.config_from_flags(EmbeddingModelConfig())
    runner = command_line.config_from_flags(RunnerConfig())
    from audioset_triplet.export import clip_windows
    from audioset_triplet.search import exact, hits, queries

    embed = functools.partial(clip_windows.vector_of_file, config=model) if model.model else None
    with command_line.writing("output"):
        wanted = queries.read(FLAGS.query, FLAGS.embeddings, embed)
        found = exact.search(wanted, FLAGS.embeddings, FLAGS.top, exact.at(FLAGS.output, runner, beam_options))
        paths = hits.write(FLAGS.output, found, wanted)
    print(f"{counted(len(wanted), 'query')}, {counted(found.num_rows, 'hit')}: wrote {' and '.join(paths)}")


if __name__ == "__main__":
    command_line.run_passing_on(main)
