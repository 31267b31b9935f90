"""The folder that a job writes: results of shards, a report of each, and the plans of those that are still to be done.

    plan/NAME.jsonl     what belongs into a shard that is to be done; gone when the job ends
    shards/NAME.json    the report of a shard that is done: at least the digest of its plan, and the bytes of its file
    NAME                the file of a shard

A shard is done if its report names the digest of its plan and its file has the reported size.
"""

import contextlib
import dataclasses
import hashlib
import json
import uuid
from typing import Any, Dict, Iterator, Optional, Protocol, Sequence, Set

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.jobs import storage

PLAN_DIGEST, NUM_BYTES = "plan", "num_bytes"  # keys of every report
_CHECKSUM = "checksum"  # of the rest of a report; those of older versions have none


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
    prefix: str = (
        ""  # of its folders plan and shards: those who read all Parquet files below a folder skip names with _
    )

    @property
    def _plans(self) -> str:
        return self.path(f"{self.prefix}plan")

    @property
    def _reports(self) -> str:
        return self.path(f"{self.prefix}shards")

    @property
    def settings_path(self) -> str:
        """A file that is written first: what all shards have in common."""
        return storage.join(self._reports, "settings.json")

    def make(self) -> None:
        for path in (self._reports, self._plans):
            storage.make_folder(path)

    def path(self, name: str) -> str:
        return storage.join(self.root, name)

    def report_path(self, name: str) -> str:
        return storage.join(self._reports, f"{name}.json")

    def plan_path(self, name: str) -> str:
        return storage.join(self._plans, f"{name}.jsonl")

    def temporary(self) -> str:
        """A path that no other process uses."""
        return storage.join(self._plans, f"tmp-{uuid.uuid4().hex}")

    def write(self, name: str, data: bytes) -> None:
        """Writes a small file so that a reader sees the old one or the whole new one."""
        storage.write_bytes(self.temporary(), self.path(name), data)

    def write_json(self, name: str, values: Any) -> None:
        self.write(name, _json(values, indent=2))

    def write_settings(self, values: Any) -> None:
        storage.write_bytes(self.temporary(), self.settings_path, _json(values, indent=2))

    def read_plan(self, name: str) -> bytes:
        return storage.read_bytes(self.plan_path(name))

    def write_plans(self, shards: Sequence[Shard]) -> None:
        for shard in shards:
            storage.write_bytes(self.temporary(), self.plan_path(shard.name), shard.to_json_lines())

    def write_report(self, name: str, values: Dict[str, Any]) -> None:
        checked = {**values, _CHECKSUM: _checksum(values)}
        storage.write_bytes(self.temporary(), self.report_path(name), _json(checked, indent=1))

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
        if _CHECKSUM in report and report.pop(_CHECKSUM) != _checksum(report):
            raise LookupError(name)
        return report

    def reported(self, pattern: str) -> Set[str]:
        """The names of the shards that have a report, of those that match a pattern, such as `*.tfrecord`."""
        return {name[: -len(".json")] for name in storage.sizes(self._reports, f"{pattern}.json")}

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
    def held(self) -> Iterator[None]:
        """Makes the folder for the block, and holds it alone (`files.one_writer`); its plans go when the block ends.

        Raises:
            UserError: it cannot be written, or another process on this machine writes there.
        """
        try:
            with contextlib.nullcontext() if storage.is_remote(self.root) else files.one_writer(self.root):
                try:
                    yield
                finally:
                    storage.delete([self._plans])
        except OSError as error:
            raise UserError(f"{self.root}: cannot be written: {error}") from error


def _checksum(values: Dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _json(values: Any, indent: int) -> bytes:
    return (json.dumps(values, indent=indent) + "\n").encode()
