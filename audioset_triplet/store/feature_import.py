"""Feature records (`store.features`) -> a folder of embeddings, for all that reads embeddings.

Windows are scaled to unit norm, as all stored embeddings are: evaluations compare directions, and quantization to 8
bits changes the norm a little. The length of a VGGish vector is lost.

The model id is that of features.json, or the given one, with the suffix "-8bit" for quantized features: they are not
mixed with those that they were computed from. AudioSet's released files do not name their model; the published VGGish
is another one (its authors: tensorflow/models, pull request 9080).
"""

import dataclasses
import os
from typing import AbstractSet, Dict, Iterator, List, Optional, Sequence, Set, Tuple

import numpy as np

import audioset_triplet
from audioset_triplet.clips import ClipInfo, add_class_names
from audioset_triplet.errors import UserError
from audioset_triplet.labels import Vocabulary
from audioset_triplet.plurals import counted
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.records import scanning
from audioset_triplet.records.schema import NO_FOLD
from audioset_triplet.store import embedding_parts, features, part_info, stored_clips
from audioset_triplet.store.embedding_parts import FEATURES_INFO, StoreInfo
from audioset_triplet.store.embeddings import EmbeddingWriter
from audioset_triplet.store.features import ClipFeatures

_SUFFIX = "-8bit"
UNKNOWN_FRONT_END = "unknown"


@dataclasses.dataclass(frozen=True)
class Additions:
    """What records of others do not contain."""

    model_id: str = ""
    vocabulary: Optional[Vocabulary] = None  # None: the names of classes are their numbers
    fold: int = NO_FOLD


@dataclasses.dataclass
class Totals:
    """Counts of a call of `import_features`."""

    num_clips: int = 0
    num_windows: int = 0
    num_skipped: int = 0  # imported by an earlier run
    num_not_selected: int = 0  # not among the clips to import
    num_zero_windows: int = 0  # left out: they have no direction
    clips_left_out: List[str] = dataclasses.field(default_factory=list)  # no window left


def import_features(
    files: Sequence[str], additions: Additions, output: str, clip_ids: Optional[AbstractSet[str]] = None
) -> Totals:
    """Writes the clips of feature records to a folder of embeddings, in the order of the files.

    A folder that holds some of them already is continued. The first bad record ends the import; what was written before
    stays.

    Args:
        files: of one model; all of this project, with features.json beside them, or none.
        additions: what the files do not contain.
        output: the folder.
        clip_ids: the clips to import; None: all.

    Raises:
        UserError: what `features.read_file` and `EmbeddingWriter` raise; files of several models, or of one without a
            name; additions to files of this project; a label that is not in the vocabulary; a duplicate clip; a folder
            that holds the same clips with other labels or folds.
    """
    scanning.require_records(files)
    ours = _named_model(files)
    _check_additions(files, ours, additions)
    info = _store_info(files, ours, additions)
    totals = Totals()
    with EmbeddingWriter(output, info.model_id, info.front_end_id, info.embedding_size) as writer:
        done: Dict[str, Tuple[Tuple[int, ...], int]] = {}  # clip id -> labels and fold
        class_names: Dict[int, str] = {}
        if writer.clip_ids_done:
            stored = stored_clips.read_clips(output)
            done = dict(zip(stored.clip_ids, zip(stored.labels, stored.folds.tolist())))
            class_names.update(stored.class_names)
        seen: Set[str] = set()
        for where, content in _read(files, ours is not None, info.embedding_size):
            try:
                clip = content.clip if ours else _with_additions(content.clip, additions)
                add_class_names(class_names, zip(clip.labels, clip.label_names), output)
                if clip.clip_id in seen:
                    raise UserError(f"clip {clip.clip_id} comes twice: every clip needs an id of its own")
                seen.add(clip.clip_id)
                if clip_ids is not None and clip.clip_id not in clip_ids:
                    totals.num_not_selected += 1
                elif clip.clip_id not in done:
                    _write(writer, clip, content, totals)
                elif done[clip.clip_id] == (clip.labels, clip.fold):
                    totals.num_skipped += 1
                else:
                    raise UserError(f"{output} holds clip {clip.clip_id} with other labels or in another fold")
            except UserError as error:
                raise UserError(f"{where}: {error}") from error
    return totals


def _named_model(files: Sequence[str]) -> Optional[StoreInfo]:
    """The metadata in features.json beside the files; None if no file has one."""
    folders = sorted({os.path.dirname(path) or os.curdir for path in files})
    first, *others = [embedding_parts.read_features_info(folder) for folder in folders]
    for folder, info in zip(folders[1:], others):
        if first and info:
            advice = "features of one model are imported at a time"
            part_info.check_same_model(first, folders[0], info, folder, advice)
        elif first or info:
            named, unnamed = (folders[0], folder) if first else (folder, folders[0])
            raise UserError(f"{named} has a {FEATURES_INFO}, {unnamed} has none: import them one after the other.")
    return first


def _check_additions(files: Sequence[str], ours: Optional[StoreInfo], additions: Additions) -> None:
    if ours and additions != Additions():
        raise UserError(
            f"{files[0]}: features of this project contain their model, classes and folds: leave out "
            "--model_id, --class_labels and --fold."
        )
    if not ours and not additions.model_id:
        raise UserError(
            f"{files[0]}: no {FEATURES_INFO} beside it names the model of these features: name it with --model_id, "
            "such as --model_id=audioset-v1 for those that were released with AudioSet."
        )


def _store_info(files: Sequence[str], ours: Optional[StoreInfo], additions: Additions) -> StoreInfo:
    if ours:
        return dataclasses.replace(ours, model_id=ours.model_id + _SUFFIX)
    first = next((one.codes for path in files for _, one in features.read_file(path) if len(one.codes)), None)
    if first is None:
        raise UserError(f"{files[0]}: no features in {counted(len(files), 'file')}.")
    model_id = additions.model_id + (_SUFFIX if first.dtype == np.uint8 else "")
    return StoreInfo(model_id, UNKNOWN_FRONT_END, first.shape[1], audioset_triplet.__version__)


def _read(files: Sequence[str], is_ours: bool, embedding_size: int) -> Iterator[Tuple[str, ClipFeatures]]:
    """Every record with file and number, and a progress bar."""
    is_quantized = None
    with progress_bar(unit="clips") as progress:
        for number, path in enumerate(files, 1):
            progress.set_description(f"file {number} of {len(files)}")
            for where, content in features.read_file(path):
                if content.is_ours and not is_ours:
                    raise UserError(f"{where}: of this project, but {FEATURES_INFO} is missing beside it")
                if is_ours and not content.is_ours:
                    raise UserError(f"{where}: no recording_id, though {FEATURES_INFO} is beside it; embed again")
                if len(content.codes):
                    before, is_quantized = is_quantized, content.codes.dtype == np.uint8
                    if before not in (None, is_quantized):
                        raise UserError(
                            f"{where}: some records hold quantized features, others floats: import each apart"
                        )
                size = content.codes.shape[1]
                if len(content.codes) and size != embedding_size:
                    raise UserError(
                        f"{where}: clip {content.clip.clip_id} has {size} values per window, not {embedding_size}"
                    )
                yield where, content
                progress.update()


def _with_additions(clip: ClipInfo, additions: Additions) -> ClipInfo:
    vocabulary = additions.vocabulary
    if vocabulary is None:
        names = tuple(str(label) for label in clip.labels)
    else:
        for label in clip.labels:
            if not 0 <= label < len(vocabulary):
                raise UserError(f"clip {clip.clip_id}: label {label} is not among the {len(vocabulary)} classes")
        names = tuple(vocabulary.names[label] for label in clip.labels)
    return dataclasses.replace(clip, label_names=names, fold=additions.fold)


def _write(writer: EmbeddingWriter, clip: ClipInfo, content: ClipFeatures, totals: Totals) -> None:
    has_direction, vectors = features.unit_vectors(content.codes)
    totals.num_zero_windows += int((~has_direction).sum())
    if not len(vectors):
        totals.clips_left_out.append(clip.clip_id)
        return
    writer.write(clip, np.flatnonzero(has_direction) * content.hop_seconds, vectors, content.weights[has_direction])
    totals.num_clips += 1
    totals.num_windows += len(vectors)
