"""The copy card of a prepared data set: how much of what was listed there is, for whoever compares results.

A clip is `missing` (there is no file of it), `rejected` (there is one, and it could not be used) or `used` (it became a
record):

    listed = missing + rejected + used        found = rejected + used

A clip with several labels counts in each of its classes, and once in its split.
"""

import collections
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from audioset_triplet.clips import digest
from audioset_triplet.frontend.constants import SAMPLE_RATE_HZ
from data_prep import plan
from data_prep.plan import ClipRequest
from data_prep.shards import Account, Reject


def describe(
    requests: Sequence[ClipRequest],
    accounts: Mapping[str, Account],
    rejects: Sequence[Reject],
    settings: Mapping[str, Any],
) -> Dict[str, Any]:
    """What coverage.json holds.

        settings                        of the records
        total, splits/NAME
            listed, missing, found, rejected, used
                                        numbers of clips; of sounds, where these are cut into clips
            records                     number of clips that became records: as used, or more where sounds are cut
            reasons                     why clips were rejected -> their number
            hours                       of the clips that are used
            rates_hz                    sample rate of their sounds -> their number
            silent, short               how many are below -80 dBFS; are shorter than listed by more than is padded
            clips_digest                of their ids (`clip_ids.digest`), of all that a sound was cut into
            classes                     for each class index, name, listed, missing, found, rejected and used
        silent_clips, short_clips       the ids

    Args:
        requests: every clip that was listed.
        accounts: shard -> what came of it.
        rejects: every clip that did not become a record, those without a sound included.
        settings: of the records.
    """
    reasons = {reject.clip_id: reject.reason for reject in rejects}
    members: Dict[str, List[ClipRequest]] = {}
    for request in requests:
        members.setdefault(request.group, []).append(request)
    shards: Dict[str, List[Account]] = {name: [] for name in members}
    for shard, account in accounts.items():
        shards[plan.group_of(shard)].append(account)
    return {
        "settings": dict(settings),
        "total": _describe(requests, list(accounts.values()), reasons),
        "splits": {
            name: _describe(members[name], shards[name], reasons)
            for name in sorted(members, key=lambda name: (len(name), name))  # fold2 before fold10
        },
        "silent_clips": sorted(clip_id for account in accounts.values() for clip_id in account.silent),
        "short_clips": sorted(clip_id for account in accounts.values() for clip_id in account.short),
    }


def _describe(
    requests: Sequence[ClipRequest], accounts: Sequence[Account], reasons: Mapping[str, str]
) -> Dict[str, Any]:
    """A split, or all of them."""
    states = [_state(request, reasons) for request in requests]
    of_classes: Dict[Tuple[int, str], Dict[str, int]] = collections.defaultdict(collections.Counter)
    rejected: Dict[str, int] = collections.Counter()
    used: List[str] = []
    cut = {clip_id: number for account in accounts for clip_id, number in account.cut.items()}
    for request, state in zip(requests, states):
        for label in zip(request.labels, request.label_names):
            of_classes[label][state] += 1
        if state == "rejected":
            rejected[reasons[request.clip_id]] += 1
        elif state == "used":
            used += request.clip_ids(cut.get(request.clip_id, 1))
    rates_hz: Dict[int, int] = collections.Counter()
    for account in accounts:
        for rate_hz, num_clips in account.rates_hz.items():
            rates_hz[int(rate_hz)] += num_clips
    return {
        **_counts(collections.Counter(states)),
        "records": len(used),
        "reasons": dict(sorted(rejected.items())),
        "hours": sum(account.num_samples for account in accounts) / SAMPLE_RATE_HZ / 3600,
        "rates_hz": {str(rate_hz): num_clips for rate_hz, num_clips in sorted(rates_hz.items())},
        "silent": sum(len(account.silent) for account in accounts),
        "short": sum(len(account.short) for account in accounts),
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
