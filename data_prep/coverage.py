"""The copy card of a prepared data set: which part of the listed clips it holds, so that results can be compared.

A clip is `missing` (there is no file), `rejected` (the file could not be used) or `used` (it became a record):

    listed = missing + rejected + used        found = rejected + used

A clip with several labels counts in each of its classes, and once in its split.
"""

import collections
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from audioset_triplet.clips import digest
from audioset_triplet.records import schema
from data_prep import plan
from data_prep.plan import ClipRequest
from data_prep.shards import Reject, ShardReport


def describe(
    requests: Sequence[ClipRequest],
    reports: Mapping[str, ShardReport],
    rejects: Sequence[Reject],
    settings: Mapping[str, Any],
    left_out: Mapping[str, Any],
) -> Dict[str, Any]:
    """The contents of coverage.json.

        settings                        of the records
        total, splits/NAME
            listed, missing, found, rejected, used
                                        numbers of clips; of files, where these are cut into clips
            records                     number of records: as used, or more where files are cut
            reasons                     why clips were rejected -> their number
            hours                       of the clips that are used
            rates_hz                    sample rate of their files -> their number
            silent, short               how many are below -80 dBFS; are shorter than listed by more than the slack
            clips_digest                of their ids (`clips.digest`), of all clips that a file was cut into
            classes                     for each class index, name, listed, missing, found, rejected and used
        silent_clips, short_clips       the ids
        left_out                        kind of file or folder that the search left out -> number, example

    Args:
        requests: every clip that was listed.
        reports: name of a shard -> its report.
        rejects: every clip that did not become a record, those without a file included.
        settings: of the records; without a `sample_rate_hz` they have that of schema version 1.
        left_out: see above; empty where a list names the files.
    """
    sample_rate_hz = settings.get("sample_rate_hz", schema.DEFAULT_FORMAT[0])
    reasons = {reject.clip_id: reject.reason for reject in rejects}
    members: Dict[str, List[ClipRequest]] = {}
    for request in requests:
        members.setdefault(request.group, []).append(request)
    shards: Dict[str, List[ShardReport]] = {name: [] for name in members}
    for shard, report in reports.items():
        shards[plan.group_of(shard)].append(report)
    return {
        "settings": dict(settings),
        "total": _describe(requests, list(reports.values()), reasons, sample_rate_hz),
        "splits": {
            name: _describe(members[name], shards[name], reasons, sample_rate_hz)
            for name in sorted(members, key=lambda name: (len(name), name))  # fold2 before fold10
        },
        "silent_clips": sorted(clip_id for report in reports.values() for clip_id in report.silent),
        "short_clips": sorted(clip_id for report in reports.values() for clip_id in report.short),
        "left_out": dict(left_out),
    }


def _describe(
    requests: Sequence[ClipRequest],
    reports: Sequence[ShardReport],
    reasons: Mapping[str, str],
    sample_rate_hz: int,
) -> Dict[str, Any]:
    """One split, or all together."""
    states = [_state(request, reasons) for request in requests]
    of_classes: Dict[Tuple[int, str], Dict[str, int]] = collections.defaultdict(collections.Counter)
    rejected: Dict[str, int] = collections.Counter()
    used: List[str] = []
    cut = {clip_id: number for report in reports for clip_id, number in report.cut.items()}
    for request, state in zip(requests, states):
        for label in zip(request.labels, request.label_names):
            of_classes[label][state] += 1
        if state == "rejected":
            rejected[reasons[request.clip_id]] += 1
        elif state == "used":
            used += request.clip_ids(cut.get(request.clip_id, 1), sample_rate_hz)
    rates_hz: Dict[int, int] = collections.Counter()
    for report in reports:
        for rate_hz, num_clips in report.rates_hz.items():
            rates_hz[int(rate_hz)] += num_clips
    return {
        **_counts(collections.Counter(states)),
        "records": len(used),
        "reasons": dict(sorted(rejected.items())),
        "hours": sum(report.num_samples for report in reports) / sample_rate_hz / 3600,
        "rates_hz": {str(rate_hz): num_clips for rate_hz, num_clips in sorted(rates_hz.items())},
        "silent": sum(len(report.silent) for report in reports),
        "short": sum(len(report.short) for report in reports),
        "clips_digest": digest(used),
        "classes": [
            {"index": index, "name": name, **_counts(counts)} for (index, name), counts in sorted(of_classes.items())
        ],
    }


def _state(request: ClipRequest, reasons: Mapping[str, str]) -> str:
    if not request.is_found:
        return "missing"
    return "rejected" if request.clip_id in reasons else "used"


def _counts(states: Mapping[str, int]) -> Dict[str, int]:
    missing, rejected, used = (states.get(state, 0) for state in ("missing", "rejected", "used"))
    return {
        "listed": missing + rejected + used,
        "missing": missing,
        "found": rejected + used,
        "rejected": rejected,
        "used": used,
    }
