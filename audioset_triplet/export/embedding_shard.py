"""One shard of a folder of embeddings or scores: its audio files and ranges of record files -> its part, and a report.

A worker loads the model once. Rows of items that have not changed are copied from the part that is there.
"""

import collections
import dataclasses
import functools
import hashlib
import json
from typing import Any, BinaryIO, Dict, Iterator, List, Mapping, NoReturn, Optional, Tuple, Union

from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedder, loaded_model
from audioset_triplet.export.audio_clips import AudioClip, AudioItem
from audioset_triplet.export.embedder import LateReject, StoredClip, Totals
from audioset_triplet.export.loaded_model import WindowModel
from audioset_triplet.jobs import storage
from audioset_triplet.jobs.folder import NUM_BYTES, PLAN_DIGEST, Folder
from audioset_triplet.jobs.job import Progress
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.store import part_rows, window_parts
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.feature_writer import FeaturePartWriter
from audioset_triplet.store.part_info import PartInfo
from audioset_triplet.store.part_writers import ParquetPartWriter, PartWriter


@dataclasses.dataclass(frozen=True)
class Shard:
    """A part, and what goes into it."""

    name: str
    items: List[AudioItem]  # in the order of the rows
    num_kept: int = 0  # whose rows are there already; a plan does not say it

    @property
    def digest(self) -> str:
        """Changes when a file is replaced, not when it moves."""
        identities = [(item.key, item.identity) for item in self.items]
        return hashlib.sha256(repr(identities).encode("utf-8", "surrogatepass")).hexdigest()

    def __len__(self) -> int:
        return len(self.items) - self.num_kept

    def to_json_lines(self) -> bytes:
        lines = (json.dumps(dataclasses.asdict(item), separators=(",", ":")) for item in self.items)
        return "".join(f"{line}\n" for line in lines).encode()

    @classmethod
    def from_json_lines(cls, name: str, lines: bytes) -> "Shard":
        return cls(name, [AudioItem(**json.loads(line)) for line in lines.splitlines()])


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of an item."""

    identity: List[int]  # `AudioItem.identity`
    windows: Dict[str, int]  # clip id -> number of its rows
    seconds: float  # of all its clips
    rejects: Dict[str, Tuple[str, str]]  # clip id -> reason and detail of its `AudioError`

    def is_of(self, item: AudioItem) -> bool:
        return self.identity == item.identity


@dataclasses.dataclass(frozen=True)
class ShardReport:
    """A part that is there."""

    plan: str  # `Shard.digest`; empty: there is more to embed, but the rows of these items are in the part
    num_bytes: Optional[int]  # None: it has no rows and so no file
    items: Dict[str, Outcome]  # by their keys

    def to_json(self) -> Dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, folder: Folder, name: str) -> Optional["ShardReport"]:
        """The report of a part; None: there is none that goes with the part's file."""
        try:
            values = folder.read_report(name)
            items = {key: Outcome(**item) for key, item in values["items"].items()}
            report = cls(values[PLAN_DIGEST], values[NUM_BYTES], items)
        except (LookupError, TypeError, AttributeError):
            return None
        return report if report.num_bytes == folder.num_bytes(name) else None

    @property
    def has_rejects(self) -> bool:
        return any(outcome.rejects for outcome in self.items.values())


@dataclasses.dataclass(frozen=True)
class Work:
    """How shards are embedded or scored."""

    model: EmbeddingModelConfig
    info: PartInfo
    hop_seconds: float
    folds: Tuple[int, ...]
    batch_size: int

    def load_model(self) -> WindowModel:
        return load_model(self.model, self.info.KIND)

    def writer(self, name: str, file: BinaryIO) -> PartWriter:
        if name.endswith(".parquet"):
            return ParquetPartWriter(file, self.info)
        assert isinstance(self.info, StoreInfo)  # feature records hold embeddings
        return FeaturePartWriter(file, self.info, self.hop_seconds)


@functools.lru_cache(maxsize=1)
def load_model(config: EmbeddingModelConfig, kind: str) -> WindowModel:
    """The model that a config names, loaded once in a process to give vectors of a kind."""
    return loaded_model.load(config, kind)


def write_shard(folder: Folder, name: str, progress: Progress, work: Work) -> None:
    """Writes a part and then its report, unless both exist.

    Progress is told of its audio files and of windows.

    Raises:
        UserError: a damaged record; a clip that is given twice; another model than that of the folder.
        OSError: a full disk, for example.
    """
    shard = Shard.from_json_lines(name, folder.read_plan(name))
    if folder.is_done(name, shard.digest):
        return
    report = ShardReport.read(folder, name)
    before = report.items if report else {}
    same = {item.key: before[item.key] for item in shard.items if item.key in before and before[item.key].is_of(item)}
    kept = {key: outcome for key, outcome in same.items() if not outcome.rejects}
    if len(same) == len(shard.items) == len(before) and _still_unusable(shard, kept, work):
        outcomes = same  # the part stays as it is
    else:
        outcomes = _write_part(folder, shard, kept, work, progress)
    folder.write_report(name, ShardReport(shard.digest, folder.num_bytes(name), outcomes).to_json())


def _still_unusable(shard: Shard, kept: Mapping[str, Outcome], work: Work) -> bool:
    """Whether the files that were rejected still cannot be decoded."""
    others = [item for item in shard.items if item.key not in kept]
    return all(not item.is_records and not _can_be_read(item, work) for item in others)


def _can_be_read(item: AudioItem, work: Work) -> bool:
    try:
        for clip in audio_clips.clips_of(item, work.folds, work.load_model()):
            for _ in clip.read():
                pass
    except AudioError:
        return False
    return True


def _write_part(
    folder: Folder, shard: Shard, kept: Mapping[str, Outcome], work: Work, progress: Progress
) -> Dict[str, Outcome]:
    """Writes the part of a shard; returns what became of each item."""
    clips = _Clips(shard, kept, work, progress)
    if kept:
        with window_parts.damage_named(folder.path(shard.name)):
            clips.rows = part_rows.of_part(shard.name, storage.read_bytes(folder.path(shard.name)), work.info)
    while True:
        try:
            with storage.appearing(folder.temporary(), folder.path(shard.name)) as file:
                writer = work.writer(shard.name, file)
                totals = clips.write(writer)
                writer.close()
                if not writer.num_rows:
                    raise _NoRows
            return clips.outcomes(totals)
        except LateReject as late:
            clips.late_rejects[late.clip_id] = late.error
        except _NoRows:
            storage.delete([folder.path(shard.name)])
            return clips.outcomes(totals)


class _NoRows(Exception):
    """There is nothing to write."""


class _Clips:
    """The clips of a shard on their way into its part."""

    def __init__(self, shard: Shard, kept: Mapping[str, Outcome], work: Work, progress: Progress) -> None:
        self._shard, self._kept, self._work = shard, kept, work
        self._progress = progress
        self.rows: Dict[str, Any] = {}  # clip id -> rows of the part that is there
        self.late_rejects: Dict[str, AudioError] = {}
        self._item_of: Dict[str, AudioItem] = {}  # by clip id

    def write(self, writer: PartWriter) -> Totals:
        """Writes all of them; the totals are of those that are not kept."""
        self._item_of = {}
        if len(self._kept) < len(self._shard.items):
            model = self._work.load_model()
            if model.info.identity() != self._work.info.identity():
                raise UserError(
                    f"{self._work.model.model}: is {model.info.model_id} where this worker runs, not "
                    f"{self._work.info.model_id}: all workers need the same model."
                )
            return embedder.embed(self._all(model), model, writer, self._work.batch_size, self._tell)
        for clip in self._all(None):
            assert isinstance(clip, StoredClip)
            writer.copy(clip.rows)
        return Totals()

    def _all(self, model: Optional[WindowModel]) -> Iterator[Union[AudioClip, StoredClip]]:
        for item in self._shard.items:
            if item.key in self._kept:
                for clip_id in self._kept[item.key].windows:
                    self._claim(clip_id, item)
                    yield StoredClip(self.rows[clip_id])
            else:
                assert model is not None
                for audio in audio_clips.clips_of(item, self._work.folds, model):
                    self._claim(audio.clip.clip_id, item)
                    error = self.late_rejects.get(audio.clip.clip_id)
                    yield AudioClip(audio.clip, functools.partial(_fail, error)) if error else audio

    def _claim(self, clip_id: str, item: AudioItem) -> None:
        if clip_id in self._item_of:
            raise given_twice(clip_id, self._item_of[clip_id], item)
        self._item_of[clip_id] = item

    def _tell(self, num_clips: int, num_windows: int) -> None:
        """A clip is an item, except of records, where an item is many: its windows show that it goes on."""
        is_records = self._shard.items[0].is_records
        self._progress(0 if is_records else num_clips, num_windows)

    def outcomes(self, totals: Totals) -> Dict[str, Outcome]:
        """What became of each item."""
        outcomes = {
            item.key: self._kept[item.key] if item.key in self._kept else Outcome(item.identity, {}, 0.0, {})
            for item in self._shard.items
        }
        for clip_id, item in self._item_of.items():
            outcome = outcomes[item.key]
            if clip_id in totals.rejects:
                outcome.rejects[clip_id] = (totals.rejects[clip_id].reason, totals.rejects[clip_id].detail)
            elif clip_id in totals.windows:
                outcome.windows[clip_id] = totals.windows[clip_id]
        seconds: Dict[str, float] = collections.defaultdict(float)
        for clip_id, length in totals.seconds.items():
            seconds[self._item_of[clip_id].key] += length
        return {
            key: dataclasses.replace(outcome, seconds=outcome.seconds + seconds.get(key, 0.0))
            for key, outcome in outcomes.items()
        }


def given_twice(clip_id: str, first: AudioItem, second: AudioItem) -> UserError:
    places = f"twice in {first.path}" if first == second else f"in {first.path} and in {second.path}"
    return UserError(f"clip {clip_id} is given twice, {places}: every clip needs an id that no other has.")


def _fail(error: AudioError) -> NoReturn:
    raise error
