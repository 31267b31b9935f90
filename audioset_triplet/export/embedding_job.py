"""Audio clips -> a folder of embeddings or scores, in shards that any number of processes or machines make.

    embeddings-00003-of-00013.parquet   the windows of a shard's clips (`store.embeddings`), or
    scores-00003-of-00013.parquet       their scores (`store.window_scores`), or
    features-00003-of-00013.tfrecord    their feature records (`store.features`), with features.json
    _rejects.csv                        clips that could not be embedded or scored, each with its reason
    _shards/                            a report of each shard, and what all have in common, for the next run

The same command goes on with what is missing (`embedding_plan`).
"""

import csv
import dataclasses
import functools
import io
from typing import Callable, Dict, List, NamedTuple, Sequence

from audioset_triplet import files
from audioset_triplet.config.embedding import EmbeddingConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, embedding_plan, embedding_shard
from audioset_triplet.export.audio_clips import AudioInput, AudioItem
from audioset_triplet.export.embedding_plan import Plan
from audioset_triplet.export.embedding_shard import Outcome, Shard, ShardReport, Work
from audioset_triplet.frontend import call_sizes
from audioset_triplet.jobs import gpus, storage
from audioset_triplet.jobs import runner as runners
from audioset_triplet.jobs.folder import Folder
from audioset_triplet.jobs.job import Job
from audioset_triplet.plurals import counted
from audioset_triplet.records import clip_labels
from audioset_triplet.store.embedding_parts import FEATURES_INFO

_REJECTS = "_rejects.csv"  # readers of Parquet folders skip names with _
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
        embedding_plan.require_format(folder, config, audio)
        settings = embedding_plan.folder_settings(folder, model.info, config, audio)
        plan = embedding_plan.make(folder, config, audio, settings["num_shards"])
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


def _prepare_report(folder: Folder, shard: Shard) -> None:
    """Leaves of the report of a shard that is to be written what a worker can copy."""
    report = ShardReport.read(folder, shard.name)
    if report is None:
        storage.delete([folder.report_path(shard.name)])
    else:
        folder.write_report(shard.name, dataclasses.replace(report, plan="").to_json())


def _finish(folder: Folder, source: str, audio: AudioInput, plan: Plan, folds: Sequence[int]) -> Summary:
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
