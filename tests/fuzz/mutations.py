"""Valid bytes -> damaged ones. Everything depends on the random generator alone, so that a seed names a file."""

from typing import Callable, List, Sequence, Tuple

import numpy as np

_WORDS: Tuple[bytes, ...] = (
    b"",
    b"\x00",
    b"\xff\xff\xff\xff",
    b'"',
    b"'",
    b",",
    b";",
    b"\t",
    b"\r",
    b"\n\n",
    b"\xef\xbb\xbf",
    b"\xe9",
)
_WORDS += (b"<html>", b"NaN", b"null", b"{}", b"[", b"]", b"../", b"\\", b"1e999", b"-1", b"=1+1", "\u0301".encode())
_AUDIO_EXTENSIONS = ("wav", "flac", "ogg", "mp3", "m4a", "webm", "WAV", "mp4", "aif", "opus")
_ODD_STEMS = (
    "-rf",
    "a,b",
    "a*b[1]",
    "a\nb",
    'q"uote',
    "100%",
    "#1",
    "a:b",
    "e\u0301",
    "x" * 200,
    " lead",
    "$HOME",
    "a|b",
)


def mutate(content: bytes, others: Sequence[bytes], random: np.random.Generator) -> bytes:
    """One to three changes, one most often; `others` are valid files that may be appended."""
    for _ in range(random.choice([1, 2, 3], p=[0.7, 0.2, 0.1])):
        operation = _OPERATIONS[random.integers(len(_OPERATIONS))]
        content = operation(content, others, random)
    return content


def rename(name: str, random: np.random.Generator) -> str:
    """Most names stay; some get another extension or a stem that a program may trip over."""
    stem, _, extension = name.rpartition(".")
    chance = random.random()
    if chance < 0.1:
        return f"{stem}.{_AUDIO_EXTENSIONS[random.integers(len(_AUDIO_EXTENSIONS))]}"
    if chance < 0.2:
        return f"{_ODD_STEMS[random.integers(len(_ODD_STEMS))]}{stem}.{extension}"
    return name


def _span(content: bytes, random: np.random.Generator) -> Tuple[int, int]:
    """A piece of the content: half of them are at its beginning, where headers are, and half have a few bytes only."""
    last = min(len(content), 256) if random.random() < 0.5 else len(content)
    first, end = sorted(int(place) for place in random.integers(0, last + 1, 2))
    return first, min(end, first + 8) if random.random() < 0.5 else end


def _flip_bits(content: bytes, _: Sequence[bytes], random: np.random.Generator) -> bytes:
    if not content:
        return content
    changed = np.frombuffer(content, np.uint8).copy()
    last = min(len(content), 256) if random.random() < 0.5 else len(content)
    for place in random.integers(0, last, random.choice([1, 2, 4, 16])):
        changed[place] ^= 1 << random.integers(8)
    return changed.tobytes()


def _overwrite(content: bytes, _: Sequence[bytes], random: np.random.Generator) -> bytes:
    first, end = _span(content, random)
    noise = random.integers(0, 256, end - first, np.uint8).tobytes()
    return content[:first] + (noise if random.random() < 0.5 else bytes(end - first)) + content[end:]


def _cut_end(content: bytes, _: Sequence[bytes], random: np.random.Generator) -> bytes:
    return content[: random.integers(0, len(content) + 1)]


def _cut_out(content: bytes, _: Sequence[bytes], random: np.random.Generator) -> bytes:
    first, end = _span(content, random)
    return content[:first] + content[end:]


def _repeat(content: bytes, _: Sequence[bytes], random: np.random.Generator) -> bytes:
    first, end = _span(content, random)
    return content[:end] + content[first:end] + content[end:]


def _append(content: bytes, others: Sequence[bytes], random: np.random.Generator) -> bytes:
    return content + (content if random.random() < 0.5 else others[random.integers(len(others))])


def _insert(content: bytes, _: Sequence[bytes], random: np.random.Generator) -> bytes:
    place = _span(content, random)[1]
    return content[:place] + _WORDS[random.integers(len(_WORDS))] + content[place:]


_OPERATIONS: List[Callable[[bytes, Sequence[bytes], np.random.Generator], bytes]] = [
    _flip_bits,
    _overwrite,
    _cut_end,
    _cut_out,
    _repeat,
    _append,
    _insert,
]
