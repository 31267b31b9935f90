"""Says what is in TFRecords of clips, and what is wrong with them.

    python -m data_prep.inspect_tfrecords --data='records/esc50/*.tfrecord'

prints counts, durations, folds, a histogram of the labels, the names of silent clips, and every damaged record with
its file, its place and the reason. The exit code is 1 if anything is damaged.
"""

import collections
from typing import Counter, List, Set

import numpy as np
import tensorflow as tf
from absl import flags
from tqdm import tqdm

from audioset_triplet import command_line
from audioset_triplet.data import decoding, records, schema
from audioset_triplet.errors import UserError
from audioset_triplet.frontend.constants import PCM_SCALE, SAMPLE_RATE_HZ

FLAGS = flags.FLAGS
flags.DEFINE_string("data", "", "TFRecords to read: a glob, or several separated by commas.")
flags.DEFINE_integer("limit", 20, "Silent clips, repeated ids and damaged records that are named.", lower_bound=0)

SILENCE_DBFS = -80.0
_SILENT_PEAK = PCM_SCALE * 10 ** (SILENCE_DBFS / 20)
_BAR_WIDTH = 40


class Report:
    """Takes records one by one and prints what they are like."""

    def __init__(self) -> None:
        self.seconds: List[float] = []
        self.folds: Counter[int] = collections.Counter()
        self.labels: Counter[str] = collections.Counter()
        self.sounds: Counter[str] = collections.Counter()
        self.ids: Set[str] = set()
        self.repeated: List[str] = []
        self.silent: List[str] = []
        self.damaged: List[str] = []

    def add(self, record: records.Record) -> None:
        clip = record.clip
        if clip is None:
            self.damaged.append(str(record))
            return
        try:
            peak = np.abs(_pcm(clip).astype(np.int32)).max()
        except tf.errors.OpError as error:
            self.damaged.append(f"{record.file}: record {record.index}: clip {clip.clip_id}: {error.message}")
            return
        if peak < _SILENT_PEAK:
            self.silent.append(clip.clip_id)
        if clip.clip_id in self.ids:
            self.repeated.append(clip.clip_id)
        self.ids.add(clip.clip_id)
        self.seconds.append(clip.num_samples / SAMPLE_RATE_HZ)
        self.folds[clip.fold] += 1
        self.sounds[clip.encoding or "pcm"] += 1
        self.labels.update(f"{index:4d} {name}" for index, name in zip(clip.labels, clip.label_names))

    def lines(self, limit: int) -> List[str]:
        """The report, naming at most `limit` clips per list."""
        lines = [f"clips      {len(self.seconds)} of schema version {schema.SCHEMA_VERSION}"]
        if self.seconds:
            shortest, longest = min(self.seconds), max(self.seconds)
            lines += [
                f"hours      {sum(self.seconds) / 3600:.2f}",
                f"seconds    min {shortest:.2f}, mean {np.mean(self.seconds):.2f}, max {longest:.2f}",
                f"sound      {', '.join(f'{kind}: {count}' for kind, count in sorted(self.sounds.items()))}",
                f"folds      {', '.join(f'{fold}: {count}' for fold, count in sorted(self.folds.items()))}",
                f"labels     {len(self.labels)}",
            ]
        for label, count in sorted(self.labels.items()):
            bar = "#" * max(1, round(_BAR_WIDTH * count / max(self.labels.values())))
            lines.append(f"  {label:<32} {count:7d} {bar}")
        lines += _listed(f"silent     (peak below {SILENCE_DBFS:g} dBFS)", self.silent, limit)
        lines += _listed("repeated   (the same clip id)", self.repeated, limit)
        return lines + _listed("damaged   ", self.damaged, limit)


def _pcm(clip: schema.Clip) -> np.ndarray:
    if clip.pcm is not None:
        return clip.pcm
    rate_hz = tf.constant(clip.encoded_rate_hz, tf.int64)
    return decoding.decode(clip.encoded, clip.encoding, clip.encoded_type, rate_hz).numpy()


def _listed(title: str, items: List[str], limit: int) -> List[str]:
    more = [f"  and {len(items) - limit} more"] if len(items) > limit else []
    return [f"{title} {len(items)}"] + [f"  {item}" for item in items[:limit]] + more


def main() -> None:
    command_line.require_flags("data")
    files = records.expand_globs(FLAGS.data)
    report = Report()
    with tqdm(unit="clip", disable=None) as progress:
        for file in files:
            for record in records.scan(file):
                report.add(record)
                progress.update()
    print(f"files      {len(files)}", *report.lines(FLAGS.limit), sep="\n")
    if report.damaged:
        raise UserError(f"{len(report.damaged)} damaged records, the first: {report.damaged[0]}")
    if not report.seconds:
        raise UserError(f"--data={FLAGS.data}: no clips in {len(files)} files")


if __name__ == "__main__":
    command_line.run(main)
