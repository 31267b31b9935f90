"""Audio clips -> a folder of embeddings or scores, in shards that any number of processes or machines make.

    embeddings-00003-of-00013.parquet   the windows of a shard's clips (`store.embeddings`), or
    scores-00003-of-00013.parquet       their scores (`store.window_scores`), or
    features-00003-of-00013.tfrecord    their feature records (`store.features`), with features.json
    _rejects.csv                        clips that could not be embedded or scored, each with its reason
    _shards/                            a report of each shard, and what all have in common, for the next run

The shard of an audio file, or of a file of records, depends on a digest of its name; a shard without clips has no file.
The same command goes on with what is missing: it takes files that are new or have another size or time than before,
tries those again that were rejected, and copies the rows of all others. Rows of files that are gone stay.
"""

import csv
import dataclasses
import functools
import hashlib
import io
import json
import math
import os
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

from audioset_triplet import files
from audioset_triplet.config.embedding import EmbeddingConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedding_shard
from audioset_triplet.export.audio_clips import AudioInput, AudioItem
from audioset_triplet.export.embedding_shard import Outcome, Shard, ShardReport, Work
from audioset_triplet.frontend import call_sizes
from audioset_triplet.jobs import gpus, storage
from audioset_triplet.jobs import runner as runners
from audioset_triplet.jobs.folder import Folder
from audioset_triplet.jobs.job import Job
from audioset_triplet.plurals import counted
from audioset_triplet.records import clip_labels
from audioset_triplet.store import part_info
from audioset_triplet.store.embedding_parts import FEATURES_INFO, StoreInfo
from audioset_triplet.store.part_info import PartInfo

_REJECTS = "_rejects.csv"  # readers of Parquet folders skip names with _

# Audio files of a shard. Many shards keep all cores busy to the end; in large ones less is lost by filling up batches.
_FEWEST_FILES, _MOST_FILES = 32, 512
_MANY_SHARDS = 64
_MOST_BYTES = 256 << 20  # long recordings
_BYTES_PER_WORKER = 16 << 20  # a process needs seconds to load TensorFlow and the model


class Reject(NamedTuple):
    """A clip without rows."""

    clip_id: str
    reason: str  # and `detail`: of an `AudioError`
    detail: str

    @property
    def message(self) -> str:
        return f"{files.printable(self.clip_id)}: {self.reason}: {self.detail}"


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a run has embedded or scored, and what else the folder holds."""

    num_clips: int
    num_windows: int
    seconds: float  # of audio
    num_before: int  # clips of the input that an earlier run did
    rejects: List[Reject]
    gone: List[str]  # ids of clips in the folder whose files are not in the input
    left_out: str  # of the folder that was searched, as text

    def notes(self, source: str, output: str, num_named: int) -> List[str]:
        """What a person should know, as lines; of many rejects, only some are named."""
        lines = [f"{source}: left out: {self.left_out}"] if self.left_out else []
        if self.gone:
            lines.append(
                f"{output}: {counted(len(self.gone), 'clip is', 'clips are')} not in {source} any more, such as "
                f"{self.gone[0]}: kept; to leave them out, choose another folder"
            )
        lines += [f"rejected: {reject.message}" for reject in self.rejects[:num_named]]
        if self.rejects[num_named:]:
            lines.append(f"and {len(self.rejects) - num_named} more: see {output}/{_REJECTS}")
        return lines


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


class _Plan(NamedTuple):
    shards: List[Shard]
    todo: List[Shard]
    before: Dict[str, Outcome]  # of items of the input whose rows are copied or stay
    gone: List[AudioItem]


def embed(
    source: str,
    output: str,
    config: EmbeddingConfig,
    runner: RunnerConfig,
    beam_options: Sequence[str] = (),
    announce: Callable[[str], object] = str,
) -> Summary:
    """Embeds or scores the audio of a path.

    Args:
        source: as for `audio_clips.find`.
        output: the folder, here or on another machine (gs://, s3://, hdfs://).
        config: how.
        runner: where.
        beam_options: arguments for Apache Beam.
        announce: gets what the model takes and gives, in one line, before the work begins.

    Raises:
        UserError: what `audio_clips.find`, `loaded_model.load` and `embedding_shard.write_shard` raise; a folder that
            holds something else, that cannot be written, or that another process writes; no clip can be used; a clip
            that is given twice.
    """
    runners.check(runner, beam_options)
    listed = audio_clips.list_files(source, config.folds)
    folder = Folder(storage.absolute(output), prefix="_")  # readers of Parquet folders skip such names
    with folder.held():
        if config.uses_gpu:
            gpus.leave_to_workers()  # this process only plans
        embedding_shard.load_model.cache_clear()  # its files may be others by now
        model = embedding_shard.load_model(config.model, config.what)
        announce(model.description)
        audio = audio_clips.of_files(listed, model)
        _require_format(folder, config, audio)
        settings = _settings(folder, model.info, config, audio)
        plan = _plan(folder, audio, settings, _FORMS[config.what, config.format])
        folder.make()
        folder.write_settings(settings)
        if config.format == "tfrecord":
            folder.write_json(FEATURES_INFO, model.info.to_json())
        for shard in plan.todo:
            _prepare_report(folder, shard)
        batch_size = config.batch_size or call_sizes.windows_per_call(model)
        work = Work(config.model, model.info, model.hop_seconds, config.folds, batch_size)
        do_shard = functools.partial(embedding_shard.write_shard, work=work)
        size = sum(item.size for shard in plan.todo for item in shard.items if item.key not in plan.before)
        most_workers = 1 + size // _BYTES_PER_WORKER
        job = Job(folder, do_shard, "file", "window", config.uses_gpu, most_workers)
        runners.run(job, plan.todo, runner, beam_options, num_before=len(audio.items) - sum(map(len, plan.todo)))
        return _finish(folder, source, audio, plan, config.folds)


def _settings(folder: Folder, info: PartInfo, config: EmbeddingConfig, audio: AudioInput) -> Dict[str, Any]:
    """What all shards have in common.

    Raises:
        UserError: the folder holds something else.
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


def _require_format(folder: Folder, config: EmbeddingConfig, audio: AudioInput) -> None:
    """A folder in two formats would be added to in one of them and read in the other, records of two kinds in none."""
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


def _plan(folder: Folder, audio: AudioInput, settings: Dict[str, Any], form: _Form) -> _Plan:
    """Which items go into which shard, and which shards are to be written."""
    num_shards = settings["num_shards"]
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
    return _Plan(shards, todo, before, gone)


def _digest(key: str) -> int:
    """64 bits that depend on a text alone, evenly spread."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _prepare_report(folder: Folder, shard: Shard) -> None:
    """Leaves of the report of a shard that is to be written what a worker can copy."""
    report = ShardReport.read(folder, shard.name)
    if report is None:
        storage.delete([folder.report_path(shard.name)])
    else:
        folder.write_report(shard.name, dataclasses.replace(report, plan="").to_json())


def _finish(folder: Folder, source: str, audio: AudioInput, plan: _Plan, folds: Sequence[int]) -> Summary:
    """Checks all shards together, and writes _rejects.csv."""
    outcomes: Dict[str, Outcome] = {}
    for shard in plan.shards:
        report = ShardReport.read(folder, shard.name)
        if report is None:
            raise UserError(f"{folder.path(shard.name)}: is gone, or has another size than when it was written.")
        outcomes.update(report.items)
    _refuse_duplicates(folder, plan.shards, outcomes)
    rejects = [
        Reject(clip_id, reason, detail)
        for item in audio.items
        for clip_id, (reason, detail) in outcomes[item.key].rejects.items()
    ]
    if rejects or storage.exists(folder.path(_REJECTS)):  # that of an earlier run is outdated
        _write_rejects(folder, rejects)
    of_input = [outcomes[item.key] for item in audio.items]
    if not any(outcome.windows for outcome in outcomes.values()):
        if not rejects and audio.is_records:
            clip_labels.read(source, folds)  # says which folds there are
        raise UserError(_nothing(folder, source, rejects))
    embedded = [outcomes[item.key] for item in audio.items if item.key not in plan.before]
    num_clips = sum(len(outcome.windows) for outcome in embedded)
    return Summary(
        num_clips=num_clips,
        num_windows=sum(sum(outcome.windows.values()) for outcome in embedded),
        seconds=sum(outcome.seconds for outcome in embedded),
        num_before=sum(len(outcome.windows) for outcome in of_input) - num_clips,
        rejects=rejects,
        gone=sorted(clip_id for item in plan.gone for clip_id in outcomes[item.key].windows),
        left_out=audio.left_out.text(),
    )


def _nothing(folder: Folder, source: str, rejects: Sequence[Reject]) -> str:
    why = f" The first: {rejects[0].message}. All: {folder.path(_REJECTS)}" if rejects else ""
    return f"{source}: none of {counted(len(rejects), 'clip')} could be used.{why}"


def _refuse_duplicates(folder: Folder, shards: Sequence[Shard], outcomes: Dict[str, Outcome]) -> None:
    """Raises a UserError if two shards have a clip of one id; the later one is then not left there."""
    item_of: Dict[str, AudioItem] = {}
    for shard in shards:
        for item in shard.items:
            for clip_id in outcomes[item.key].windows:
                first = item_of.setdefault(clip_id, item)
                if first is not item:
                    storage.delete([folder.path(shard.name), folder.report_path(shard.name)])
                    raise embedding_shard.given_twice(clip_id, first, item)


def _write_rejects(folder: Folder, rejects: Sequence[Reject]) -> None:
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(Reject._fields)
    rows.writerows(rejects)
    folder.write(_REJECTS, table.getvalue().encode())
