"""Texts NAME=VALUE of a flag, such as --eval_data=balanced=eval/*.tfrecord."""

from typing import Collection, Dict, List, Optional, Sequence, Tuple

from audioset_triplet.errors import UserError


def pairs(
    flag: str,
    texts: Sequence[str],
    value: str = "VALUE",
    alone: str = "",
    known: Optional[Collection[str]] = None,
    of: str = "",
) -> List[Tuple[str, str]]:
    """Names and what follows them.

    Args:
        flag: that the texts are given by, for errors.
        texts: NAME=VALUE each.
        value: what a value is, for errors.
        alone: a name that stands without a value, which is then empty.
        known: the names that there are; None: any, as names of folders.
        of: the flag that gives the known names.

    Raises:
        UserError: another text, or a name that is not known.
    """
    result = []
    for text in texts:
        name, _, given = text.partition("=")
        is_whole = bool(name) and bool(given) != (name == alone)
        if not is_whole or "/" in name or name.startswith("."):
            forms = f"{alone} or NAME={value}" if alone else f"NAME={value}"
            raise UserError(f"--{flag} needs {forms}, and names without /, not {text!r}.")
        if known is not None and name not in known:
            raise UserError(f"--{flag}={text}: no set of --{of} has this name; there are {', '.join(known)}.")
        result.append((name, given))
    return result


def named(
    flag: str,
    texts: Sequence[str],
    value: str = "VALUE",
    alone: str = "",
    known: Optional[Collection[str]] = None,
    of: str = "",
) -> Dict[str, str]:
    """Name -> value, of names that may come once.

    Args:
        flag, texts, value, alone, known, of: as for `pairs`.

    Raises:
        UserError: what `pairs` raises, or a name that is given twice.
    """
    result: Dict[str, str] = {}
    for name, given in pairs(flag, texts, value, alone, known, of):
        if name in result:
            raise UserError(f"--{flag} has the name {name} twice.")
        result[name] = given
    return result
