"""A planned shard -> its file of records, and a report.

The bytes of a shard depend on its plan alone. It is written under a unique name and then renamed, so that two writers
at once, or one that is killed, do no harm.
"""

import collections
import dataclasses
import hashlib
from typing import Any, BinaryIO, Dict, List, NamedTuple, Optional

from audioset_triplet.errors import UserError
from audioset_triplet.jobs import storage
from audioset_triplet.jobs.folder import Folder
from audioset_triplet.jobs.job import Progress
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.records import schema
from audioset_triplet.records.framing import write_record
from data_prep import clip_maker
from data_prep.config import FramesConfig, RecordsConfig
from data_prep.plan import ClipRequest, Shard

# A run does not stop for fewer rejects, whatever fraction of the clips they are.
MIN_REJECTS_TO_STOP = 10


@dataclasses.dataclass(frozen=True)
class Reject:
    """A request that became no record; `reason` is that of an `AudioError`."""

    clip_id: str
    path: str
    reason: str
    message: str


@dataclasses.dataclass(frozen=True)
class ShardReport:
    """A written shard in numbers."""

    plan: str  # `Shard.digest`
    sha256: str  # of its file
    num_bytes: int
    num_clips: int  # records
    num_samples: int  # of all clips, in one channel, at the rate of the records
    rates_hz: Dict[str, int]  # sample rate of the files, as text -> number of files
    silent: List[str]  # ids of requests whose peak is below -80 dBFS
    short: List[str]  # ids of requests whose file is shorter than listed by more than the slack
    cut: Dict[str, int]  # id of a request whose file gave several clips -> their number
    rejects: List[Reject]

    @classmethod
    def from_json(cls, values: Dict[str, Any]) -> "ShardReport":
        """
        Raises:
            TypeError, KeyError: not the fields of a report.
        """
        return cls(**{**values, "rejects": [Reject(**reject) for reject in values["rejects"]]})


@dataclasses.dataclass(frozen=True)
class Rules:
    """How audio files become records, and how many of them may be rejected."""

    records: RecordsConfig
    max_reject_fraction: float
    frames: Optional[FramesConfig] = None  # the files are videos, and records have images too

    def check_rejects(self, num_rejects: int, num_files: int, where: str, last: str) -> None:
        """Raises a UserError if too many files were rejected."""
        if num_rejects >= MIN_REJECTS_TO_STOP and num_rejects > self.max_reject_fraction * num_files:
            raise UserError(
                f"{where}: {num_rejects} of {num_files} files cannot be used, which is more than "
                f"--max_reject_fraction={self.max_reject_fraction:g} allows; the last: {last}"
            )


def read_report(folder: Folder, name: str) -> ShardReport:
    """
    Raises:
        LookupError: there is none, or it cannot be read.
    """
    try:
        return ShardReport.from_json(folder.read_report(name))
    except (ValueError, TypeError, KeyError) as error:
        raise LookupError(name) from error


def is_written(folder: Folder, shard: Shard) -> bool:
    """Whether a shard is written as planned, with a report that can be read."""
    try:
        read_report(folder, shard.name)
    except LookupError:
        return False
    return folder.is_done(shard.name, shard.digest)


def write_shard(folder: Folder, name: str, progress: Progress, rules: Rules) -> None:
    """Writes a shard and then its report, unless both exist.

    Raises:
        UserError: too many rejects.
        OSError: a full disk, for example.
    """
    shard = Shard.from_json_lines(name, folder.read_plan(name))
    if is_written(folder, shard):
        return
    outcomes: List[_Outcome] = []
    rejects: List[Reject] = []
    with storage.appearing(folder.temporary(), folder.path(name)) as plain:
        file = _HashedFile(plain)
        for num_done, request in enumerate(shard.requests):
            progress(num_done)
            try:
                outcomes.append(_write_clips(file, request, rules))
            except AudioError as error:
                rejects.append(Reject(request.clip_id, str(request.location), error.reason, str(error)))
                rules.check_rejects(len(rejects), len(shard.requests), name, str(error))
    rates = collections.Counter(outcome.file_rate_hz for outcome in outcomes)
    report = ShardReport(
        plan=shard.digest,
        sha256=file.sha256.hexdigest(),
        num_bytes=file.num_bytes,
        num_clips=sum(outcome.num_clips for outcome in outcomes),
        num_samples=sum(outcome.num_samples for outcome in outcomes),
        rates_hz={str(rate_hz): rates[rate_hz] for rate_hz in sorted(rates)},
        silent=[outcome.clip_id for outcome in outcomes if outcome.is_silent],
        short=[outcome.clip_id for outcome in outcomes if outcome.is_short],
        cut={outcome.clip_id: outcome.num_clips for outcome in outcomes if outcome.num_clips > 1},
        rejects=rejects,
    )
    folder.write_report(name, dataclasses.asdict(report))


class _Outcome(NamedTuple):
    """The clips of one request that was written."""

    clip_id: str  # of the request
    num_clips: int
    num_samples: int
    file_rate_hz: int
    is_silent: bool  # all of them
    is_short: bool


def _write_clips(file: "_HashedFile", request: ClipRequest, rules: Rules) -> _Outcome:
    """Appends the records of one request.

    Raises:
        AudioError: it has none; nothing has been written.
    """
    num_clips = num_samples = 0
    is_silent = True
    for made in clip_maker.make_clips(request, rules.records, rules.frames):
        write_record(file, schema.clip_to_example(made.clip))
        num_clips += 1
        num_samples += made.clip.num_samples
        is_silent = is_silent and made.is_silent
    return _Outcome(request.clip_id, num_clips, num_samples, made.file_rate_hz, is_silent, made.is_short)


class _HashedFile:
    """A file that is written from beginning to end, with the digest and the number of its bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.num_bytes = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.sha256.update(data)
        self.num_bytes += len(data)
