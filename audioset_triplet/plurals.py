"""Numbers of things, and lengths of time, in messages."""


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number and what is counted: `1 clip`, `2 clips`.

    Args:
        number: how many.
        singular: what, if there is one; a verb may follow: `clip is`.
        plural: what, if there are none or several; empty: as English forms it of a noun.
    """
    return f"{number} {singular if number == 1 else plural or _plural(singular)}"


def _plural(noun: str) -> str:
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def duration(seconds: float) -> str:
    """A length of audio: `42 s`, `12.5 min`, `1,234.5 h`."""
    if seconds < 90:
        return f"{seconds:.3g} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 90 else f"{minutes / 60:,.1f} h"
