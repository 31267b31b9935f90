"""A number of damaged inputs, each named by its seed, through the programs; counts and faults by family."""

import collections
import concurrent.futures
import dataclasses
import io
import pathlib
import shutil
import tempfile
import threading
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

import numpy as np

from audioset_triplet.records import framing
from tests.fuzz import families, mutations
from tests.fuzz.families import AUDIO
from tests.fuzz.family import EXAMPLE, Family
from tests.fuzz.outcomes import Fault, Outcome

_OTHERS = 3  # of ten inputs; seven are audio
_BATCH = 100  # audio files that share a run


@dataclasses.dataclass
class Totals:
    """What became of the inputs of one family."""

    num_used: int = 0
    num_refused: int = 0
    faults: List[Tuple[Tuple[int, ...], str]] = dataclasses.field(default_factory=list)  # seeds, what happened


def family_of(seed: int, names: Sequence[str]) -> str:
    """The family of a seed: AUDIO, most often, or one of the others in turn."""
    others = [name for name in names if name != AUDIO]
    tens, ones = divmod(seed, 10)
    return others[(_OTHERS * tens + ones) % len(others)] if ones < _OTHERS else AUDIO


def write_input(seed: int, family: Family, folder: pathlib.Path) -> pathlib.Path:
    """Writes the damaged file of a seed; its name begins with the seed."""
    random = np.random.default_rng(seed)
    names = list(family.samples)
    name = names[random.integers(len(names))]
    content = mutations.mutate(family.samples[name], list(family.samples.values()), random)
    if family.takes_folder:
        name = mutations.rename(name, random)
    return write(folder / f"{seed:06d}{name}", content)


def write(path: pathlib.Path, content: bytes) -> pathlib.Path:
    """Writes an input and returns its path; the message of a record becomes a file of one record."""
    if path.name.endswith(EXAMPLE):
        path, file = path.with_name(f"{path.name}.tfrecord"), io.BytesIO()
        framing.write_record(file, content)
        content = file.getvalue()
    path.write_bytes(content)
    return path


def run(
    seeds: Sequence[int], num_processes: int = 2, only: Sequence[str] = (), progress: Callable[[int], object] = int
) -> Dict[str, Totals]:
    """Runs the inputs of some seeds.

    Args:
        seeds: of the inputs.
        num_processes: programs that run at a time.
        only: families to run; empty: all.
        progress: called with the number of inputs that are done since the last call.

    Returns:
        Name of a family -> its totals.
    """
    totals: Dict[str, Totals] = collections.defaultdict(Totals)
    lock = threading.Lock()
    with tempfile.TemporaryDirectory() as root:
        made = families.make(pathlib.Path(root))

        def work(name: str, batch: Tuple[int, ...]) -> None:
            outcome, faults = _outcome(made[name], batch)
            with lock:
                totals[name].num_used += outcome.num_used
                totals[name].num_refused += outcome.num_refused
                totals[name].faults += faults
                progress(len(batch))

        with concurrent.futures.ThreadPoolExecutor(num_processes) as pool:
            jobs = _jobs(seeds, list(made), only)
            for future in [pool.submit(work, *job) for job in jobs]:
                future.result()
    return dict(totals)


def _jobs(seeds: Sequence[int], names: Sequence[str], only: Sequence[str]) -> Iterator[Tuple[str, Tuple[int, ...]]]:
    by_family: Dict[str, List[int]] = collections.defaultdict(list)
    for seed in seeds:
        by_family[family_of(seed, names)].append(seed)
    for name, members in by_family.items():
        size = _BATCH if name == AUDIO else 1
        if not only or name in only:
            yield from ((name, tuple(members[first : first + size])) for first in range(0, len(members), size))


def _outcome(family: Family, seeds: Tuple[int, ...]) -> Tuple[Outcome, List[Tuple[Tuple[int, ...], str]]]:
    """The outcome of some inputs, and their faults; halves a folder until the files at fault are alone."""
    scratch = pathlib.Path(tempfile.mkdtemp())
    try:
        (scratch / "in").mkdir()
        (scratch / "work").mkdir()
        paths = [write_input(seed, family, scratch / "in") for seed in seeds]
        return family.run(scratch / "in" if family.takes_folder else paths[0], scratch / "work"), []
    except Fault as fault:
        if len(seeds) == 1:
            return Outcome(0, 0), [(seeds, str(fault).replace(str(scratch), ""))]
        halves = [_outcome(family, part) for part in (seeds[::2], seeds[1::2])]
        outcome = Outcome(*(sum(numbers) for numbers in zip(*(dataclasses.astuple(half[0]) for half in halves))))
        return outcome, [*halves[0][1], *halves[1][1]] or [(seeds, f"only together: {fault}")]
    finally:
        shutil.rmtree(scratch)
