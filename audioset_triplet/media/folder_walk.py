"""The search of a folder for audio and video files, and an account of what it leaves out.

One rule for every program and for the members of archives: hidden files and folders are left out, links are followed,
and nothing is left out without being counted.
"""

import dataclasses
import os
import re
import stat
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from audioset_triplet.files import printable
from audioset_triplet.media.extensions import AUDIO_EXTENSIONS
from audioset_triplet.plurals import counted

# What file managers, archivers, NAS boxes and cameras put beside files; besides these, every name with a dot in front.
_HIDDEN_NAMES = frozenset(
    ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "#recycle", "@recycle", "#snapshot")
    + ("$recycle.bin", "recycler", "system volume information", "lost+found")
)
_MOST_KINDS_NAMED = 8


class File(NamedTuple):
    """A regular file, or one that a link leads to."""

    path: str
    size: int  # bytes
    changed: int  # seconds since 1970


@dataclasses.dataclass
class LeftOut:
    """What a search left out: kind -> (how many, the first of them)."""

    kinds: Dict[str, Tuple[int, str]] = dataclasses.field(default_factory=dict)

    def add(self, kind: str, path: str) -> None:
        """Counts a file or folder; `kind` is a plural."""
        number, example = self.kinds.get(kind, (0, path))
        self.kinds[kind] = (number + 1, example)

    def add_other(self, path: str) -> None:
        """Counts a file that is neither audio nor video, by its extension."""
        extension = os.path.splitext(path)[1].lower()
        self.add(f"{printable(extension)} files" if extension else "files without an extension", path)

    def text(self) -> str:
        """For one line: `2 hidden files (such as a/._b.wav), 1 .txt file (notes.txt)`; empty: nothing is left out."""
        ordered = sorted(self.kinds.items(), key=lambda item: (-item[1][0], item[0]))
        named = [
            f"{number} {in_number(kind, number)} ({'such as ' if number > 1 else ''}{printable(example)})"
            for kind, (number, example) in ordered[:_MOST_KINDS_NAMED]
        ]
        others = sum(number for _, (number, _) in ordered[_MOST_KINDS_NAMED:])
        return ", ".join([*named, counted(others, "more file")] if others else named)

    def to_json(self) -> Dict[str, Dict[str, object]]:
        """kind -> `number` and `example`."""
        return {
            kind: {"number": number, "example": printable(example)}
            for kind, (number, example) in sorted(self.kinds.items())
        }


def in_number(kind: str, number: int) -> str:
    """A kind of what was left out: `.txt files`, but `.txt file` where there is one."""
    return re.sub(r"\b(file|folder|link)s\b", r"\1", kind, count=1) if number == 1 else kind


class Found(NamedTuple):
    """The audio and video files of a folder, in the order of their paths, and what was left out of it."""

    files: List[File]
    left_out: LeftOut


def find(root: str) -> Found:
    """Every file below a folder, to any depth, that has an audio or video extension."""
    left_out = LeftOut()
    files = []
    for file in walk(root, left_out):
        if has_audio_extension(file.path):
            files.append(file)
        else:
            left_out.add_other(file.path)
    return Found(files, left_out)


def has_audio_extension(path: str) -> bool:
    """Whether the name of a file is that of an audio or video file."""
    return os.path.splitext(path)[1].lower() in AUDIO_EXTENSIONS


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is none of the user's: `._a.wav` of macOS, `.git`, `@eaDir`, ..."""
    return name.startswith(".") or name.lower() in _HIDDEN_NAMES


def hidden_part(relative_path: str) -> Optional[str]:
    """What hides the file of a relative path (with /): `hidden files`, or `hidden folders` above it; None: nothing."""
    *folders, name = relative_path.split("/")
    if any(is_hidden(folder) for folder in folders if folder not in ("", ".", "..")):
        return "hidden folders"
    return "hidden files" if is_hidden(name) else None


def walk(root: str, left_out: LeftOut) -> Iterator[File]:
    """Every visible regular file below a folder, in the order of the paths; the others go into `left_out`.

    Links are followed: to files always, to a folder unless it is searched anyway or has been searched already. Files
    are not opened.
    """
    yield from _Walk(root, left_out).files(root)


class _Walk:
    def __init__(self, root: str, left_out: LeftOut) -> None:
        self._root = os.path.realpath(root)
        self._left_out = left_out
        self._searched: Set[Tuple[int, int]] = set()

    def files(self, root: str) -> Iterator[File]:
        pending = self._entries(root)
        while pending:
            entry = pending.pop()
            try:
                status = entry.stat()
            except OSError:
                is_dangling = entry.is_symlink() and not os.path.exists(entry.path)
                self._left_out.add("links to nothing" if is_dangling else "files that cannot be read", entry.path)
                continue
            is_folder = stat.S_ISDIR(status.st_mode)
            if is_hidden(entry.name):
                self._left_out.add("hidden folders" if is_folder else "hidden files", entry.path)
            elif is_folder and entry.is_symlink() and self._is_searched_anyway(os.path.realpath(entry.path)):
                self._left_out.add("links to folders that are searched anyway", entry.path)
            elif is_folder:
                pending += self._entries(entry.path)
            elif stat.S_ISREG(status.st_mode):
                yield File(entry.path, status.st_size, int(status.st_mtime))
            else:
                self._left_out.add("special files", entry.path)

    def _entries(self, folder: str) -> "List[os.DirEntry[str]]":
        """What is in a folder, the last name first; nothing of one that has been searched."""
        try:
            status = os.stat(folder)
            with os.scandir(folder) as entries:
                in_order = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError:
            self._left_out.add("folders that cannot be read", folder)
            return []
        if (status.st_dev, status.st_ino) in self._searched:
            self._left_out.add("folders that a link has led to before", folder)
            return []
        self._searched.add((status.st_dev, status.st_ino))
        return in_order

    def _is_searched_anyway(self, target: str) -> bool:
        """Whether a folder is part of the searched tree, or holds it: then the link would lead in a circle."""
        if _is_within(self._root, target):
            return True
        parts = os.path.relpath(target, self._root).split(os.sep)
        return _is_within(target, self._root) and not any(map(is_hidden, parts))


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
