"""The keys of the rating page: actions, default keys, and the rater's own, which are kept in keys.json of the workdir.

keys.json maps actions to lists of keys, by the names that browsers give them (`KeyboardEvent.key`): {"present": ["1"]}.
It may be written by hand; actions that it leaves out keep their default keys.
"""

import os
from typing import Any, Dict, List

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.labelling.server.session import BadRequest

NAME = "keys.json"
_LONGEST_KEY = 20  # characters

ACTIONS = {  # action -> what it does, default keys
    "present": ("Present", ["1", "c"]),
    "not_present": ("Not present", ["2", "n"]),
    "unsure": ("Unsure, do not know", ["3", "d"]),
    "not_acoustic": ("Not acoustic", ["4", "a"]),
    "submit": ("Submit", ["Enter"]),
    "skip": ("Skip with a reason", ["s"]),
    "undo": ("Undo the last answer", ["u", "Backspace"]),
    "play": ("Play, pause", [" "]),
    "replay": ("Play from the start", ["r"]),
    "loop": ("Loop on, off", ["o"]),
    "slower": ("Slower", ["-"]),
    "faster": ("Faster", ["+", "="]),
    "context": ("More context", ["x"]),
    "back": ("Back a second", ["ArrowLeft"]),
    "forward": ("Forward a second", ["ArrowRight"]),
    "previous_label": ("Previous label", ["ArrowUp"]),
    "next_label": ("Next label", ["ArrowDown"]),
    "add_label": ("Type a label", ["l", "/"]),
    "comment": ("Write a comment", ["m"]),
    "head": ("Head, and the next clips", ["h"]),
    "settings": ("Keys and settings", ["k", "?"]),
}


def read(workdir: str) -> Dict[str, List[str]]:
    """Action -> its keys.

    Raises:
        UserError: keys.json is damaged, names an unknown action, or gives a key to two actions.
    """
    path = os.path.join(workdir, NAME)
    own = files.read_json_object(path) if os.path.exists(path) else {}
    try:
        return checked(own)
    except BadRequest as error:
        raise UserError(f"{path}: {error}: mend the file, or remove it.") from error


def write(workdir: str, own: Any) -> Dict[str, List[str]]:
    """Keeps a rater's own keys, and returns those of all actions; a BadRequest for what `read` would refuse."""
    keys = checked(own)
    files.write_json(os.path.join(workdir, NAME), {name: keys[name] for name in keys if keys[name] != ACTIONS[name][1]})
    return keys


def checked(own: Any) -> Dict[str, List[str]]:
    """The keys of all actions; a BadRequest unless they are texts, and each of one action.

    Args:
        own: action -> list of keys. A default key of another action that is given away is not its key any more.
    """
    if not isinstance(own, dict) or set(own) - set(ACTIONS):
        unknown = min(set(own) - set(ACTIONS)) if isinstance(own, dict) else own
        raise BadRequest(f"{unknown!r} is none of the actions {', '.join(ACTIONS)}")
    for action, keys in own.items():
        if not isinstance(keys, list) or not all(isinstance(key, str) and 0 < len(key) <= _LONGEST_KEY for key in keys):
            raise BadRequest(f"{action} needs a list of keys")
    given = [key for keys in own.values() for key in keys]
    repeated = next((key for key in given if given.count(key) > 1), None)
    if repeated is not None:
        raise BadRequest(f"the key {repeated!r} has two actions")
    return {
        action: own[action] if action in own else [key for key in keys if key not in given]
        for action, (_, keys) in ACTIONS.items()
    }
