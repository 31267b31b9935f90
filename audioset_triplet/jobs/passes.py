"""A pass over files: each gives a result of its own, as shards on any runner, and one process puts them together.

The results of a pass that was stopped are kept in a folder of their own, and the same pass goes on with the others.
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
    shards = []
    for index, path in enumerate(paths):
        status = os.stat(path)
        plan = {"path": os.path.abspath(path), "size": status.st_size, "time_ns": status.st_mtime_ns, **settings}
        shards.append(_FileShard(f"{index:05d}.result", plan))
    folder = Folder(storage.absolute(where.folder))
    with folder.held():
        folder.make()
        todo = [shard for shard in shards if not folder.is_done(shard.name, shard.digest)]
        job = Job(folder, functools.partial(_do_shard, write_result=write_result), "file", uses_gpu=uses_gpu)
        runners.run(job, todo, where.runner, where.beam_options, num_before=len(shards) - len(todo))
        yield [folder.path(shard.name) for shard in shards]
    storage.delete([folder.root])


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
