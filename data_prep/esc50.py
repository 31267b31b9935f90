"""Reading an ESC-50 folder, as it is downloaded or re-encoded (formats: karolpiczak/ESC-50, README.md).

The file names are taken from the CSV as they stand there, never assumed to be WAV at 44.1 kHz.
"""

import csv
import pathlib
from typing import Dict, List, Sequence

from audioset_triplet.errors import UserError
from data_prep import clip_writer

CLIP_SECONDS = 5.0


def find_root(source: pathlib.Path) -> pathlib.Path:
    """The folder that holds meta/esc50.csv: `source`, or a folder in it (a zip file unpacks to one level more)."""
    if not source.is_dir():
        raise UserError(f"--source={source}: no such folder")
    for root in [source, *sorted(source.iterdir())]:
        if (root / "meta" / "esc50.csv").is_file():
            return root
    raise UserError(f"--source={source}: no meta/esc50.csv in it: is this an ESC-50 folder?")


def read_requests(root: pathlib.Path, folds: Sequence[int], esc10_only: bool) -> List[clip_writer.ClipRequest]:
    """The clips that the CSV names, in its order; the file names are taken as they stand there."""
    path = root / "meta" / "esc50.csv"
    requests: Dict[str, clip_writer.ClipRequest] = {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            for row in reader:
                request = clip_writer.ClipRequest(
                    path=root / "audio" / row["filename"],
                    clip_id=pathlib.PurePath(row["filename"]).stem,
                    recording_id=row["src_file"],
                    start_seconds=0.0,  # where in the recording a take lies is not published
                    end_seconds=CLIP_SECONDS,
                    labels=(int(row["target"]),),
                    label_names=(row["category"],),
                    fold=int(row["fold"]),
                )
                if request.clip_id in requests:
                    raise UserError(f"{path}: line {reader.line_num}: {request.clip_id} is named twice")
                if (not folds or request.fold in folds) and (not esc10_only or row["esc10"].lower() == "true"):
                    requests[request.clip_id] = request
        except KeyError as error:
            raise UserError(f"{path}: no column {error}") from error
        except (csv.Error, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: line {reader.line_num}: {error}") from error
    return list(requests.values())


def prepare(
    source: pathlib.Path, output: pathlib.Path, folds: Sequence[int], subset: str, audio: str, num_shards: int
) -> clip_writer.Summary:
    """Reads `source` and writes the records; the arguments are the flags."""
    root = find_root(source)
    requests = read_requests(root, folds, subset == "esc10")
    found = sorted({request.fold for request in requests})
    absent = sorted(set(folds) - set(found))
    if absent or not found:
        raise UserError(f"{root}: no clips of {f'fold {absent[0]}' if absent else f'subset {subset}'}")
    groups = {f"fold{fold}": [request for request in requests if request.fold == fold] for fold in found}
    settings = {"data_set": "ESC-50", "subset": subset, "folds": found}
    return clip_writer.write_clips(groups, output, num_shards, audio, settings)
