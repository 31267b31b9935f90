"""Texts NAME=VALUE of a flag, such as --eval_data=balanced=eval/*.tfrecord."""

from typing import Collection, Dict, List, Optional, Sequence, Tuple

from audioset_triplet.errors import UserError


def pairs(
    flag: str, values: Sequence[str], known: Optional[Collection[str]] = None, of: str = ""
) -> List[Tuple[str, str]]:
    """Names and what follows them.

    Args:
        flag: that the texts are given by, for errors.
        values: the texts.
        known: the names that there are; None: any, as names of folders.
        of: the flag that gives the known names.

    Raises:
        UserError: another text, or a name that is not known.
    """
    found = []
    for text in values:
        name, _, value = text.partition("=")
        if not name or not value or "/" in name or name.startswith("."):
            raise UserError(f"--{flag} needs NAME=VALUE, and names without /, not {text!r}.")
        if known is not None and name not in known:
            raise UserError(f"--{flag}={text}: no set of --{of} has this name; there are {', '.join(known)}.")
        found.append((name, value))
    return found


def named(flag: str, values: Sequence[str], known: Optional[Collection[str]] = None, of: str = "") -> Dict[str, str]:
    """Name -> value, of names that may come once.

    Args:
        flag, values, known, of: as for `pairs`.

    Raises:
        UserError: what `pairs` raises, or a name that is given twice.
    """
    result: Dict[str, str] = {}
    for name, value in pairs(flag, values, known, of):
        if name in result:
            raise UserError(f"--{flag} has the name {name} twice.")
        result[name] = value
    return result
