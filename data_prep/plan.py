"""What is to be prepared: clips, and the shards that they go into.

A shard is planned in a file of its own, which is all that a worker reads of the plan: two million clips never travel
through a runner.
"""

import dataclasses
import hashlib
import json
import math
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from audioset_triplet.frontend.constants import SAMPLE_RATE_HZ
from data_prep.config import FramesConfig
from data_prep.sounds import Location

CLIPS_PER_SHARD = 512  # ten seconds each: 160 MB
_FEWEST_SHARDS = 2


@dataclasses.dataclass(frozen=True)
class ClipRequest:
    """A sound that shall become a record, or several where no end of it is listed."""

    group: str  # what its shards are named after: fold1, eval
    sound: Optional[Location]  # None: no file of it was found
    clip_id: str
    recording_id: str
    start_seconds: float  # where in the recording the clip lies; the sound holds the clip alone
    end_seconds: Optional[float]  # None: where the sound ends
    labels: Tuple[int, ...]
    label_names: Tuple[str, ...]
    fold: int
    clip_seconds: float = 0.0  # without a listed end: cut the sound into clips of this length; 0: one clip

    @property
    def is_found(self) -> bool:
        return self.sound is not None and self.sound.size >= 0

    @property
    def clip_samples(self) -> int:
        """How many samples a clip has that the sound is cut into; 0: it is not cut."""
        return round(self.clip_seconds * SAMPLE_RATE_HZ)

    def clip_start(self, index: int) -> float:
        """Where in the recording a clip begins that the sound is cut into, in seconds."""
        return self.start_seconds + index * self.clip_samples / SAMPLE_RATE_HZ

    def clip_ids(self, num_clips: int) -> List[str]:
        """The ids of the clips that the sound gives; of several, by where they begin: ID@0, ID@10000 (milliseconds)."""
        if num_clips == 1:
            return [self.clip_id]
        return [f"{self.clip_id}@{round(1000 * self.clip_start(index))}" for index in range(num_clips)]


@dataclasses.dataclass(frozen=True)
class ClipList:
    """What an importer makes of a data set."""

    requests: List[ClipRequest]
    settings: Mapping[str, Any]  # what makes its records different from others of the same clips
    frames: Optional[FramesConfig] = None  # the sounds are videos, and records have their pictures too


@dataclasses.dataclass(frozen=True)
class Shard:
    """A file of records, and what it shall hold."""

    name: str
    requests: List[ClipRequest]  # in the order of the records

    @property
    def digest(self) -> str:
        """Of all that its records depend on: changes when a sound file is replaced by another, not when it moves."""
        hasher = hashlib.sha256()
        for request in self.requests:
            sound = request.sound and request.sound.identity
            hasher.update(repr((sound, _described(request))).encode())
        return hasher.hexdigest()

    def to_json_lines(self) -> bytes:
        lines = (json.dumps(dataclasses.asdict(request), separators=(",", ":")) for request in self.requests)
        return "".join(f"{line}\n" for line in lines).encode()

    @classmethod
    def from_json_lines(cls, name: str, lines: bytes) -> "Shard":
        requests = []
        for line in lines.splitlines():
            values = json.loads(line)
            values["sound"] = values["sound"] and Location(**values["sound"])
            requests.append(ClipRequest(**{**values, **{key: tuple(values[key]) for key in ("labels", "label_names")}}))
        return cls(name, requests)


def make_shards(requests: Iterable[ClipRequest], num_shards: int) -> List[Shard]:
    """Divides clips into shards.

    A recording's shard depends on its id alone, so that all of its clips are in one, and the order in a shard on the
    ids of the clips: neither on the order in which they are listed, nor on which of them were found. Clips without a
    file are in no shard.

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
    """A name for a list of clips, wherever their files lie and whether they were found: tells data sets apart."""
    return hashlib.sha256(repr(sorted(map(_described, requests))).encode()).hexdigest()[:12]


def _described(request: ClipRequest) -> Tuple[object, ...]:
    return tuple(value for key, value in sorted(vars(request).items()) if key != "sound")
