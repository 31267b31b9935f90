"""The folder that a job writes: results of shards, a report of each, and the plans of those that are still to be done.

    plan/NAME.jsonl     what belongs into a shard that is to be done; gone when the job ends
    shards/NAME.json    the report of a shard that is done: at least the digest of its plan, and the bytes of its file
    NAME                the file of a shard

A shard is done if its report names the digest of its plan and its file has the reported size.
"""

import contextlib
import dataclasses
import json
import os
import uuid
from typing import Any, Dict, Iterator, Optional, Protocol, Sequence, Set

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.jobs import storage

PLANS, REPORTS = "plan", "shards"
PLAN_DIGEST, NUM_BYTES = "plan", "num_bytes"  # keys of every report
SETTINGS = f"{REPORTS}/settings.json"  # written first: what all shards have in common


class Shard(Protocol):
    """A part of a job."""

    @property
    def name(self) -> str:
        """The name of its file."""
        ...

    @property
    def digest(self) -> str:
        """Of everything that its file depends on."""
        ...

    def to_json_lines(self) -> bytes:
        """Its plan: an item in each line."""
        ...

    def __len__(self) -> int:
        """The number of its items."""
        ...


@dataclasses.dataclass(frozen=True)
class Folder:
    """The paths in the folder of a job, on this machine or another (gs://, s3://, hdfs://)."""

    root: str

    def make(self) -> None:
        for name in (REPORTS, PLANS):
            storage.make_folder(storage.join(self.root, name))

    def path(self, name: str) -> str:
        return storage.join(self.root, name)

    def report_path(self, name: str) -> str:
        return storage.join(self.root, REPORTS, f"{name}.json")

    def plan_path(self, name: str) -> str:
        return storage.join(self.root, PLANS, f"{name}.jsonl")

    def temporary(self, name: str) -> str:
        """A path that no other process uses."""
        return storage.join(self.root, PLANS, f"{name.replace('/', '-')}.tmp-{uuid.uuid4().hex}")

    def write(self, name: str, data: bytes) -> None:
        """Writes a small file so that a reader sees the old one or the whole new one."""
        storage.write_bytes(self.temporary(name), self.path(name), data)

    def write_json(self, name: str, values: Any, indent: int = 2) -> None:
        self.write(name, (json.dumps(values, indent=indent) + "\n").encode())

    def read_plan(self, name: str) -> bytes:
        return storage.read_bytes(self.plan_path(name))

    def write_plans(self, shards: Sequence[Shard]) -> None:
        for shard in shards:
            storage.write_bytes(self.temporary(shard.name), self.plan_path(shard.name), shard.to_json_lines())

    def write_report(self, name: str, values: Dict[str, Any]) -> None:
        self.write_json(f"{REPORTS}/{name}.json", values, indent=1)

    def read_report(self, name: str) -> Dict[str, Any]:
        """
        Raises:
            LookupError: there is none, or it is damaged.
        """
        try:
            report = json.loads(storage.read_bytes(self.report_path(name)))
        except (OSError, ValueError) as error:
            raise LookupError(name) from error
        if not isinstance(report, dict):
            raise LookupError(name)
        return report

    def reported(self, pattern: str) -> Set[str]:
        """The names of the shards that have a report, of those that match a pattern, such as `*.tfrecord`."""
        return {name[: -len(".json")] for name in storage.sizes(self.path(REPORTS), f"{pattern}.json")}

    def is_done(self, name: str, digest: str) -> bool:
        """Whether a shard is written as planned."""
        try:
            report = self.read_report(name)
        except LookupError:
            return False
        return report.get(PLAN_DIGEST) == digest and report.get(NUM_BYTES) == self.num_bytes(name)

    def num_bytes(self, name: str) -> Optional[int]:
        """The size of a shard's file; None: there is none."""
        return storage.size(self.path(name))

    @contextlib.contextmanager
    def held(self, work: str) -> Iterator[None]:
        """Makes the folder for the block, and removes it again if nothing has been written; its plans go in any case.

        Args:
            work: what this process does, for the error of another one that would do it at the same time.

        Raises:
            UserError: it cannot be written, or another process on this machine holds it.
        """
        try:
            with contextlib.ExitStack() as stack:
                if not storage.is_remote(self.root):
                    if not os.path.exists(self.root):
                        os.makedirs(self.root, exist_ok=True)
                        stack.callback(_remove_if_empty, self.root)
                    stack.enter_context(files.held_alone(self.root, work))
                stack.callback(storage.delete, [self.path(PLANS)])
                yield
        except OSError as error:
            raise UserError(f"{self.root}: cannot be written: {error}") from error


def _remove_if_empty(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(folder)
