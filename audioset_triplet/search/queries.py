"""What is searched for: clips and windows of a store, vectors in files, sound files and events in them -> unit vectors.

Shapes: W windows of a clip, D embedding size.
"""

import os
import re
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.search import stored_windows
from audioset_triplet.search.best import Wanted
from audioset_triplet.search.scorings import Cosine
from audioset_triplet.search.windows import Span
from audioset_triplet.store import embeddings, part_info
from audioset_triplet.store.embedding_parts import StoreInfo

# Sound file, and a time in it or None -> what the model says of itself, and the vector there or of the whole, [D].
EmbedFile = Callable[[str, Optional[float]], Tuple[StoreInfo, np.ndarray]]


class Query(NamedTuple):
    """A vector to search for."""

    text: str  # as it was given
    vector: np.ndarray  # [D] float32, unit norm
    clip_id: str  # of the store, whose own windows are no hits; empty: none


def read(texts: Sequence[str], folder: str, embed: Optional[EmbedFile] = None) -> List[Query]:
    """The queries that some texts name.

    Args:
        texts: each a clip id of the store, `clip_id@seconds` for one of its windows, an .npy file of vectors [D] or
            [n, D], a sound file, or `file@seconds` for an event in one.
        folder: the store.
        embed: embeds sound files with the model of the store, to vectors of any length; None: there is no model.

    Raises:
        UserError: a text that names nothing, a file that cannot be used, another model.
    """
    info = embeddings.read_info(folder)
    stored = stored_windows.of_clips(folder, [name for text in texts for name in (text, _parsed(text)[0])])
    for text in texts:  # all of them before the first file is embedded, which takes long
        clip_id, seconds = _parsed(text)
        if not (text in stored or os.path.isfile(text) or clip_id in stored or os.path.isfile(clip_id)):
            raise UserError(
                f"--query={text}: no clip of {folder}, no window of one (clip_id@seconds), and no file or event in one."
            )
    queries: List[Query] = []
    for text in texts:
        clip_id, seconds = _parsed(text)
        if text in stored:
            windows = stored[text]
            queries.append(Query(text, _unit(windows.weights @ windows.vectors, text), text))
        elif seconds is not None and clip_id in stored:
            windows = stored[clip_id]
            position = _window_at(windows.start_seconds, seconds, text)
            queries.append(Query(text, _unit(windows.vectors[position], text), clip_id))
        elif os.path.isfile(text) and text.endswith(".npy"):
            queries += _of_vectors(text, info)
        elif os.path.isfile(text):
            queries.append(Query(text, _of_sound(text, (text, None), (info, folder), embed), ""))
        else:
            queries.append(Query(text, _of_sound(text, (clip_id, seconds), (info, folder), embed), ""))
    return queries


def wanted(queries: Sequence[Query]) -> List[Wanted]:
    """What an index searches for: windows by their cosine, without those of the query's own clip."""
    return [Wanted(Cosine(query.vector), [Span(query.clip_id)] if query.clip_id else []) for query in queries]


def _parsed(text: str) -> Tuple[str, Optional[float]]:
    """clip_id@seconds -> both; the clip id may hold an @ too."""
    match = re.fullmatch(r"(.+)@(\d+(?:\.\d*)?)", text, re.DOTALL)
    return (match[1], float(match[2])) if match else (text, None)


def _window_at(starts: np.ndarray, seconds: float, text: str) -> int:
    """The last window that has begun at some time."""
    if seconds >= starts.max() + stored_windows.hop_seconds(starts) + 1e-3:
        raise UserError(f"--query={text}: its last window starts at {starts.max():g} s.")
    begun = np.flatnonzero(starts <= seconds + 1e-3)
    if not begun.size:
        raise UserError(f"--query={text}: its first window starts at {starts[0]:g} s.")
    return int(begun[np.argmax(starts[begun])])


def _of_vectors(path: str, info: StoreInfo) -> List[Query]:
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"--query={path}: not a NumPy file of vectors ({error}).") from error
    if vectors.ndim not in (1, 2) or vectors.shape[-1] != info.embedding_size or vectors.dtype.kind not in "fiu":
        raise UserError(
            f"--query={path}: has the shape {list(vectors.shape)} and the type {vectors.dtype}, not vectors of "
            f"{info.embedding_size} numbers, as the store has them."
        )
    if vectors.ndim == 1:
        return [Query(path, _unit(vectors, path), "")]
    return [Query(f"{path}:{index}", _unit(vector, path), "") for index, vector in enumerate(vectors)]


def _of_sound(
    text: str, place: Tuple[str, Optional[float]], store: Tuple[StoreInfo, str], embed: Optional[EmbedFile]
) -> np.ndarray:
    """The vector of a sound file, or of an event in it: `place` is the path and the time."""
    info, folder = store
    if embed is None:
        raise UserError(f"--query={text}: to search by a sound file, give the --model of the store, {info.model_id}.")
    theirs, vector = embed(*place)
    advice = "search with the model that embedded the store"
    part_info.check_same_model(info, folder, theirs, f"the model for {place[0]}", advice)
    return _unit(vector, text)


def _unit(vector: np.ndarray, text: str) -> np.ndarray:
    norm = np.linalg.norm(vector.astype(np.float64))
    if not (np.isfinite(norm) and norm > 0):
        raise UserError(f"--query={text}: has no direction: its norm is {norm:g}.")
    return (vector / norm).astype(np.float32)
