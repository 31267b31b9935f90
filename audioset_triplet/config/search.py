"""How stored embeddings are searched, and how candidates of a class are mined from them."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.options import Config, option, require

STORE, FAISS_FLAT, FAISS_8BIT = "store", "faiss_flat", "faiss_8bit"
MEAN_DISTANCE, MEAN_SQUARED_DISTANCE, NEAREST_DISTANCE = "mean_distance", "mean_squared_distance", "nearest_distance"


@dataclasses.dataclass(frozen=True)
class FilterConfig(Config):
    """Which windows are searched."""

    folds: Tuple[int, ...] = option((), "Search only clips of these folds, e.g. 1,2. Empty: all.")
    folders: Tuple[str, ...] = option(
        (), "Search only clips of these folders of the archive: their ids begin with FOLDER/. Empty: all."
    )
    exclude: str = option(
        "",
        "File of clips and recordings that are not searched: an id on each line, or a table with a column clip_id.",
    )


@dataclasses.dataclass(frozen=True)
class IndexConfig(Config):
    """What is searched, and by what. Each is exact for the vectors that it holds."""

    index: str = option(
        STORE,
        "What searches: store, the windows on disk in blocks; or FAISS in memory, with the vectors as they are "
        "(faiss_flat) or with 8 bits for each of their numbers (faiss_8bit).",
        (STORE, FAISS_FLAT, FAISS_8BIT),
    )
    compact: str = option(
        "",
        "Folder of a compact copy of the embeddings, a byte for each number, which is searched in their place; made "
        "if it is missing.",
    )

    def check_rules(self) -> None:
        in_memory = self.index != STORE
        require(not (in_memory and self.compact), f"--compact is searched in blocks, not by --index={self.index}.")


@dataclasses.dataclass(frozen=True)
class HitsPageConfig(Config):
    """What the page of a search shows."""

    data: str = option("", "TFRecords of the clips (globs), for players and spectrograms of the hits.")
    audio: str = option("", "Folder of sound files that was embedded, in place of --data.")
    hits_on_page: int = option(24, "Hits of each query on the page; the files have all of them.", at_least=1)

    def check_rules(self) -> None:
        require(not (self.data and self.audio), "--data and --audio are two ways to the same audio: give one of them.")


@dataclasses.dataclass(frozen=True)
class SearchConfig(Config):
    """What `experiments.search` can be told."""

    top: int = option(100, "Hits of each query.", at_least=1)
    max_per_recording: int = option(
        0, "At most so many hits of a query are of one recording. 0: any number.", at_least=0
    )
    filters: FilterConfig = dataclasses.field(default_factory=FilterConfig)
    index: IndexConfig = dataclasses.field(default_factory=IndexConfig)
    page: HitsPageConfig = dataclasses.field(default_factory=HitsPageConfig)


@dataclasses.dataclass(frozen=True)
class ExemplarConfig(Config):
    """Which windows of the exemplars are searched for, and how similar they are to others."""

    scoring: str = option(
        MEAN_DISTANCE,
        "What a window scores: its average distance to the exemplar windows of a cluster, the average of the squared "
        "distances, or the distance to the nearest of them.",
        (MEAN_DISTANCE, MEAN_SQUARED_DISTANCE, NEAREST_DISTANCE),
    )
    near_share: float = option(
        0.03,
        "Two windows are near if they are nearer than this share of windows drawn at random is to an exemplar window. "
        "Exemplar windows join a cluster while they are near on average.",
        above=0,
        below=1,
    )
    common_share: float = option(
        0.06,
        "Exemplar windows that are near to more than this share of windows drawn at random, such as silence, are left "
        "out, but for the least common one of each segment. 1: none.",
        above=0,
        at_most=1,
    )


@dataclasses.dataclass(frozen=True)
class MiningConfig(Config):
    """What `experiments.mine` can be told."""

    exemplars: str = option(
        "",
        "Table of exemplar segments: segment_id, start_time_seconds, end_time_seconds, label; without times the whole "
        "clip. Each label is a class of its own.",
    )
    clips: Tuple[str, ...] = option((), "In place of --exemplars: clips of the store that are exemplars of --label.")
    label: str = option("", "The class of --clips.")
    candidates: int = option(100, "Candidates of each class.", at_least=1)
    max_per_recording: int = option(
        0, "At most so many candidates of a class are of one recording. 0: any.", at_least=0
    )
    candidate_seconds: float = option(10.0, "Length of a candidate: a hit with what is around it in its clip.", above=0)
    exemplar: ExemplarConfig = dataclasses.field(default_factory=ExemplarConfig)
    filters: FilterConfig = dataclasses.field(default_factory=FilterConfig)
    index: IndexConfig = dataclasses.field(default_factory=IndexConfig)

    def check_rules(self) -> None:
        require(not (self.exemplars and self.clips), "--exemplars and --clips both name exemplars: give one of them.")
        require(bool(self.clips) == bool(self.label), "--label is the class of --clips: give both, or neither.")
