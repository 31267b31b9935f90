"""Reading the scenes of DCASE 2013 (formats: Giannoulis et al. 2013; dcase.community/challenge2013).

Two sets of 100 recordings of 30 s, public and private, use the same file names: bus01.wav to tubestation10.wav. Two
splits are in use: to train on the public and test on the private set, and the five folds of the challenge, which its
key lists for the private set.
"""

import itertools
import os
import pathlib
import re
from typing import Dict, List, Mapping, Sequence

from audioset_triplet import tables
from audioset_triplet.errors import UserError
from audioset_triplet.media import folder_walk
from data_prep import audio_sources, fold_sets
from data_prep.plan import ClipList, ClipRequest

CLASSES = (
    "bus",
    "busystreet",
    "office",
    "openairmarket",
    "park",
    "quietstreet",
    "restaurant",
    "supermarket",
    "tube",
    "tubestation",
)
CLIP_SECONDS = 30.0
PUBLIC_FOLD, PRIVATE_FOLD = 1, 2  # where the challenge's folds are not used
_NAME = re.compile(rf"({'|'.join(CLASSES)})(\d\d)")


def read_set(folder: pathlib.Path, name: str, fold: int, folds_of: Mapping[str, int]) -> List[ClipRequest]:
    """The recordings of one set, in the order of their names.

    Args:
        folder: with the files in it, at any depth.
        name: put before the names of the files, because the other set has the same.
        fold: of all recordings, where `folds_of` is empty.
        folds_of: name of a recording -> its fold.

    Raises:
        UserError: no such folder, no recording in it, a recording twice, or one that `folds_of` lacks.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    requests: Dict[str, ClipRequest] = {}
    for path in (pathlib.Path(file.path) for file in folder_walk.find(os.fspath(folder)).files):
        parts = _NAME.fullmatch(path.stem)
        if not parts:
            continue
        if path.stem in requests:
            raise UserError(f"{folder}: holds {path.stem} twice; give the folder of one set")
        if folds_of and path.stem not in folds_of:
            raise UserError(f"{path}: the key names no fold for it")
        clip_fold = folds_of.get(path.stem, fold)
        requests[path.stem] = ClipRequest(
            group=f"fold{clip_fold}",
            location=audio_sources.of_file(path),
            clip_id=f"{name}-{path.stem}",
            recording_id=f"{name}-{path.stem}",
            start_seconds=0.0,
            end_seconds=CLIP_SECONDS,
            labels=(CLASSES.index(parts[1]),),
            label_names=(parts[1],),
            fold=clip_fold,
        )
    if not requests:
        raise UserError(f"{folder}: holds no recording such as bus01.wav: is this a set of DCASE 2013's scenes?")
    return list(requests.values())


def read_key(path: pathlib.Path) -> Dict[str, int]:
    """The folds of dcase2013_task1_filenamekey.csv: name of a recording of the private set -> 1 to 5.

    Four columns below a header; the first begins with fold1 to fold5, the last is the recording's own file name.

    Raises:
        UserError: the file cannot be read, or is no such key.
    """
    folds: Dict[str, int] = {}
    for line in itertools.islice(tables.lines(path), 1, None):
        number = re.match(r"fold([1-5])", line.values[0])
        stem = pathlib.PurePath(line.values[-1].strip()).stem
        if len(line.values) != 4 or not number or not _NAME.fullmatch(stem) or stem in folds:
            raise UserError(f"{path}: line {line.number}: not a fold and a recording: {', '.join(line.values)}")
        folds[stem] = int(number[1])
    if not folds:
        raise UserError(f"{path}: names no recording")
    return folds


def clips(public: str, private: str, key: str, folds: Sequence[int]) -> ClipList:
    """The clips to prepare; the arguments are the flags, of which `public`, `private` and `key` may be empty.

    Raises:
        UserError: neither set is given, or a key without the private set alone; what `read_set` and `read_key` raise.
    """
    if key and (public or not private):
        raise UserError("--key lists the folds of the private set: give it with --private, and without --public.")
    if not public and not private:
        raise UserError("--public or --private is required: a folder of DCASE 2013's scenes.")
    requests = read_set(pathlib.Path(public), "public", PUBLIC_FOLD, {}) if public else []
    if private:
        requests += read_set(pathlib.Path(private), "private", PRIVATE_FOLD, read_key(pathlib.Path(key)) if key else {})
    return fold_sets.of_folds(requests, folds, {"data_set": "DCASE 2013 scenes"})
