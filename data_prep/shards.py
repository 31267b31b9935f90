"""A planned shard -> its file of records, and an account of it.

Whoever writes a shard, and how often, the bytes are the same: it is written under a name that nobody else uses and
then renamed, so that two attempts at once, or one that was killed, do no harm.
"""

import collections
import contextlib
import dataclasses
import hashlib
import json
import posixpath
import uuid
from typing import BinaryIO, Dict, Iterator, List, Optional, Set

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from audioset_triplet.errors import UserError
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.records import schema
from audioset_triplet.records.framing import write_record
from data_prep import clip_maker
from data_prep.config import FramesConfig, RecordsConfig
from data_prep.plan import Shard

# A run is not stopped for fewer rejects than this, whatever part of the clips they are.
FEWEST_REJECTS_TO_STOP = 10


@dataclasses.dataclass(frozen=True)
class Reject:
    """A request that became no record; `reason` is that of an `AudioError`."""

    clip_id: str
    path: str
    reason: str
    message: str


@dataclasses.dataclass(frozen=True)
class Account:
    """What came of a shard."""

    plan: str  # `Shard.digest`
    sha256: str  # of its file
    num_bytes: int
    num_clips: int  # records
    num_samples: int  # of all clips, at 16 kHz
    rates_hz: Dict[str, int]  # rate of the sounds, as text -> number of sounds
    silent: List[str]  # ids of requests whose peak is below -80 dBFS
    short: List[str]  # ids of requests whose sound is shorter than listed by more than the slack
    cut: Dict[str, int]  # id of a request whose sound gave several clips -> how many
    rejects: List[Reject]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Account":
        """
        Raises:
            ValueError, TypeError, KeyError: not what `to_json` gives.
        """
        values = json.loads(text)
        return cls(**{**values, "rejects": [Reject(**reject) for reject in values["rejects"]]})


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder of records, here or on another machine (gs://, s3://, hdfs://): who lies where in it."""

    root: str

    def make(self) -> None:
        """Makes the folder and those in it, where the file system has such a thing."""
        for name in ("shards", "plan"):
            # Where it fails the folder is there, or the first file in it fails too and says why.
            with contextlib.suppress(BeamIOError, OSError):
                FileSystems.mkdirs(FileSystems.join(self.root, name))

    def shard(self, name: str) -> str:
        return FileSystems.join(self.root, name)

    def account(self, name: str) -> str:
        return FileSystems.join(self.root, "shards", f"{name}.json")

    def plan(self, name: str) -> str:
        return FileSystems.join(self.root, "plan", f"{name}.jsonl")

    def temporary(self, name: str) -> str:
        return FileSystems.join(self.root, "plan", f"{name}.tmp-{uuid.uuid4().hex}")


@dataclasses.dataclass(frozen=True)
class Rules:
    """What is made of sounds, and how many of them may be unusable."""

    records: RecordsConfig
    max_reject_fraction: float
    frames: Optional[FramesConfig] = None  # the sounds are videos, whose records have pictures too

    def check_rejects(self, num_rejects: int, num_sounds: int, where: str, last: str) -> None:
        """Raises a UserError if more sounds were rejected than may be."""
        if num_rejects >= FEWEST_REJECTS_TO_STOP and num_rejects > self.max_reject_fraction * num_sounds:
            raise UserError(
                f"{where}: {num_rejects} of {num_sounds} sounds cannot be used, which is more than "
                f"--max_reject_fraction={self.max_reject_fraction:g} allows; the last: {last}"
            )


def read_bytes(path: str) -> bytes:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return file.read()


def read_account(folder: Folder, name: str) -> Account:
    """
    Raises:
        LookupError: there is none that could be read.
    """
    try:
        return Account.from_json(read_bytes(folder.account(name)).decode())
    except (BeamIOError, OSError, ValueError, TypeError, KeyError) as error:
        raise LookupError(name) from error


def accounts_there(folder: Folder) -> Set[str]:
    """The names of the shards that have an account."""
    matches = FileSystems.match([folder.account("*.tfrecord")])[0].metadata_list
    return {posixpath.basename(match.path)[: -len(".json")] for match in matches}


def is_written(folder: Folder, shard: Shard) -> bool:
    """Whether a shard is there as it is planned, by its account and the size of its file."""
    try:
        account = read_account(folder, shard.name)
        [found] = FileSystems.match([folder.shard(shard.name)])[0].metadata_list
    except (LookupError, BeamIOError, ValueError):
        return False
    return account.plan == shard.digest and account.num_bytes == found.size_in_bytes


def write_shard(folder: Folder, name: str, rules: Rules) -> None:
    """Writes a shard and then its account, unless both are there.

    Raises:
        UserError: too many rejects.
        OSError: a full disk, for example.
    """
    shard = Shard.from_json_lines(name, read_bytes(folder.plan(name)))
    requests = shard.requests
    if is_written(folder, shard):
        return
    rejects: List[Reject] = []
    rates: Dict[int, int] = collections.Counter()
    silent: List[str] = []
    short: List[str] = []
    cut: Dict[str, int] = {}
    num_clips = num_samples = 0
    with _appearing(folder.temporary(name), folder.shard(name)) as file:
        for request in requests:
            num_before, is_silent = num_clips, True
            try:
                for made in clip_maker.make_clips(request, rules.records, rules.frames):
                    write_record(file, schema.clip_to_example(made.clip))
                    num_clips += 1
                    num_samples += made.clip.num_samples
                    is_silent = is_silent and made.is_silent
            except AudioError as error:
                rejects.append(Reject(request.clip_id, str(request.sound), error.reason, str(error)))
                rules.check_rejects(len(rejects), len(requests), name, str(error))
                continue
            rates[made.rate_hz] += 1
            silent += [request.clip_id] * is_silent
            short += [request.clip_id] * made.is_short
            if num_clips > num_before + 1:
                cut[request.clip_id] = num_clips - num_before
    account = Account(
        plan=shard.digest,
        sha256=file.sha256.hexdigest(),
        num_bytes=file.num_bytes,
        num_clips=num_clips,
        num_samples=num_samples,
        rates_hz={str(rate_hz): rates[rate_hz] for rate_hz in sorted(rates)},
        silent=silent,
        short=short,
        cut=cut,
        rejects=rejects,
    )
    write_bytes(folder.temporary(name), folder.account(name), account.to_json().encode())


class _HashedFile:
    """A file that is written from its beginning to its end, and known by its bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.num_bytes = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.sha256.update(data)
        self.num_bytes += len(data)


@contextlib.contextmanager
def _appearing(temporary: str, path: str) -> Iterator[_HashedFile]:
    """A file that gets its name when the block ends, and leaves nothing when the block raises."""
    try:
        with FileSystems.create(temporary, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            yield _HashedFile(file)
        try:
            FileSystems.rename([temporary], [path])
        except BeamIOError:
            if not FileSystems.exists(path):
                raise
            FileSystems.delete([path])  # HDFS does not replace a file
            FileSystems.rename([temporary], [path])
    except BaseException:
        with contextlib.suppress(BeamIOError):
            FileSystems.delete([temporary])
        raise


def write_bytes(temporary: str, path: str, data: bytes) -> None:
    """Writes a small file so that a reader sees the old one or the whole new one."""
    with _appearing(temporary, path) as file:
        file.write(data)
