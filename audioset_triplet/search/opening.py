"""From a config to an index, and to the limits and the filters of a search."""

import os

from audioset_triplet import tables
from audioset_triplet.config.search import STORE, FilterConfig, IndexConfig, SearchConfig
from audioset_triplet.errors import UserError
from audioset_triplet.jobs.passes import Where
from audioset_triplet.search import compact
from audioset_triplet.search.best import Limits
from audioset_triplet.search.index import Index
from audioset_triplet.search.windows import Filters


def open_index(store: str, config: IndexConfig, where: Where) -> Index:
    """What searches a folder of embeddings.

    Args:
        store: the folder.
        config: which index; its compact copy is made if it is missing.
        where: passes over the store run; its number of workers is that of threads too.

    Raises:
        UserError: no such store; what `compact.make` and `FaissIndex` raise.
    """
    if config.index != STORE:
        from audioset_triplet.search.faiss_index import FaissIndex

        return FaissIndex(store, config.index)
    if config.compact:
        from audioset_triplet.search.compact_index import CompactIndex

        making = Where(os.path.join(config.compact, compact.RESULTS), where.runner, where.beam_options)
        compact.make(config.compact, store, making)
        return CompactIndex(config.compact, store, where.runner.num_workers)
    from audioset_triplet.search.store_index import StoreIndex

    return StoreIndex(store, where)


def limits(config: SearchConfig) -> Limits:
    """How many hits a query has."""
    return Limits(config.top, config.max_per_recording)


def filters(config: FilterConfig) -> Filters:
    """The filters of a search.

    Raises:
        UserError: the file of excluded ids cannot be read, or has none.
    """
    if not config.exclude:
        return Filters(config.folds, config.folders)
    excluded = sorted({line.values[0] for line in tables.read_list(config.exclude, "clip_id")})
    if not excluded:
        raise UserError(f"--exclude={config.exclude}: names no clip and no recording: it needs an id on each line.")
    return Filters(config.folds, config.folders, tuple(excluded))
