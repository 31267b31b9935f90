"""Numbers of things in messages."""


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
