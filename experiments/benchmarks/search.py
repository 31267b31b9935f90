"""How fast exact search is, and in how much memory: a compact copy of a store on disk, beside FAISS in memory.

    python -m experiments.benchmarks.search --output=benchmark

makes --windows unit vectors (128-d, planted around modes) as a store in a temporary folder, 0.7 KB for each, and a
compact copy of it. It then takes the 100 nearest windows to one exemplar, to 32 exemplars of one mode, by average
distance, and to 32 of different modes, where the bound of their mean says little. Each is measured in a process of its
own: cold, from a copy that the kernel was asked to drop from its page cache (`posix_fadvise`; a cache below the kernel
stays) to the hits, what is read first included, and again warm. The memory is the highest beyond mapped files.
--interactive_windows is measured too. FAISS (extra faiss) gets as many of the windows as fit into a third of the memory
that is free, since its memory doubles while it grows.
"""

import os
import pathlib
import tempfile
import threading
import time
from typing import Any, Dict, Sequence

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_integer("windows", 20_000_000, "Windows of the store, in tens of thousands.", 10_000)
flags.DEFINE_integer("interactive_windows", 1_000_000, "Windows of a smaller store, likewise.", 10_000)
flags.DEFINE_integer("workers", 0, "Threads and processes; 0: one for each core.", 0)
flags.DEFINE_string("folder", "", "Where the temporary folder is made. Empty: where the system has such folders.")

MODULE = "experiments.benchmarks.search"  # also where it runs as a program
EMBEDDING_SIZE = 128
WINDOWS_PER_CLIP = 10
PART_WINDOWS = 10_000
MODES, NOISE = 1_000, 1.0  # the cosine of two windows of a mode is about 0.5; of a million windows it has a thousand
TOP = 100
EXEMPLARS = {"1 exemplar": (1, True), "32 exemplars": (32, True), "32 unlike exemplars": (32, False)}
FAISS_BYTES = {"faiss_flat": 4, "faiss_8bit": 1}  # for each number


def make_store(folder: str, num_windows: int) -> Dict[str, float]:
    """Planted windows in parts of a store; returns how long it took."""
    import numpy as np
    import pyarrow as pa

    from audioset_triplet.store import parquet, window_parts
    from audioset_triplet.store.embedding_parts import StoreInfo

    started = time.monotonic()
    os.makedirs(folder)
    schema = window_parts.build_schema(StoreInfo("planted", "none", EMBEDDING_SIZE, "benchmark"))
    starts = np.tile(np.arange(WINDOWS_PER_CLIP, dtype=np.float32), PART_WINDOWS // WINDOWS_PER_CLIP)
    empty = pa.array([[]] * PART_WINDOWS, pa.list_(pa.int64()))  # labels
    for part in progress_bar(range(num_windows // PART_WINDOWS), "store", "parts"):
        clips = [f"planted{part:05d}-{number:05d}" for number in range(PART_WINDOWS // WINDOWS_PER_CLIP)]
        clip_ids = pa.array(np.repeat(np.array(clips, object), WINDOWS_PER_CLIP), pa.string())
        vectors = planted(np.random.default_rng([1, part]).integers(MODES, size=PART_WINDOWS), part)
        arrays = [
            clip_ids,
            clip_ids,
            pa.array(starts),
            pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), EMBEDDING_SIZE),
            pa.array(np.ones(PART_WINDOWS, np.float32)),
            empty,
            empty.cast(pa.list_(pa.string())),
            pa.array(np.zeros(PART_WINDOWS, np.int64)),
        ]
        parquet.write(pa.table(arrays, schema=schema), os.path.join(folder, f"embeddings-{part:05d}.parquet"))
    return {"s": time.monotonic() - started}


def planted(modes: Any, seed: int) -> Any:
    """Unit vectors around these modes [R]: float32 [R, D]."""
    import numpy as np

    centres = np.random.default_rng(0).standard_normal((MODES, EMBEDDING_SIZE), np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    drawn = np.random.default_rng([2, seed]).standard_normal((len(modes), EMBEDDING_SIZE), np.float32)
    vectors = centres[modes] + NOISE / EMBEDDING_SIZE**0.5 * drawn
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_copy(folder: str, workers: int) -> Dict[str, float]:
    """The compact copy of FOLDER/store; returns how long it took."""
    from audioset_triplet.config.runners import RunnerConfig
    from audioset_triplet.jobs.passes import Where
    from audioset_triplet.search import compact

    started = time.monotonic()
    runner = RunnerConfig(num_workers=workers)
    copy = os.path.join(folder, "copy")
    compact.make(copy, os.path.join(folder, "store"), Where(os.path.join(copy, compact.RESULTS), runner))
    return {"s": time.monotonic() - started}


def measure(index: str, folder: str, groups: Sequence[str], workers: int) -> Dict[str, shared.Row]:
    """Seconds and MiB of searches in a folder, which holds store/ and copy/, for some of EXEMPLARS, by their names.

    Only the first is cold.

    Args:
        index: compact, or one of FAISS.
        folder: the folder.
        groups: names of exemplars.
        workers: as the flag.
    """
    import numpy as np

    from audioset_triplet.search.best import Limits, Wanted
    from audioset_triplet.search.compact_index import CompactIndex
    from audioset_triplet.search.faiss_index import FaissIndex
    from audioset_triplet.search.index import Index
    from audioset_triplet.search.scorings import MeanDistance
    from audioset_triplet.search.windows import Filters

    store, copy = os.path.join(folder, "store"), os.path.join(folder, "copy")
    if index == "compact":
        drop_from_cache(copy)
    rows: Dict[str, shared.Row] = {}
    with Watch() as watch:
        started = time.monotonic()
        opened: Index = CompactIndex(copy, store, workers) if index == "compact" else FaissIndex(store, index)
        ready = time.monotonic()
        for group in groups:
            number, are_alike = EXEMPLARS[group]
            vectors = planted(np.full(number, 7) if are_alike else np.arange(number), 1 << 30)
            wanted = [Wanted(MeanDistance(vectors))]
            opened.search(wanted, Limits(TOP), Filters())
            first = time.monotonic()
            opened.search(wanted, Limits(TOP), Filters())
            cold = first - started if index == "compact" else float("nan")
            rows[group] = {"cold: s": cold, "open: s": ready - started, "warm: s": time.monotonic() - first}
    return {group: {**row, "MiB": watch.highest} for group, row in rows.items()}


class Watch:
    """The highest memory (MiB) of this process beyond mapped files, until the block ends."""

    def __enter__(self) -> "Watch":
        self.highest = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._ended.wait(0.02):
            with open("/proc/self/status", encoding="ascii") as file:
                [line] = [line for line in file if line.startswith("RssAnon:")]
            self.highest = max(self.highest, int(line.split()[1]) / 1024)


def drop_from_cache(folder: str) -> None:
    """Asks the kernel to forget the files of a folder."""
    for path in pathlib.Path(folder).iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # pages that are not on disk yet stay
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def first_windows(folder: str, source: str, num_windows: int) -> None:
    """A store of the first windows of another one, by links to its parts."""
    os.makedirs(folder)
    for path in sorted(pathlib.Path(source).iterdir())[: num_windows // PART_WINDOWS]:
        os.link(path, os.path.join(folder, path.name))


def fitting_windows(num_bytes: int) -> int:
    """How many windows fit into a third of the memory that is free, with so many bytes for each number."""
    with open("/proc/meminfo", encoding="ascii") as file:
        [line] = [line for line in file if line.startswith("MemAvailable:")]
    fitting = int(line.split()[1]) * 1024 // 3 // (num_bytes * EMBEDDING_SIZE + 100)
    return max(1, min(fitting, FLAGS.windows) // PART_WINDOWS) * PART_WINDOWS


def measure_all(index: str, place: str, num_windows: int) -> Dict[str, shared.Row]:
    """The rows of an index of so many windows: each of compact cold; FAISS, which takes minutes to fill, is warm."""
    together = [[group] for group in EXEMPLARS] if index == "compact" else [list(EXEMPLARS)]
    rows: Dict[str, shared.Row] = {}
    for groups in together:
        repeats = [shared.call(MODULE, "measure", index, place, groups, FLAGS.workers) for _ in range(FLAGS.repeats)]
        for group in groups:
            title = f"{index}, {num_windows:,} windows, {group}"
            rows[title] = shared.medians([repeat[group] for repeat in repeats])
    return rows


def main() -> None:
    command_line.require_flags("output")
    rows: Dict[str, shared.Row] = {}
    sizes = [("compact", FLAGS.windows), ("compact", FLAGS.interactive_windows)]
    sizes += [(name, fitting_windows(num_bytes)) for name, num_bytes in FAISS_BYTES.items()]
    with tempfile.TemporaryDirectory(dir=FLAGS.folder or None) as folder:
        whole = os.path.join(folder, "whole")
        made = shared.call(MODULE, "make_store", whole, FLAGS.windows)
        print(f"made {FLAGS.windows:,} windows in {made['s']:.0f} s", flush=True)
        for index, num_windows in sizes:
            place = os.path.join(folder, f"{index}-{num_windows}")
            first_windows(os.path.join(place, "store"), whole, num_windows)
            if index == "compact":
                copied = shared.call(MODULE, "make_copy", place, FLAGS.workers)
                print(f"made the compact copy of {num_windows:,} windows in {copied['s']:.0f} s", flush=True)
            rows.update(measure_all(index, place, num_windows))
            shared.write(rows, "search")  # FAISS may run out of memory


if __name__ == "__main__":
    command_line.run(main, writes="output")
