"""The sizes of AudioSet in data_prep/README.md."""

import math
import pathlib
import re

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.records import schema
from audioset_triplet.store import features
from data_prep.plan import CLIPS_PER_SHARD

README = (pathlib.Path(__file__).parents[2] / "data_prep" / "README.md").read_text()
LISTED = (22_160, 2_041_789, 20_371)  # rows of the three lists as they are distributed
FRAMING = 16  # bytes that TFRecord adds to a record
LABELS = dict(labels=(0, 137, 500), label_names=("Speech", "Music", "Inside, small room"))


def gigabytes(bytes_per_clip):
    return sum(LISTED) * bytes_per_clip / 1e9


def stated(pattern):
    (match,) = re.findall(pattern, README)
    return match


def test_clips_hours_and_files():
    assert stated(r"AudioSet is ([\d,]+) segments") == f"{sum(LISTED):,}"
    assert stated(r"three lists, ([\d,]+) hours") == f"{sum(LISTED) * 10 / 3600:,.0f}"
    assert stated(r"records, ([\d,]+) files of 512 clips") == f"{sum(math.ceil(n / CLIPS_PER_SHARD) for n in LISTED):,}"


def test_bytes():
    clip = schema.Clip("--4gqARaEJE_30000", "--4gqARaEJE", 30, 40, **LABELS, fold=-1, pcm=np.zeros(160_000, np.int16))
    record = len(schema.clip_to_example(clip)) + FRAMING
    assert stated(r"512 clips \| [\d,]+ \| (\d+) GB") == f"{gigabytes(record):.0f}"
    info = ClipInfo("--4gqARaEJE_30000", "--4gqARaEJE", **LABELS, start_seconds=30, end_seconds=40)
    example = features.clip_to_sequence_example(info, np.zeros((10, 128), np.uint8), np.ones(10), hop_seconds=0.96)
    assert stated(r"8-bit features .*\| ([\d.]+) GB") == f"{gigabytes(len(example) + FRAMING):.1f}"
    assert stated(r"embeddings \(Parquet.*\| (\d+) GB") == f"{gigabytes(10 * 128 * 4):.0f}"
