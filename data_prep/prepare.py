"""A list of clips -> a folder of records: the work of every `prepare_*` program.

    GROUP-00000-of-0000N.tfrecord   the records
    records.json                    settings, classes with their priors, SHA-256 and counts of every shard; written last
    rejects.csv                     clips that could not be used, each with its reason
    coverage.json, coverage.html    which part of the list is in the records
    shards/                         a report of every shard, for the next run

The same command continues a run that was stopped, or adds files that are new: it leaves every shard alone whose files
are the same.
"""

import collections
import csv
import dataclasses
import functools
import io
import json
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from audioset_triplet.errors import UserError
from audioset_triplet.jobs import runner as runners
from audioset_triplet.jobs import storage
from audioset_triplet.jobs.folder import Folder
from audioset_triplet.jobs.job import Job
from audioset_triplet.records import schema
from data_prep import coverage, coverage_page, plan, shards
from data_prep.config import PreparationConfig, RecordsConfig
from data_prep.plan import ClipList, ClipRequest, Shard
from data_prep.shards import Reject, Rules, ShardReport

DESCRIPTION = "records.json"
# Settings that older folders lack, with the values that their records have.
_OLD_SETTINGS = dict(zip(("sample_rate_hz", "channels"), schema.DEFAULT_FORMAT))
_ADVICE = "choose another --output, or delete that folder first"


@dataclasses.dataclass(frozen=True)
class Summary:
    """A folder of records in numbers, and the clips that are not in it."""

    num_clips: int
    hours: float
    num_shards: int
    num_shards_before: int  # written by an earlier run
    missing: Tuple[Reject, ...]  # clips without a file
    rejects: Tuple[Reject, ...]  # clips whose file could not be used


def prepare(
    clips: ClipList, output: str, config: RecordsConfig, runner: PreparationConfig, beam_options: Sequence[str] = ()
) -> Summary:
    """Writes the records of a list of clips.

    Args:
        clips: the list; at least one clip.
        output: the folder, here or on another machine (gs://, s3://, hdfs://).
        config: the records.
        runner: where and how they are made.
        beam_options: arguments for Apache Beam.

    Raises:
        UserError: no clip can be used (rejects.csv and coverage.json say why), or too few; the folder holds other
            records or cannot be written; another process prepares it.
    """
    folder = Folder(storage.absolute(output))
    settings = {
        **clips.settings,
        **dataclasses.asdict(config),
        **(dataclasses.asdict(clips.frames) if clips.frames else {}),
        "schema_version": schema.version_of(config.sample_rate_hz, config.channels),
        "clips": plan.digest_of_clips(clips.requests),
    }
    planned = plan.make_shards(clips.requests, config.num_shards)
    with folder.held():
        _refuse_other_records(folder, settings, planned)
        folder.make()
        folder.write_settings(settings)
        rules = Rules(config, runner.max_reject_fraction, clips.frames)
        reports: Dict[str, ShardReport] = {}
        todo = [shard for shard in planned if not shards.is_written(folder, shard)]
        if todo:
            storage.delete([folder.path(DESCRIPTION)])  # now the folder is unfinished
        if any(shard.requests for shard in planned):
            storage.delete([folder.report_path(shard.name) for shard in todo])
            job = Job(folder, functools.partial(shards.write_shard, rules=rules))
            num_before = sum(map(len, planned)) - sum(map(len, todo))
            runners.run(job, todo, runner, beam_options, num_before)
            reports = {shard.name: shards.read_report(folder, shard.name) for shard in planned}
        return _finish(folder, clips, reports, rules, settings, len(planned) - len(todo))


def counts_text(missing: Sequence[Reject], rejects: Sequence[Reject]) -> str:
    """For example `12 missing, 3 rejected (empty 1, truncated 2)`."""
    counts = collections.Counter(reject.reason for reject in rejects)
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
    return f"{len(missing)} missing, {len(rejects)} rejected" + (f" ({reasons})" if reasons else "")


def _finish(
    folder: Folder,
    clips: ClipList,
    reports: Mapping[str, ShardReport],
    rules: Rules,
    settings: Mapping[str, Any],
    num_before: int,
) -> Summary:
    """Writes the files about all shards together, records.json last."""
    requests = clips.requests
    missing = _missing(requests)
    unusable = [reject for report in reports.values() for reject in report.rejects]
    rejects = sorted(missing + unusable, key=lambda reject: reject.clip_id)
    num_clips = sum(report.num_clips for report in reports.values())
    card = coverage.describe(requests, reports, rejects, settings, clips.left_out)
    _write_card(folder, card, rejects)
    if not num_clips:
        storage.delete([folder.path(name) for name in storage.sizes(folder.root, "*.tfrecord")])
        storage.delete([folder.report_path(name) for name in folder.reported("*.tfrecord")])
        raise UserError(
            f"none of {len(requests)} clips can be used ({counts_text(missing, unusable)}): see "
            f"{folder.path('coverage.html')} and rejects.csv; there are no records"
        )
    if unusable:
        num_files = sum(request.is_found for request in requests)
        rules.check_rejects(len(unusable), num_files, folder.root, unusable[-1].message)
    rejected = {reject.clip_id for reject in rejects}
    used = [request for request in requests if request.clip_id not in rejected]
    names = {index: name for request in used for index, name in zip(request.labels, request.label_names)}
    cut = {clip_id: number for report in reports.values() for clip_id, number in report.cut.items()}
    counts: Dict[int, int] = collections.Counter()
    for request in used:
        for label in request.labels:
            counts[label] += cut.get(request.clip_id, 1)
    description = {
        "settings": settings,
        "num_clips": num_clips,
        "num_rejects": len(rejects),
        "class_names": {str(index): names[index] for index in sorted(names)},
        "class_priors": {str(index): counts[index] / num_clips for index in sorted(names)},
        "shards": {
            name: {"sha256": report.sha256, "num_bytes": report.num_bytes, "num_clips": report.num_clips}
            for name, report in reports.items()
        },
    }
    folder.write_json(DESCRIPTION, description)
    num_samples = sum(report.num_samples for report in reports.values())
    hours = num_samples / rules.records.sample_rate_hz / 3600
    return Summary(num_clips, hours, len(reports), num_before, tuple(missing), tuple(unusable))


def _missing(requests: Sequence[ClipRequest]) -> List[Reject]:
    rejects = []
    for request in requests:
        if not request.is_found:
            path = str(request.location or "")
            message = f"{path or request.clip_id}: missing: there is no such file"
            rejects.append(Reject(request.clip_id, path, "missing", message))
    return rejects


def _write_card(folder: Folder, card: Mapping[str, Any], rejects: Sequence[Reject]) -> None:
    """rejects.csv, coverage.json, coverage.html."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow([field.name for field in dataclasses.fields(Reject)])
    writer.writerows(dataclasses.astuple(reject) for reject in rejects)
    folder.write("rejects.csv", table.getvalue().encode())
    folder.write_json("coverage.json", card)
    folder.write("coverage.html", coverage_page.render(card).encode())


def _refuse_other_records(folder: Folder, settings: Mapping[str, Any], planned: Sequence[Shard]) -> None:
    """Records of two runs in one folder would be read as one data set."""
    path = folder.settings_path
    if storage.exists(path):
        try:
            before = {**_OLD_SETTINGS, **json.loads(storage.read_bytes(path))}
            different = sorted(key for key in {**before, **settings} if before.get(key) != settings.get(key))
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: not the settings of records: {_ADVICE}") from error
        if different:
            changes = ", ".join(_change(key, before.get(key), settings.get(key)) for key in different)
            raise UserError(f"{folder.root}: holds other records ({changes}): {_ADVICE}")
    names = {shard.name for shard in planned}
    others = sorted(set(storage.sizes(folder.root, "*.tfrecord")) - names)
    if others:
        raise UserError(f"{folder.root}: holds other records ({others[0]}): {_ADVICE}")


def _change(key: str, before: Any, now: Any) -> str:
    if key == "clips":
        return "clips were added to the list or taken from it, or have other labels or folds"
    return f"{key} {before!r}, now {now!r}"
