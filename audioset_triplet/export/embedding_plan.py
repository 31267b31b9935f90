"""The shards of a folder of embeddings or scores, and which of them a run has to write.

The shard of an audio file, or of a file of records, depends on a digest of its name; a shard without clips has no file.
A run takes files that are new or have another size or time than before, tries those again that were rejected, and
copies the rows of all others. Rows of files that are gone stay.
"""

import hashlib
import json
import math
import os
from typing import Any, Dict, List, NamedTuple

from audioset_triplet.config.embedding import EmbeddingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export.audio_clips import AudioInput, AudioItem
from audioset_triplet.export.embedding_shard import Outcome, Shard, ShardReport
from audioset_triplet.jobs import storage
from audioset_triplet.jobs.folder import Folder
from audioset_triplet.store import part_info
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.part_info import PartInfo

# Audio files of a shard. Many shards keep all cores busy to the end; in large ones less is lost by filling up batches.
_FEWEST_FILES, _MOST_FILES = 32, 512
_MANY_SHARDS = 64
_MOST_BYTES = 256 << 20  # long recordings


class _Form(NamedTuple):
    """The names of parts begin and end so."""

    prefix: str
    extension: str

    @property
    def shards(self) -> str:
        """Matches the names of shards."""
        return f"{self.prefix}-*-of-*{self.extension}"


_FORMS = {
    ("embeddings", "parquet"): _Form("embeddings", ".parquet"),
    ("scores", "parquet"): _Form("scores", ".parquet"),
    ("embeddings", "tfrecord"): _Form("features", ".tfrecord"),
}


class Plan(NamedTuple):
    """What a run does."""

    shards: List[Shard]  # all that have clips
    todo: List[Shard]  # those that are to be written
    before: Dict[str, Outcome]  # of items of the input whose rows are copied or stay
    gone: List[AudioItem]


def folder_settings(folder: Folder, info: PartInfo, config: EmbeddingConfig, audio: AudioInput) -> Dict[str, Any]:
    """What all shards have in common.

    Raises:
        UserError: the folder holds another kind, or embeddings of another model, other folds or other audio.
    """
    own = {
        "kind": info.KIND,
        **{name: value for name, value in info.to_json().items() if name != "code_version"},
        "folds": sorted(config.folds),
        "root": audio.root,
        "num_shards": _num_shards(audio),
    }
    path = folder.settings_path
    if not storage.exists(path):
        for form in _FORMS.values():
            for name in storage.sizes(folder.root, f"{form.prefix}-*{form.extension}"):
                raise UserError(
                    f"{folder.root}: holds {name}, which another program or an older version wrote: it can be read as "
                    "before, but not added to; choose another --output."
                )
        return own
    try:
        before = json.loads(storage.read_bytes(path))
        kind = before.get("kind", StoreInfo.KIND)  # older versions knew no other
        if kind != info.KIND:
            raise UserError(f"{folder.root}: holds {kind}, not {info.KIND}: choose another --output.")
        known = info.from_json({**before, "code_version": info.code_version})
        folds, num_shards, root = before["folds"], int(before["num_shards"]), before["root"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not the settings of {info.KIND}: choose another --output.") from error
    part_info.check_same_model(known, folder.root, info, "this run")
    if folds != own["folds"]:
        texts = (", ".join(map(str, numbers)) or "all" for numbers in (folds, own["folds"]))
        raise UserError(f"{folder.root}: holds folds {next(texts)}, not {next(texts)}: choose another --output.")
    if root != audio.root:
        _require_moved(folder, kind, root, audio)
    return {**own, "num_shards": num_shards}


def require_format(folder: Folder, config: EmbeddingConfig, audio: AudioInput) -> None:
    """Refuses what would mix formats: such a folder is added to in one of them, and read in the other.

    Raises:
        UserError: the folder holds the other format, or the records that are to be embedded.
    """
    folders = {os.path.dirname(item.path) for item in audio.items if item.is_records}
    if config.format == "tfrecord" and folder.root in folders:
        raise UserError(f"{folder.root}: holds the records that are to be embedded: choose another --output.")
    for (what, format), form in _FORMS.items():
        is_other = what == config.what and format != config.format
        if is_other and folder.reported(f"{form.prefix}-*-of-*{form.extension}"):
            raise UserError(f"{folder.root}: holds --format={format}, not {config.format}: choose another --output.")


def _require_moved(folder: Folder, kind: str, root: str, audio: AudioInput) -> None:
    """Another folder of audio is refused unless it has all files of the first, which has then been moved."""
    items = {item.key: item for item in audio.items}
    for form in _FORMS.values():
        for report in _reports(folder, form).values():
            for key, outcome in report.items.items():
                if key not in items or not outcome.is_of(items[key]):
                    raise UserError(
                        f"{folder.root}: holds the {kind} of {root}, and this run is of {audio.root}, which does "
                        f"not have {key} of the same size and time (cp -a keeps them): choose another --output."
                    )


def _num_shards(audio: AudioInput) -> int:
    """Depends on the input alone."""
    number = len(audio.items)
    if audio.is_records:
        return 2 * number if number > 1 else 1  # so that few of them share a shard
    of_files = max(math.ceil(number / _MOST_FILES), min(_MANY_SHARDS, math.ceil(number / _FEWEST_FILES)))
    of_bytes = math.ceil(sum(item.size for item in audio.items) / _MOST_BYTES)
    return min(number, max(of_files, of_bytes))


def _reports(folder: Folder, form: _Form) -> Dict[str, ShardReport]:
    reports = {name: ShardReport.read(folder, name) for name in folder.reported(form.shards)}
    return {name: report for name, report in reports.items() if report is not None}


def make(folder: Folder, config: EmbeddingConfig, audio: AudioInput, num_shards: int) -> Plan:
    """Which items go into which shard, and which shards are to be written; deletes shards without a report.

    Args:
        folder: what earlier runs have written is known from its reports.
        config: the kind and the format of the shards.
        audio: the input.
        num_shards: of `folder_settings`.
    """
    form = _FORMS[config.what, config.format]
    names = [f"{form.prefix}-{index:05d}-of-{num_shards:05d}{form.extension}" for index in range(num_shards)]
    by_shard: Dict[str, Dict[str, AudioItem]] = {name: {} for name in names}
    for item in audio.items:
        by_shard[names[_digest(item.key) % num_shards]][item.key] = item
    reports = _reports(folder, form)
    before: Dict[str, Outcome] = {}
    gone = []
    for name, report in reports.items():
        for key, outcome in report.items.items():
            present = by_shard[name].get(key)
            if present is None and outcome.windows:
                size, time_ns, index, offset, number = outcome.identity
                item = AudioItem(key, "", size, time_ns, False, index, offset, None if number < 0 else number)
                by_shard[name][key] = item
                gone.append(item)
            elif present is not None and outcome.is_of(present) and not outcome.rejects:
                before[key] = outcome
    is_there = {*before, *(item.key for item in gone)}
    shards = [
        Shard(name, [items[key] for key in sorted(items)], num_kept=len(is_there & items.keys()))
        for name, items in by_shard.items()
        if items
    ]
    todo = [
        shard for shard in shards if not folder.is_done(shard.name, shard.digest) or reports[shard.name].has_rejects
    ]
    # Their files are gone, and their reports were never written.
    orphans = set(storage.sizes(folder.root, form.shards)) - {shard.name for shard in shards}
    storage.delete([folder.path(name) for name in orphans])
    return Plan(shards, todo, before, gone)


def _digest(key: str) -> int:
    """64 bits that depend on a text alone, evenly spread."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big")
