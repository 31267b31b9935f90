"""Refuses to go on in a folder with other settings than those that it began with.

Settings are nested mappings or dataclasses of plain values, as a JSON file beside the results keeps them.
"""

import dataclasses
import json
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from audioset_triplet.errors import UserError

_MAX_SHOWN = 8  # differences, in a message


class Difference(NamedTuple):
    """One value that differs."""

    path: Tuple[str, ...]  # keys from the outside in
    before: Any
    now: Any

    def __str__(self) -> str:
        return f"{'/'.join(self.path)}: {self.before}, now {self.now}"


def plain(settings: Any) -> Any:
    """Settings as they come back from a JSON file: dataclasses are dicts, tuples lists, keys strings."""
    return json.loads(json.dumps(settings, default=dataclasses.asdict))


def require_same(folder_holds: str, before: Any, now: Any, flag: str = "--workdir") -> None:
    """Raises a UserError that names the values that differ; a value that is missing counts as None.

    Args:
        folder_holds: how the message begins: "runs/x holds a run with other settings".
        before: the settings that the folder has.
        now: those that are given.
        flag: names the folder.
    """
    _refuse(folder_holds, differences(before, now), flag)


def extended(folder_holds: str, before: Any, now: Any, flag: str = "--output") -> Dict[str, Any]:
    """The settings of a folder to which keys may be added, on any level of them.

    Args:
        folder_holds, before, now, flag: as for `require_same`.

    Returns:
        Both settings together, plain.

    Raises:
        UserError: a value that is in both differs.
    """
    _refuse(folder_holds, differences(before, now, only_common=True), flag)
    return _merged(plain(before), plain(now))


def differences(before: Any, now: Any, only_common: bool = False) -> List[Difference]:
    """The values that differ.

    Args:
        before, now: settings.
        only_common: ignore keys that one of them lacks.
    """
    return list(_differences(plain(before), plain(now), only_common, ()))


def _differences(before: Any, now: Any, only_common: bool, path: Tuple[str, ...]) -> List[Difference]:
    if not isinstance(before, Mapping) or not isinstance(now, Mapping):
        return [] if before == now else [Difference(path, before, now)]
    keys = [key for key in {**before, **now} if not only_common or (key in before and key in now)]
    return [
        difference
        for key in keys
        for difference in _differences(before.get(key), now.get(key), only_common, (*path, key))
    ]


def _merged(before: Any, now: Any) -> Any:
    if not isinstance(before, Mapping) or not isinstance(now, Mapping):
        return now
    common = {key: _merged(before[key], now[key]) for key in before if key in now}
    return {**before, **now, **common}


def _refuse(folder_holds: str, different: Sequence[Difference], flag: str) -> None:
    if not different:
        return
    texts = list(map(str, _grouped(different)))
    more = f"; and {len(texts) - _MAX_SHOWN} more" if len(texts) > _MAX_SHOWN else ""
    raise UserError(
        f"{folder_holds} ({', '.join(texts[:_MAX_SHOWN])}{more}): give the same flags and the same input to go on, or "
        f"another {flag}."
    )


def _grouped(different: Sequence[Difference]) -> List[Difference]:
    """The same difference in several places, such as rows/a/steps and rows/b/steps, once: rows/*/steps."""
    groups: Dict[str, List[Difference]] = {}
    for difference in different:
        path = difference.path
        shared = (path[0], "*", *path[2:]) if len(path) > 2 else path
        groups.setdefault(str(difference._replace(path=shared)), []).append(difference)
    return [
        first if not rest else first._replace(path=(first.path[0], "*", *first.path[2:]))
        for first, *rest in groups.values()
    ]
