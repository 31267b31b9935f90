"""The clips to prepare, and the shards that they go into.

Each shard has a plan file, and a worker reads only that: a runner never has to carry two million clips.
"""

import dataclasses
import hashlib
import json
import math
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from data_prep.audio_sources import Location
from data_prep.config import FramesConfig

CLIPS_PER_SHARD = 512  # ten seconds each: 160 MB
_FEWEST_SHARDS = 2


@dataclasses.dataclass(frozen=True)
class ClipRequest:
    """An audio or video file that becomes a record, or several where no end is listed."""

    group: str  # what its shards are named after: fold1, eval
    location: Optional[Location]  # None: there is no file
    clip_id: str
    recording_id: str
    start_seconds: float  # of the clip in the recording; the file holds the clip alone
    end_seconds: Optional[float]  # None: where the file ends
    labels: Tuple[int, ...]
    label_names: Tuple[str, ...]
    fold: int
    clip_seconds: float = 0.0  # without a listed end: cut the file into clips of this length; 0: one clip

    @property
    def is_found(self) -> bool:
        return self.location is not None and self.location.size >= 0

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ClipRequest":
        """The inverse of `dataclasses.asdict` and JSON."""
        location = values["location"] and Location(**values["location"])
        texts = {key: tuple(values[key]) for key in ("labels", "label_names")}
        return cls(**{**values, **texts, "location": location})

    def clip_samples(self, sample_rate_hz: int) -> int:
        """The number of samples of each clip that the file is cut into; 0: it is not cut."""
        return round(self.clip_seconds * sample_rate_hz)

    def clip_start(self, index: int, sample_rate_hz: int) -> float:
        """Where in the recording the clip with this index begins, in seconds."""
        return self.start_seconds + index * self.clip_samples(sample_rate_hz) / sample_rate_hz

    def clip_ids(self, num_clips: int, sample_rate_hz: int) -> List[str]:
        """The ids of the clips of the file; several are named by their starts: ID@0, ID@10000 (milliseconds)."""
        if num_clips == 1:
            return [self.clip_id]
        starts = (self.clip_start(index, sample_rate_hz) for index in range(num_clips))
        return [f"{self.clip_id}@{round(1000 * start)}" for start in starts]


@dataclasses.dataclass(frozen=True)
class ClipList:
    """The clips of a data set, from its importer."""

    requests: List[ClipRequest]
    settings: Mapping[str, Any]  # whatever changes the records of the same clips
    frames: Optional[FramesConfig] = None  # the files are videos, and records have their images too
    left_out: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # `folder_walk.LeftOut.to_json`


@dataclasses.dataclass(frozen=True)
class Shard:
    """A file of records, and the requests that go into it."""

    name: str
    requests: List[ClipRequest]  # in the order of the records

    def __len__(self) -> int:
        return len(self.requests)

    @property
    def digest(self) -> str:
        """Of everything that its records depend on: changes when an audio file is replaced, not when it moves."""
        hasher = hashlib.sha256()
        for request in self.requests:
            identity = request.location and request.location.identity
            hasher.update(repr((identity, _described(request))).encode())
        return hasher.hexdigest()

    def to_json_lines(self) -> bytes:
        lines = (json.dumps(dataclasses.asdict(request), separators=(",", ":")) for request in self.requests)
        return "".join(f"{line}\n" for line in lines).encode()

    @classmethod
    def from_json_lines(cls, name: str, lines: bytes) -> "Shard":
        return cls(name, [ClipRequest.from_json(json.loads(line)) for line in lines.splitlines()])


def make_shards(requests: Iterable[ClipRequest], num_shards: int) -> List[Shard]:
    """Divides clips into shards.

    A recording's shard depends on its id alone, so that all of its clips are in one shard. The order in a shard depends
    on the ids of the clips. Neither depends on the order of the list or on missing files. Clips without a file are in
    no shard.

    Args:
        requests: the clips, of any number of groups.
        num_shards: per group; 0: one for every 512 clips that are listed, and at least 2.
    """
    by_group: Dict[str, List[ClipRequest]] = {}
    for request in requests:
        by_group.setdefault(request.group, []).append(request)
    shards = []
    for group, members in sorted(by_group.items()):
        count = num_shards or max(_FEWEST_SHARDS, math.ceil(len(members) / CLIPS_PER_SHARD))
        parts: List[List[ClipRequest]] = [[] for _ in range(count)]
        for request in members:
            if request.is_found:
                parts[digest(request.recording_id) % count].append(request)
        for index, part in enumerate(parts):
            part.sort(key=lambda request: (digest(request.clip_id), request.clip_id))
            shards.append(Shard(f"{group}-{index:05d}-of-{count:05d}.tfrecord", part))
    return shards


def group_of(name: str) -> str:
    """The group of a shard."""
    return name.rsplit("-", 3)[0]


def digest(text: str) -> int:
    """64 bits that depend on a text alone, evenly spread."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def digest_of_clips(requests: Iterable[ClipRequest]) -> str:
    """A digest of a list of clips, without their files: tells data sets apart."""
    return hashlib.sha256(repr(sorted(map(_described, requests))).encode()).hexdigest()[:12]


def _described(request: ClipRequest) -> Tuple[object, ...]:
    return tuple(value for key, value in sorted(vars(request).items()) if key != "location")
