"""A list of clips -> a folder of records: what every `prepare_*` program does.

    GROUP-00000-of-0000N.tfrecord   the records
    records.json                    settings, classes with their priors, SHA-256 and counts of every shard; written last
    rejects.csv                     clips that could not be used, each with its reason
    coverage.json, coverage.html    how much of what was listed there is
    shards/                         an account of every shard, for the next run

A run that was stopped is taken up by the same command: shards that are there are left alone, and so they are where the
sounds have grown in number, as long as none of the new ones belongs to them.
"""

import collections
import contextlib
import csv
import dataclasses
import io
import json
import os
import posixpath
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from apache_beam.io.filesystem import BeamIOError, FileMetadata
from apache_beam.io.filesystems import FileSystems

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.frontend.constants import SAMPLE_RATE_HZ
from audioset_triplet.records import schema
from data_prep import coverage, coverage_page, pipeline, plan, shards
from data_prep.config import RecordsConfig, RunnerConfig
from data_prep.plan import ClipList, ClipRequest, Shard
from data_prep.shards import Account, Folder, Reject, Rules

DESCRIPTION = "records.json"
SETTINGS = "shards/settings.json"  # there from the first moment on
_ADVICE = "choose another --output, or delete that folder first"


@dataclasses.dataclass(frozen=True)
class Summary:
    """What `prepare` did."""

    num_clips: int
    hours: float
    num_shards: int
    num_shards_before: int  # that were there already
    missing: Tuple[Reject, ...]  # clips that had no sound from the beginning
    rejects: Tuple[Reject, ...]  # clips whose sound could not be used


def prepare(
    clips: ClipList, output: str, config: RecordsConfig, runner: RunnerConfig, beam_options: Sequence[str] = ()
) -> Summary:
    """Writes the records of a list of clips.

    Args:
        clips: the list; at least one clip.
        output: the folder, here or on another machine (gs://, s3://, hdfs://).
        config: what is written.
        runner: how.
        beam_options: arguments for Apache Beam.

    Raises:
        UserError: no clip can be used (rejects.csv and coverage.json say why), or too few; the folder holds other
            records or cannot be written; another process prepares it.
    """
    folder = Folder(output if "://" in output else os.path.abspath(output))
    settings = {
        **clips.settings,
        **dataclasses.asdict(config),
        **(dataclasses.asdict(clips.frames) if clips.frames else {}),
        "schema_version": schema.SCHEMA_VERSION,
        "clips": plan.digest_of_clips(clips.requests),
    }
    planned = plan.make_shards(clips.requests, config.num_shards)
    with _written_to(folder):
        _refuse_other_records(folder, settings, planned)
        folder.make()
        _write_json(folder, SETTINGS, settings)
        rules = Rules(config, runner.max_reject_fraction, clips.frames)
        accounts: Dict[str, Account] = {}
        todo = [shard for shard in planned if not shards.is_written(folder, shard)]
        if todo:
            _delete([file.path for file in _match(folder.shard(DESCRIPTION))])  # the folder is not finished any more
        if any(shard.requests for shard in planned):
            _write_plans(folder, todo)
            pipeline.run({shard.name: len(shard.requests) for shard in todo}, folder, rules, runner, beam_options)
            accounts = {shard.name: shards.read_account(folder, shard.name) for shard in planned}
        try:
            return _finish(folder, clips.requests, accounts, rules, settings, len(planned) - len(todo))
        finally:
            with contextlib.suppress(BeamIOError):  # where folders are but names, it is gone with its last file
                FileSystems.delete([FileSystems.join(folder.root, "plan")])


def in_words(missing: Sequence[Reject], rejects: Sequence[Reject]) -> str:
    """For example `12 missing, 3 rejected (empty 1, truncated 2)`."""
    counts = collections.Counter(reject.reason for reject in rejects)
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
    return f"{len(missing)} missing, {len(rejects)} rejected" + (f" ({reasons})" if reasons else "")


def _finish(
    folder: Folder,
    requests: Sequence[ClipRequest],
    accounts: Mapping[str, Account],
    rules: Rules,
    settings: Mapping[str, Any],
    num_before: int,
) -> Summary:
    """Writes what is said of all shards together, records.json last."""
    missing = _missing(requests)
    unusable = [reject for account in accounts.values() for reject in account.rejects]
    rejects = sorted(missing + unusable, key=lambda reject: reject.clip_id)
    num_clips = sum(account.num_clips for account in accounts.values())
    _describe_copy(folder, requests, accounts, rejects, settings)
    if not num_clips:
        written = [file.path for file in _match(folder.shard("*.tfrecord"))]
        _delete(written + [folder.account(name) for name in shards.accounts_there(folder)])
        raise UserError(
            f"none of {len(requests)} clips can be used ({in_words(missing, unusable)}): see "
            f"{folder.shard('coverage.html')} and rejects.csv; there are no records"
        )
    if unusable:
        num_found = sum(request.is_found for request in requests)
        rules.check_rejects(len(unusable), num_found, folder.root, unusable[-1].message)
    rejected = {reject.clip_id for reject in rejects}
    used = [request for request in requests if request.clip_id not in rejected]
    names = {index: name for request in used for index, name in zip(request.labels, request.label_names)}
    cut = {clip_id: number for account in accounts.values() for clip_id, number in account.cut.items()}
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
            name: {"sha256": account.sha256, "num_bytes": account.num_bytes, "num_clips": account.num_clips}
            for name, account in accounts.items()
        },
    }
    _write_json(folder, DESCRIPTION, description)
    num_samples = sum(account.num_samples for account in accounts.values())
    hours = num_samples / SAMPLE_RATE_HZ / 3600
    return Summary(num_clips, hours, len(accounts), num_before, tuple(missing), tuple(unusable))


def _missing(requests: Sequence[ClipRequest]) -> List[Reject]:
    rejects = []
    for request in requests:
        if not request.is_found:
            where = str(request.sound or request.clip_id)
            path = str(request.sound or "")
            rejects.append(Reject(request.clip_id, path, "missing", f"{where}: missing: there is no such file"))
    return rejects


def _describe_copy(
    folder: Folder,
    requests: Sequence[ClipRequest],
    accounts: Mapping[str, Account],
    rejects: Sequence[Reject],
    settings: Mapping[str, Any],
) -> None:
    """rejects.csv, coverage.json, coverage.html."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow([field.name for field in dataclasses.fields(Reject)])
    writer.writerows(dataclasses.astuple(reject) for reject in rejects)
    _write(folder, "rejects.csv", table.getvalue())
    card = coverage.describe(requests, accounts, rejects, settings)
    _write_json(folder, "coverage.json", card)
    _write(folder, "coverage.html", coverage_page.render(card))


def _write_plans(folder: Folder, planned: Sequence[Shard]) -> None:
    stale = shards.accounts_there(folder)
    _delete([folder.account(shard.name) for shard in planned if shard.name in stale])
    for shard in planned:
        shards.write_bytes(folder.temporary(shard.name), folder.plan(shard.name), shard.to_json_lines())


def _delete(paths: Sequence[str]) -> None:
    if paths:
        FileSystems.delete(list(paths))


def _write(folder: Folder, name: str, text: str) -> None:
    shards.write_bytes(folder.temporary(name), FileSystems.join(folder.root, name), text.encode())


def _write_json(folder: Folder, name: str, values: Mapping[str, Any]) -> None:
    _write(folder, name, json.dumps(values, indent=2) + "\n")


def _refuse_other_records(folder: Folder, settings: Mapping[str, Any], planned: Sequence[Shard]) -> None:
    """Records of two runs side by side would be read as one data set."""
    path = FileSystems.join(folder.root, SETTINGS)
    if FileSystems.exists(path):
        try:
            found = json.loads(shards.read_bytes(path))
            different = sorted(key for key in {**found, **settings} if found.get(key) != settings.get(key))
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: not the settings of records: {_ADVICE}") from error
        if different:
            changes = ", ".join(_change(key, found.get(key), settings.get(key)) for key in different)
            raise UserError(f"{folder.root}: holds other records ({changes}): {_ADVICE}")
    names = {shard.name for shard in planned}
    there = [posixpath.basename(match.path) for match in _match(folder.shard("*.tfrecord"))]
    strangers = sorted(set(there) - names)
    if strangers:
        raise UserError(f"{folder.root}: holds other records ({strangers[0]}): {_ADVICE}")


def _change(key: str, before: Any, now: Any) -> str:
    if key == "clips":
        return "clips were added to the list or taken from it, or have other labels or folds"
    return f"{key} {before!r}, now {now!r}"


def _match(pattern: str) -> List[FileMetadata]:
    return FileSystems.match([pattern])[0].metadata_list


@contextlib.contextmanager
def _written_to(folder: Folder) -> Iterator[None]:
    """Makes the folder; it is empty no more than before if the block raises before it wrote anything.

    Raises:
        UserError: it cannot be written, or another process on this machine prepares it.
    """
    try:
        with contextlib.ExitStack() as stack:
            if "://" not in folder.root:
                is_new = not os.path.exists(folder.root)
                os.makedirs(folder.root, exist_ok=True)
                if is_new:
                    stack.callback(_remove_if_empty, folder.root)
                stack.enter_context(files.held_alone(folder.root, "prepares records there"))
            yield
    except (OSError, BeamIOError) as error:
        raise UserError(f"{folder.root}: cannot be written: {error}") from error


def _remove_if_empty(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(folder)
