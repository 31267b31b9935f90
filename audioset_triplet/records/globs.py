"""Names of files as users give them: paths, folders and globs, several separated by commas.

What exists under its very name is taken before anything is a glob: names may hold brackets, stars and commas.
"""

import glob
import os
from typing import List, Sequence

import tensorflow as tf

from audioset_triplet.errors import UserError

EXTENSION = ".tfrecord"  # of the files that a folder stands for
_MOST_NAMED = 3  # of the files that are there instead


def expand(patterns: str) -> List[str]:
    """The files that several paths, folders and globs stand for, sorted, each once.

    A folder stands for its files with the extension of TFRecords. `~` is the home folder, `$NAME` a variable. Hidden
    files are left out of globs. Paths with `://` are those of TensorFlow's file systems.

    Raises:
        UserError: a path or glob without a file, or a folder without such files.
    """
    parts = [part for part in patterns.split(",") if part.strip()]
    files = set()
    while parts:
        taken = _length_of_first(parts)
        files.update(_files(",".join(parts[:taken]).strip()))
        del parts[:taken]
    if not files:
        raise UserError("no records: the list of files is empty")
    return sorted(files)


def matches(pattern: str) -> List[str]:
    """The path of this name, or the files and folders that a glob matches, sorted."""
    try:
        pattern = _expanded(pattern)
        if _exists(pattern):
            return [pattern]
        return sorted(tf.io.gfile.glob(pattern) if "://" in pattern else glob.glob(_with_literal_folders(pattern)))
    except tf.errors.OpError as error:
        raise UserError(f"{pattern}: {error.message}") from error
    except ValueError as error:  # a NUL
        raise UserError(f"{pattern!r}: {error}") from error


def _length_of_first(parts: Sequence[str]) -> int:
    """How many of the parts between commas are the first name: several if they exist, and the first alone does not."""
    for find in (_exists, matches):
        for length in (1, *range(len(parts), 1, -1)):
            if find(",".join(parts[:length]).strip()):
                return length
    return 1


def _files(pattern: str) -> List[str]:
    found = matches(pattern)
    files = [path for path in found if not tf.io.gfile.isdir(path)]
    if not found:
        raise UserError(f"{pattern}: no such file{_hint(pattern)}")
    if found == [_expanded(pattern)] and not files:
        files = matches(_join(_escaped(found[0]), f"*{EXTENSION}"))
        if not files:
            raise UserError(f"{pattern}: no *{EXTENSION} in this folder{_contents(found[0])}")
    if not files:
        raise UserError(f"{pattern}: stands for folders alone: say {_join(pattern, f'*{EXTENSION}')}")
    return files


def _exists(name: str) -> bool:
    name = _expanded(name)
    return tf.io.gfile.exists(name) if "://" in name else os.path.lexists(name)


def _expanded(name: str) -> str:
    """With the home folder for `~`, and variables that a shell left alone because of quotes: $NAME, ${NAME}."""
    return name if os.path.lexists(name) else os.path.expandvars(os.path.expanduser(name))


def _with_literal_folders(pattern: str) -> str:
    """A glob in which the folders that exist under their very names, from the first on, are no globs."""
    folders = pattern.split(os.sep)
    for length in range(len(folders) - 1, 0, -1):
        folder = os.sep.join(folders[:length])
        if os.path.isdir(folder):
            return os.sep.join([glob.escape(folder), *folders[length:]])
    return pattern


def _escaped(folder: str) -> str:
    return folder if "://" in folder else glob.escape(folder)


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _hint(pattern: str) -> str:
    """What there is instead: the folder does not exist, or holds other files."""
    folder, name = os.path.split(_expanded(pattern))
    if "://" in pattern or not folder or glob.has_magic(folder):
        return ""
    return _contents(folder, name) if os.path.isdir(folder) else f": there is no folder {folder}"


def _contents(folder: str, wanted: str = f"*{EXTENSION}") -> str:
    """Examples of what a folder holds: names of the wanted extension if there are any, those that begin alike first."""
    if "://" in folder:
        return ""
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    if not names:
        return f"; {folder} is empty"
    extension = os.path.splitext(wanted)[1]
    candidates = [name for name in names if os.path.splitext(name)[1] == extension] or names
    nearest = sorted(candidates, key=lambda name: -len(os.path.commonprefix([name, wanted])))[:_MOST_NAMED]
    return f"; {folder} has {', '.join(nearest)}" + (" and others" if len(names) > len(nearest) else "")
