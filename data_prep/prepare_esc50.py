"""Turns an ESC-50 folder, as it is downloaded, into TFRecords.

    python -m data_prep.prepare_esc50 --source=ESC-50-master --output=records/esc50

reads meta/esc50.csv and the files that it names in audio/ (WAV, FLAC, OGG, ..., any rate, any number of channels) and
writes records/esc50/fold1-00000-of-00002.tfrecord and so on: a record per clip, 5 s of 16 kHz mono, with the clip's
class, fold and original Freesound recording. Clips that cannot be used are counted, and listed in rejects.csv.
"""

import csv
import pathlib
import sys
import time
from typing import Dict, List, Sequence

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.errors import UserError
from data_prep import clip_writer

FLAGS = flags.FLAGS
flags.DEFINE_string("source", "", "The ESC-50 folder (with meta/ and audio/ in it), or the folder around it.")
flags.DEFINE_string("output", "", "Folder for the records.")
flags.DEFINE_list("folds", [], "Only these folds, e.g. 1,2,3. Empty: all.")
flags.DEFINE_enum("subset", "all", ["all", "esc10"], "esc10: the ten classes of ESC-10, with their ESC-50 numbers.")
flags.DEFINE_enum(
    "audio", "pcm", list(clip_writer.AUDIO_CHOICES), "Samples, or the files' own bytes (smaller, slower to read)."
)
flags.DEFINE_integer("num_shards", 2, "Files per fold.", lower_bound=1)

CLIP_SECONDS = 5.0
NUM_NAMED_REJECTS = 5


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
        except (TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: line {reader.line_num}: {error}") from error
    return list(requests.values())


def main() -> None:
    command_line.require_flags("source", "output")
    started = time.monotonic()
    root = find_root(pathlib.Path(FLAGS.source))
    try:
        wanted = [int(fold) for fold in FLAGS.folds]
    except ValueError:
        raise UserError(f"--folds={','.join(FLAGS.folds)}: needs numbers separated by commas, e.g. 1,2,3") from None
    requests = read_requests(root, wanted, FLAGS.subset == "esc10")
    folds = sorted({request.fold for request in requests})
    absent = sorted(set(wanted) - set(folds))
    if absent or not folds:
        raise UserError(f"{root}: no clips of {'fold ' + str(absent[0]) if absent else 'subset ' + FLAGS.subset}")
    summary = clip_writer.write_clips(
        {f"fold{fold}": [request for request in requests if request.fold == fold] for fold in folds},
        FLAGS.output,
        FLAGS.num_shards,
        FLAGS.audio,
        {"data_set": "ESC-50", "subset": FLAGS.subset, "folds": folds},
    )
    if summary.rejects:
        for reject in summary.rejects[:NUM_NAMED_REJECTS]:
            print(f"rejected: {reject.message}", file=sys.stderr)
        reasons = clip_writer.count_reasons(summary.rejects)
        print(f"rejected {len(summary.rejects)} clips ({reasons}): see {FLAGS.output}/rejects.csv", file=sys.stderr)
    print(
        f"{summary.num_clips} clips, {summary.hours:.2f} hours, {len(summary.rejects)} rejected, "
        f"{time.monotonic() - started:.1f} s -> {FLAGS.output} ({len(summary.files)} files)"
    )


if __name__ == "__main__":
    command_line.run(main)
