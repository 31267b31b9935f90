"""Requests for clips -> sharded TFRecords: what every `prepare_*` binary shares.

The bytes depend on the requests alone, not on which of them is decoded first, and files appear under their final
names only when all of them are complete. A clip that cannot be used is a reject with a reason, in `rejects.csv`.
"""

import collections
import concurrent.futures
import contextlib
import csv
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import sys
from typing import Any, Callable, Deque, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from audioset_triplet import files
from audioset_triplet.data import audio_files, encodings, schema
from audioset_triplet.errors import UserError
from audioset_triplet.frontend.constants import SAMPLE_RATE_HZ

_NUM_NAMED_REJECTS = 5


@dataclasses.dataclass(frozen=True)
class ClipRequest:
    """A sound file that shall become one record; it is padded with silence or trimmed to end - start seconds."""

    path: Optional[pathlib.Path]  # None: there is none, which makes the clip a reject
    clip_id: str
    recording_id: str
    start_seconds: float
    end_seconds: float
    labels: Tuple[int, ...]
    label_names: Tuple[str, ...]
    fold: int


@dataclasses.dataclass(frozen=True)
class Reject:
    """A request that did not become a record; `reason` is that of `audio_files.AudioError`."""

    clip_id: str
    path: str
    reason: str
    message: str


@dataclasses.dataclass(frozen=True)
class Summary:
    """What `write_clips` wrote."""

    num_clips: int
    hours: float
    rejects: Tuple[Reject, ...]
    files: Tuple[str, ...]


def write_clips(
    groups: Mapping[str, Sequence[ClipRequest]],
    output: Union[str, "os.PathLike[str]"],
    num_shards: int,
    audio: str,
    settings: Mapping[str, Any],
) -> Summary:
    """Writes `GROUP-00000-of-0000N.tfrecord`, `rejects.csv` and `records.json` (settings, counts, class names).

    Args:
        groups: for each name of a group of files (`fold1`, say) its clips, in the order of the records.
        output: the folder; made if missing. Records of the same settings in it are replaced.
        num_shards: files per group; clip i goes into file i modulo num_shards.
        audio: `pcm`, or `encoded` for the files' own bytes where the graph can decode them (else samples all the same).
        settings: what makes these records different from others; kept in records.json.

    Raises:
        UserError: no clip can be used, or the folder holds other records or cannot be written.
    """
    folder = pathlib.Path(output)
    settings = dict(settings, num_shards=num_shards, audio=audio, schema_version=schema.SCHEMA_VERSION)
    settings["clips"] = _digest(groups)
    names = {
        group: [f"{group}-{shard:05d}-of-{num_shards:05d}.tfrecord" for shard in range(num_shards)] for group in groups
    }
    _refuse_other_records(folder, settings, {name for group in names.values() for name in group})
    requests = [request for group in groups.values() for request in group]
    targets = [names[group][index % num_shards] for group in groups for index in range(len(groups[group]))]
    rejects: List[Reject] = []
    num_samples = 0
    with _appearing_together(folder) as begin:
        description = begin("records.json")  # the first: it appears when all else is there
        with contextlib.ExitStack() as stack:
            writers = {
                name: stack.enter_context(tf.io.TFRecordWriter(begin(name)))
                for group in names.values()
                for name in group
            }
            results = _in_order(lambda request: _example_or_reject(request, audio == "encoded"), requests)
            for target, result in zip(targets, tqdm(results, total=len(requests), unit="clip", disable=None)):
                if isinstance(result, Reject):
                    rejects.append(result)
                else:
                    example, length = result
                    writers[target].write(example)
                    num_samples += length
        num_clips = len(requests) - len(rejects)
        if not num_clips:
            raise UserError(f"none of {len(requests)} clips can be used ({count_reasons(rejects)}): nothing is written")
        _write_rejects(begin("rejects.csv"), rejects)
        _write_description(description, settings, requests, rejects)
    paths = tuple(str(folder / name) for group in names.values() for name in group)
    return Summary(num_clips, num_samples / SAMPLE_RATE_HZ / 3600, tuple(rejects), paths)


def count_reasons(rejects: Iterable[Reject]) -> str:
    """For example `missing 3, truncated 1`."""
    counts = collections.Counter(reject.reason for reject in rejects)
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))


def report(summary: Summary, output: pathlib.Path, seconds: float) -> None:
    """Says what was written, and on stderr what was rejected."""
    for reject in summary.rejects[:_NUM_NAMED_REJECTS]:
        print(f"rejected: {reject.message}", file=sys.stderr)
    if summary.rejects:
        reasons = count_reasons(summary.rejects)
        print(f"rejected {len(summary.rejects)} clips ({reasons}): see {output / 'rejects.csv'}", file=sys.stderr)
    print(
        f"{summary.num_clips} clips, {summary.hours:.2f} hours, {len(summary.rejects)} rejected, "
        f"{seconds:.1f} s -> {output} ({len(summary.files)} files)"
    )


def _example_or_reject(request: ClipRequest, encoded: bool) -> Union[Tuple[bytes, int], Reject]:
    """(serialized Example, its length in samples at 16 kHz), or the reject."""
    if request.path is None:
        return Reject(request.clip_id, "", "missing", f"{request.clip_id}: there is no file of it")
    num_samples = round((request.end_seconds - request.start_seconds) * SAMPLE_RATE_HZ)
    try:
        pcm = audio_files.to_pcm(audio_files.load(request.path))
    except audio_files.AudioError as error:
        return Reject(request.clip_id, str(request.path), error.reason, str(error))
    sound: Dict[str, Any] = {"pcm": np.pad(pcm[:num_samples], (0, max(0, num_samples - len(pcm))))}
    contents = request.path.read_bytes() if encoded else b""
    description = encodings.describe(contents) if encoded else None
    if description:
        encoding, sample_type, rate_hz = description
        sound = {
            "pcm": None,
            "encoded": contents,
            "encoding": encoding,
            "encoded_type": sample_type,
            "encoded_rate_hz": rate_hz,
            "encoded_num_samples": num_samples,
        }
    fields = {field: value for field, value in vars(request).items() if field != "path"}
    return schema.clip_to_example(schema.Clip(**fields, **sound)), num_samples


def _digest(groups: Mapping[str, Sequence[ClipRequest]]) -> str:
    """A name for a list of clips, wherever their files lie: it tells two data sets of one layout apart."""
    listed = [
        (
            group,
            request.path and request.path.name,
            *(value for field, value in vars(request).items() if field != "path"),
        )
        for group, requests in groups.items()
        for request in requests
    ]
    return hashlib.sha256(repr(listed).encode()).hexdigest()[:12]


def _in_order(function: Callable[[ClipRequest], Any], requests: Sequence[ClipRequest]) -> Iterator[Any]:
    """Results in the order of the requests, computed on all cores, a bounded number ahead of the reader.

    Threads: the decoders and the resampler work outside the interpreter's lock.
    """
    num_workers = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(num_workers) as pool:
        ahead: Deque[concurrent.futures.Future[Any]] = collections.deque()
        try:
            for request in requests:
                ahead.append(pool.submit(function, request))
                if len(ahead) > 4 * num_workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _refuse_other_records(folder: pathlib.Path, settings: Mapping[str, Any], names: Iterable[str]) -> None:
    """Records of two runs side by side would be read as one data set."""
    advice = "choose another --output, or delete that folder first"
    description = folder / "records.json"
    if description.exists():
        try:
            found = json.loads(description.read_text())["settings"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{description}: not a description of records: {advice}") from error
        different = sorted(key for key in {**found, **settings} if found.get(key) != settings.get(key))
        if different:
            changes = ", ".join(f"{key} {found.get(key)!r}, now {settings.get(key)!r}" for key in different)
            raise UserError(f"{folder}: holds records of other settings ({changes}): {advice}")
    strangers = sorted({path.name for path in folder.glob("*.tfrecord")} - set(names))
    if strangers:
        raise UserError(f"{folder}: holds other records ({strangers[0]}): {advice}")


@contextlib.contextmanager
def _appearing_together(folder: pathlib.Path) -> Iterator[Callable[[str], str]]:
    """Gives a function from final to temporary paths; the files get their final names at the end, the first one last.

    An exception leaves none of them, and no folder where there was none.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        with contextlib.ExitStack() as pending:
            yield lambda name: pending.enter_context(files.atomic_path(str(folder / name)))
    except BaseException as error:
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, (OSError, tf.errors.OpError)):
            raise UserError(f"{folder}: cannot be written: {error}") from error
        raise


def _remove_leftovers(folder: pathlib.Path) -> None:
    """Deletes the temporary files of a process that was killed."""
    for path in folder.glob("*.tmp-*"):
        pid = re.search(r"\.tmp-(\d+)$", path.name)
        if pid:
            try:
                os.kill(int(pid[1]), 0)
            except ProcessLookupError:
                path.unlink()
            except PermissionError:
                pass


def _write_rejects(path: str, rejects: Iterable[Reject]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in dataclasses.fields(Reject)])
        writer.writerows(dataclasses.astuple(reject) for reject in rejects)


def _write_description(
    path: str, settings: Mapping[str, Any], requests: Sequence[ClipRequest], rejects: Sequence[Reject]
) -> None:
    class_names = {index: name for request in requests for index, name in zip(request.labels, request.label_names)}
    description = {
        "settings": settings,
        "num_clips": len(requests) - len(rejects),
        "num_rejects": len(rejects),
        "class_names": {str(index): class_names[index] for index in sorted(class_names)},
    }
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(description, indent=2) + "\n")
