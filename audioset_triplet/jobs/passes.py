"""A pass over files: each gives a result of its own, as shards on any runner, and one process puts them together.

The results of a pass that was stopped are kept in a folder of their own, and the same pass goes on with the others.
Results of use beyond the pass stay where they are (`keep`).
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Mapping, Sequence

from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.jobs import runner as runners
from audioset_triplet.jobs import storage
from audioset_triplet.jobs.folder import NUM_BYTES, PLAN_DIGEST, Folder
from audioset_triplet.jobs.job import Job, Progress

# Writes the result of a file, whose path it is given, to an open file.
WriteResult = Callable[[str, BinaryIO], None]


@dataclasses.dataclass(frozen=True)
class Where:
    """Where a pass runs."""

    folder: str  # of the results, on this machine; gone when all are used
    runner: RunnerConfig = dataclasses.field(default_factory=RunnerConfig)
    beam_options: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class _FileShard:
    """One file."""

    name: str
    plan: Mapping[str, Any]  # the path, what tells whether it has changed, and what else its result depends on

    @property
    def digest(self) -> str:
        return _digest(self.to_json_lines())

    def __len__(self) -> int:
        return 1

    def to_json_lines(self) -> bytes:
        return (json.dumps(self.plan, sort_keys=True) + "\n").encode()


@contextlib.contextmanager
def results(
    paths: Sequence[str], settings: Mapping[str, Any], write_result: WriteResult, where: Where, uses_gpu: bool = False
) -> Iterator[List[str]]:
    """The results of some files, as files in the same order; they are deleted when the block ends without an error.

    Args:
        paths: the files, on this machine.
        settings: whatever else the results depend on, as JSON has it.
        write_result: goes to workers by pickle.
        where: it runs.
        uses_gpu: each process claims a GPU where there are some.

    Raises:
        UserError: what `write_result` and `runner.run` raise; another process writes these results.
    """
    names = {f"{index:05d}.result": path for index, path in enumerate(paths)}
    folder = Folder(storage.absolute(where.folder))
    with folder.held():
        _make(folder, names, settings, write_result, where, uses_gpu)
        yield [folder.path(name) for name in names]
    storage.delete([folder.root])


def keep(paths: Mapping[str, str], settings: Mapping[str, Any], write_result: WriteResult, where: Where) -> None:
    """Makes the results of some files, under names of their own in the folder of `where`, where they stay.

    A result that is there is made again only where its file or the settings have changed; one of a file that is not
    among these any more is deleted.

    Args:
        paths: name of a result -> its file.
        settings, write_result, where: as for `results`; raises what that raises.
    """
    folder = Folder(storage.absolute(where.folder), prefix="_")
    with folder.held():
        for name in sorted(folder.reported("*").difference(paths)):
            storage.delete([folder.path(name), folder.report_path(name)])
        _make(folder, paths, settings, write_result, where)


def _make(
    folder: Folder,
    paths: Mapping[str, str],
    settings: Mapping[str, Any],
    write_result: WriteResult,
    where: Where,
    uses_gpu: bool = False,
) -> None:
    """Makes the results that are missing."""
    shards = []
    for name, path in paths.items():
        status = os.stat(path)
        plan = {"path": os.path.abspath(path), "size": status.st_size, "time_ns": status.st_mtime_ns, **settings}
        shards.append(_FileShard(name, plan))
    folder.make()
    todo = [shard for shard in shards if not folder.is_done(shard.name, shard.digest)]
    job = Job(folder, functools.partial(_do_shard, write_result=write_result), "file", uses_gpu=uses_gpu)
    runners.run(job, todo, where.runner, where.beam_options, num_before=len(shards) - len(todo))


def _do_shard(folder: Folder, name: str, _: Progress, write_result: WriteResult) -> None:
    plan = folder.read_plan(name)
    if folder.is_done(name, _digest(plan)):
        return
    with storage.appearing(folder.temporary(), folder.path(name)) as file:
        write_result(json.loads(plan)["path"], file)
    report: Dict[str, Any] = {PLAN_DIGEST: _digest(plan), NUM_BYTES: folder.num_bytes(name)}
    folder.write_report(name, report)


def _digest(plan: bytes) -> str:
    return hashlib.sha256(plan).hexdigest()
