"""Work on many items, each of which gives a line of JSON: by processes or a cluster, and resumed where it was stopped.

The items go into shards of fixed size, so that more items at the end leave the shards before them as they are.
"""

import dataclasses
import functools
import hashlib
import json
from typing import Any, Callable, Collection, Dict, List, Sequence

from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.jobs import runner as runners
from audioset_triplet.jobs import storage
from audioset_triplet.jobs.folder import NUM_BYTES, PLAN_DIGEST, Folder
from audioset_triplet.jobs.job import Job, Progress

# An item -> its result, both as JSON has them; goes to workers by pickle.
Work = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class LineJob:
    """What is done with items.

    Attributes:
        name: how the names of the files of results begin.
        work: an item -> its result.
        depends_on: whatever else results depend on, as text.
        unit: of the items, for the progress bar.
        per_shard: items in a shard.
    """

    name: str
    work: Work
    depends_on: str
    unit: str
    per_shard: int


@dataclasses.dataclass(frozen=True)
class _Shard:
    name: str
    items: Sequence[Any]
    depends_on: str

    @property
    def digest(self) -> str:
        return _digest(self.depends_on, self.to_json_lines())

    def __len__(self) -> int:
        return len(self.items)

    def to_json_lines(self) -> bytes:
        return _lines(self.items)


def results(
    job: LineJob,
    items: Sequence[Any],
    folder: Folder,
    runner: RunnerConfig,
    beam_options: Sequence[str] = (),
    again: Collection[int] = (),
) -> List[Any]:
    """The results of items, in their order.

    Args:
        job: what is done.
        items: as JSON has them.
        folder: of the results, which `held` holds; they stay there for the next run.
        runner: where the work is done.
        beam_options: arguments for Apache Beam.
        again: indices of items that are done again, whatever results there are.

    Raises:
        UserError: what `job.work` and `runner.run` raise.
    """
    folder.make()
    shards = [
        _Shard(f"{job.name}-{start // job.per_shard:05d}.jsonl", items[start : start + job.per_shard], job.depends_on)
        for start in range(0, len(items), job.per_shard)
    ]
    numbers = {index // job.per_shard for index in again}
    todo = [
        shard
        for number, shard in enumerate(shards)
        if number in numbers or not folder.is_done(shard.name, shard.digest)
    ]
    storage.delete([folder.report_path(shard.name) for shard in todo])
    do_shard = functools.partial(_do_shard, work=job.work, depends_on=job.depends_on)
    num_before = len(items) - sum(map(len, todo))
    runners.run(Job(folder, do_shard, job.unit), todo, runner, beam_options, num_before=num_before)
    lines = [line for shard in shards for line in storage.read_bytes(folder.path(shard.name)).splitlines()]
    return [json.loads(line) for line in lines]


def _do_shard(folder: Folder, name: str, progress: Progress, work: Work, depends_on: str) -> None:
    plan = folder.read_plan(name)
    digest = _digest(depends_on, plan)
    if folder.is_done(name, digest):
        return
    results = []
    for line in plan.splitlines():
        results.append(work(json.loads(line)))
        progress(len(results))
    data = _lines(results)
    storage.write_bytes(folder.temporary(), folder.path(name), data)
    report: Dict[str, Any] = {PLAN_DIGEST: digest, NUM_BYTES: len(data)}
    folder.write_report(name, report)


def _lines(values: Sequence[Any]) -> bytes:
    return "".join(f"{json.dumps(value, separators=(',', ':'))}\n" for value in values).encode()


def _digest(depends_on: str, plan: bytes) -> str:
    return hashlib.sha256(depends_on.encode() + b"\n" + plan).hexdigest()
