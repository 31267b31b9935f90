"""Searches stored embeddings for the windows that are most similar to a clip, a window, a sound file or a vector.

  python -m experiments.search --embeddings=DIR --query=talks/a.wav --query=talks/b.wav@12.5 --top=100 --output=hits
  python -m experiments.search --embeddings=DIR --query=siren.wav --query=city.wav@61.2 --model=model --output=hits

--query is a clip id of the store, whose vector is the weighted mean of its windows; CLIP_ID@SECONDS, the window
there; a sound file, or FILE@SECONDS for an event in one, which the model of the store embeds (--model); or an .npy file
of one vector or several. It may be given several times. The search is exact: every window is compared, and hits are
ordered by cosine, then by clip id and start. Windows of the query's own clip are left out. OUTPUT/hits.parquet and
OUTPUT/hits.csv have query, rank, clip, start, cosine and labels; OUTPUT/hits.html plays the first hits (--data or
--audio), beside the cosines of windows drawn at random.

All cores of the machine work, part by part of the store; --runner chooses a cluster instead, and its options follow
after --. --compact keeps a copy of a byte for each number, which is searched some times faster.
"""

import functools
from typing import List

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.search import SearchConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("embeddings", "", "Folder of embeddings that experiments.embed wrote.")
flags.DEFINE_multi_string("query", [], "What to search for.")
flags.DEFINE_string("output", "", "Folder for hits.parquet, hits.csv and hits.html.")
command_line.define_flags(SearchConfig)
command_line.define_flags(EmbeddingModelConfig)
command_line.define_flags(RunnerConfig)


def main(beam_options: List[str]) -> None:
    command_line.require_flags("embeddings", "query", "output")
    config = command_line.config_from_flags(SearchConfig())
    model = command_line.config_from_flags(EmbeddingModelConfig())
    runner = command_line.config_from_flags(RunnerConfig())
    from audioset_triplet.export import clip_windows
    from audioset_triplet.reports import excerpts, hits_page
    from audioset_triplet.search import hits, opening, queries, random_windows, store_index
    from audioset_triplet.store import embeddings

    embed = functools.partial(clip_windows.vector_of_file, config=model) if model.model else None
    excerpts.check(config.page.data, config.page.audio)  # before the search, which takes long
    with command_line.writing("output"):
        filters = opening.filters(config.filters)
        given = queries.read(FLAGS.query, FLAGS.embeddings, embed)
        wanted = queries.wanted(given)
        where = store_index.at(FLAGS.output, runner, beam_options)
        index = opening.open_index(FLAGS.embeddings, config.index, where)
        found = index.search(wanted, opening.limits(config), filters)
        paths = hits.write(FLAGS.output, found, given)
        drawn = random_windows.draw(FLAGS.embeddings)
        report = hits_page.report(given, wanted, found, drawn, embeddings.read_info(FLAGS.embeddings), config.page)
        report.write(FLAGS.output)
    print(f"{report.headline}: wrote {', '.join(paths)} and {FLAGS.output}/hits.html")


if __name__ == "__main__":
    command_line.run_passing_on(main)
