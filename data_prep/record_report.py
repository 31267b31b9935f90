"""A summary of records: counts, durations, formats, images, labels, silence and damage, as lines of text."""

import collections
from typing import Counter, List, Sequence, Set

import numpy as np
import tensorflow as tf

from audioset_triplet.media import decoding
from audioset_triplet.plurals import duration
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.records import parsing, scanning, schema
from data_prep import silence

_BAR_WIDTH = 40


class Report:
    """Takes records one by one and summarizes them."""

    def __init__(self) -> None:
        self.seconds: List[float] = []
        self.folds: Counter[int] = collections.Counter()
        self.num_unlabelled = 0
        self.labels: Counter[str] = collections.Counter()
        self.versions: Counter[int] = collections.Counter()
        self.formats: Counter[str] = collections.Counter()
        self.encodings: Counter[str] = collections.Counter()
        self.image_sizes: Counter[int] = collections.Counter()  # of clips
        self.num_frames: List[int] = []  # of each clip of a video
        self.video_seconds = 0.0  # total length of these clips
        self.ids: Set[str] = set()
        self.repeated: List[str] = []
        self.silent: List[str] = []
        self.damaged: List[str] = []
        self.foreign: List[str] = []  # files that hold no clips

    def add(self, record: scanning.Record) -> None:
        clip = record.clip
        if clip is None:
            self.damaged.append(str(record))
            return
        try:
            silent = silence.is_silent(_pcm(clip))
            for frame in clip.frames:
                parsing.decode_frame(tf.constant(frame), clip.image_size)
        except tf.errors.OpError as error:
            self.damaged.append(f"{record.file}: record {record.index}: clip {clip.clip_id}: {error.message}")
            return
        if silent:
            self.silent.append(clip.clip_id)
        if clip.clip_id in self.ids:
            self.repeated.append(clip.clip_id)
        self.ids.add(clip.clip_id)
        self.seconds.append(clip.seconds)
        self.versions[schema.version_of(clip.sample_rate_hz, clip.num_channels)] += 1
        self.formats[schema.format_text(clip.sample_rate_hz, clip.num_channels)] += 1
        self.encodings[clip.encoding or "pcm"] += 1
        self.folds[clip.fold] += 1
        if clip.image_size:
            self.image_sizes[clip.image_size] += 1
            self.num_frames.append(len(clip.frames))
            self.video_seconds += self.seconds[-1]
        self.num_unlabelled += not clip.labels
        self.labels.update(f"{index:4d} {name}" for index, name in zip(clip.labels, clip.label_names))

    def lines(self, limit: int) -> List[str]:
        """The report, naming at most `limit` clips per list."""
        versions = " and ".join(str(version) for version in sorted(self.versions)) or "?"
        lines = [f"clips      {len(self.seconds)} of schema version {versions}"]
        if self.seconds:
            shortest, longest = min(self.seconds), max(self.seconds)
            lines += [
                f"duration   {duration(sum(self.seconds))}",
                f"seconds    min {shortest:.2f}, mean {np.mean(self.seconds):.2f}, max {longest:.2f}",
                f"format     {_counts(self.formats)}",
                f"audio      {_counts(self.encodings)}",
                f"folds      {', '.join(f'{_fold(fold)}: {count}' for fold, count in sorted(self.folds.items()))}",
                f"labels     {len(self.labels)}; clips without: {self.num_unlabelled}",
            ]
        if self.num_frames:
            sizes = ", ".join(f"{size} x {size}: {count}" for size, count in sorted(self.image_sizes.items()))
            lines += [
                f"images     {sum(self.num_frames)}, {sum(self.num_frames) / self.video_seconds:.2f} per second; "
                f"clips without: {len(self.seconds) - np.count_nonzero(self.num_frames)}",
                f"pixels     {sizes}",
            ]
        for label, count in sorted(self.labels.items()):
            bar = "#" * max(1, round(_BAR_WIDTH * count / max(self.labels.values())))
            lines.append(f"  {label:<32} {count:7d} {bar}")
        lines += _listed(f"silent     (peak below {silence.SILENCE_DBFS:g} dBFS)", self.silent, limit)
        lines += _listed("repeated   (the same clip id)", self.repeated, limit)
        if self.foreign:
            lines += _listed("no clips   (files that hold something else)", self.foreign, limit)
        return lines + _listed("damaged   ", self.damaged, limit)


def of_files(files: Sequence[str]) -> Report:
    """The report of all records of some files."""
    report = Report()
    with progress_bar(unit="clips") as progress:
        for file in files:
            for record in scanning.scan(file):
                if record.is_foreign:
                    report.foreign.append(record.problem)
                    break
                report.add(record)
                progress.update()
    return report


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counter.items()))


def _fold(number: int) -> str:
    return "none" if number == schema.NO_FOLD else str(number)


def _pcm(clip: schema.Clip) -> np.ndarray:
    if clip.pcm is not None:
        return clip.pcm
    file_rate_hz = tf.constant(clip.encoded_rate_hz, tf.int64)
    sample_rate_hz = tf.constant(clip.sample_rate_hz, tf.int64)
    decoded = decoding.decode(
        clip.encoded, clip.encoding, clip.encoded_type, file_rate_hz, sample_rate_hz, clip.num_channels
    )
    return decoded.numpy()


def _listed(title: str, items: List[str], limit: int) -> List[str]:
    more = [f"  and {len(items) - limit} more"] if len(items) > limit else []
    return [f"{title} {len(items)}"] + [f"  {item}" for item in items[:limit]] + more
