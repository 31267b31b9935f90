"""The copy card of a prepared data set: how much of what was listed there is, for whoever compares results."""

from typing import Any, Dict, Mapping, Sequence

from data_prep.plan import ClipRequest
from data_prep.shards import Account, Reject


def describe(
    requests: Sequence[ClipRequest],
    accounts: Mapping[str, Account],
    rejects: Sequence[Reject],
    settings: Mapping[str, Any],
) -> Dict[str, Any]:
    """What coverage.json holds.

    Args:
        requests: every clip that was listed.
        accounts: shard -> what came of it.
        rejects: every clip that did not become a record, those without a sound included.
        settings: of the records.
    """
    return {}


def page(card: Mapping[str, Any]) -> str:
    """The card as a page that stands alone."""
    return ""
