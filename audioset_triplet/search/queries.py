"""What is searched for: clips and windows of a store, vectors in files, sound files and events in them -> unit vectors.

Shapes: W windows of a clip, D embedding size.
"""

import os
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.search.best import Wanted
from audioset_triplet.search.scorings import Cosine
from audioset_triplet.search.windows import Span
from audioset_triplet.store import embedding_parts, embeddings, part_info, window_parts
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
    stored = _Windows(folder, texts)
    queries: List[Query] = []
    for text in texts:
        clip_id, seconds = _parsed(text)
        if text in stored.of_clip:
            starts, vectors, weights = stored.of_clip[text]
            queries.append(Query(text, _unit(weights @ vectors, text), text))
        elif seconds is not None and clip_id in stored.of_clip:
            starts, vectors, _ = stored.of_clip[clip_id]
            queries.append(Query(text, _unit(vectors[_window_at(starts, seconds, text)], text), clip_id))
        elif os.path.isfile(text) and text.endswith(".npy"):
            queries += _of_vectors(text, info)
        elif os.path.isfile(text):
            queries.append(Query(text, _of_sound(text, (text, None), (info, folder), embed), ""))
        elif seconds is not None and os.path.isfile(clip_id):
            queries.append(Query(text, _of_sound(text, (clip_id, seconds), (info, folder), embed), ""))
        else:
            raise UserError(
                f"--query={text}: no clip of {folder}, no window of one (clip_id@seconds), and no file or event in one."
            )
    return queries


def wanted(queries: Sequence[Query]) -> List[Wanted]:
    """What an index searches for: windows by their cosine, without those of the query's own clip."""
    return [Wanted(Cosine(query.vector), [Span(query.clip_id)] if query.clip_id else []) for query in queries]


def _parsed(text: str) -> Tuple[str, Optional[float]]:
    """clip_id@seconds -> both; the clip id may hold an @ too."""
    match = re.fullmatch(r"(.+)@(\d+(?:\.\d*)?)", text, re.DOTALL)
    return (match[1], float(match[2])) if match else (text, None)


class _Windows:
    """The windows of the clips that some texts name: starts [W], embeddings [W, D], weights [W]."""

    def __init__(self, folder: str, texts: Sequence[str]) -> None:
        names = {name for text in texts for name in (text, _parsed(text)[0])}
        found: Dict[str, List[Tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
        columns = ["window_start_seconds", "embedding", "weight"]
        for path in embedding_parts.part_paths(folder):
            if names.isdisjoint(window_parts.clip_ids(path)):
                continue
            for batch in embeddings.part_batches(path, (), columns):
                clip_ids = batch["clip_id"].to_numpy(zero_copy_only=False)
                starts, weights = batch["window_start_seconds"].to_numpy(), batch["weight"].to_numpy()
                vectors = embedding_parts.matrix(batch)
                for name in names.intersection(clip_ids):
                    rows = clip_ids == name
                    found.setdefault(name, []).append((starts[rows], vectors[rows], weights[rows]))
        self.of_clip = {
            name: tuple(np.concatenate(values) for values in zip(*pieces)) for name, pieces in found.items()
        }


def _window_at(starts: np.ndarray, seconds: float, text: str) -> int:
    """The last window that has begun at some time."""
    hop = np.median(np.diff(np.sort(starts))) if len(starts) > 1 else np.inf
    if seconds >= starts.max() + hop + 1e-3:
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
