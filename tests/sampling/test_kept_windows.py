import collections
import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.records.example_ids import hash_ids
from audioset_triplet.sampling import kept_windows
from tests import frame_label_files
from tests.toy_front_end import TOY

NAMES = {1: "dog", 4: "bell", 6: "rain"}
# Clip -> window -> labels that are kept; the window of index i begins at i seconds.
KEPT = {
    "a": [{1}, {1, 4}, set(), {4}],
    "b": [set(), {6}],
    "other": [{1}],
    "none": [set(), set()],
    "changed": [{1}, {1}],
}
LABELS = {"a": (1, 4), "b": (6,), "none": (4,), "changed": (1, 6), "without": (4, 6)}  # in the records
CLIPS = [
    ClipInfo(clip_id, clip_id, labels, tuple(NAMES[label] for label in labels)) for clip_id, labels in LABELS.items()
]
IN_FILE = {"a": (1, 4), "b": (6,), "other": (1,), "none": (4,), "changed": (1,)}


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "frame_labels.parquet")


def write(path, window_seconds=TOY.window_seconds):
    clips = [(clip_id, IN_FILE[clip_id], len(windows)) for clip_id, windows in KEPT.items()]
    info = dict(window_seconds=window_seconds, hop_seconds=1.0)
    return frame_label_files.write(path, clips, lambda clip_id, row, label: label in KEPT[clip_id][row], NAMES, **info)


def windows_of(kept):
    """Clip -> (start, labels) of each window, from the flat arrays."""
    starts, counts, labels = (list(array) for array in (kept.start_samples, kept.num_labels, kept.labels))
    found = {}
    for clip_id, num_windows in zip(kept.clip_ids, kept.num_windows):
        found[clip_id] = []
        for _ in range(num_windows):
            own = {int(labels.pop(0)) for _ in range(counts.pop(0))}
            found[clip_id].append((int(starts.pop(0)), own))
    assert not starts and not counts and not labels
    return found


@pytest.mark.parametrize("with_dropped", [False, True])
def test_the_windows_that_keep_labels_are_read(path, with_dropped):
    kept = kept_windows.read(path, CLIPS, TOY, with_dropped)
    expected = {
        clip_id: [(start * TOY.sample_rate_hz, own) for start, own in enumerate(KEPT[clip_id]) if own or with_dropped]
        for clip_id in ("a", "b", "none")
    }
    assert windows_of(kept) == {clip_id: windows for clip_id, windows in expected.items() if windows}
    assert kept.clips_without_window == ([] if with_dropped else ["none"])
    assert kept.num_other_clips == 1
    assert kept.hop_samples == TOY.sample_rate_hz


def test_files_that_do_not_fit_are_one_line(tmp_path, path):
    with pytest.raises(UserError, match="has no clip that is learned from"):
        kept_windows.read(path, CLIPS[3:], TOY)
    with pytest.raises(UserError, match="class 1 is called both 'cat' and 'dog'"):
        renamed = dataclasses.replace(CLIPS[0], label_names=("cat", "bell"))
        kept_windows.read(path, [renamed], TOY)
    with pytest.raises(UserError, match="its windows are 7 s long, and those of front end"):
        kept_windows.read(write(tmp_path / "longer.parquet", 7.0), CLIPS, TOY)


def noise(seconds):
    return np.random.default_rng(0).integers(-(2**15), 2**15, round(seconds * TOY.sample_rate_hz)).astype(np.int16)


def half_silent():
    """4.5 seconds of the clip a, whose windows 0 and 1 are silent."""
    pcm = noise(4.5)
    pcm[: round(2.6 * TOY.sample_rate_hz)] = 0
    return pcm


@tf.autograph.experimental.do_not_convert  # as `loop.train` does, to save time
def draw(path, clips, with_dropped=False):
    """400 windows of each of some clips, (id, samples) pairs: their starts, in samples, and their labels."""
    sampler = kept_windows.Sampler(kept_windows.read(path, CLIPS, TOY, with_dropped), TOY)

    def repeated(clip_id, pcm):
        clip = {
            "clip_id": tf.constant(clip_id),
            "labels": tf.constant(LABELS[clip_id], tf.int64),
            "pcm": tf.constant(pcm),
            "sample_rate_hz": tf.constant(TOY.sample_rate_hz, tf.int64),
        }
        return tf.data.Dataset.from_tensors(clip).repeat(400)

    stream = functools.reduce(tf.data.Dataset.concatenate, [repeated(*clip) for clip in clips])
    windows = list(sampler.windows(stream, seed=3).as_numpy_iterator())
    found = []
    for index, (clip_id, pcm) in enumerate(clips):
        place = {tuple(pcm[start : start + 4]): start for start in range(len(pcm))}  # four samples tell it
        own = windows[400 * index : 400 * (index + 1)]
        assert {int(window["example_id"]) for window in own} == {int(hash_ids(tf.constant(clip_id)))}
        found.append([(place[tuple(one["pcm"][:4])], frozenset(one["labels"].tolist())) for one in own])
    return found


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Windows of the clips a, a half silent, without and changed."""
    path = write(tmp_path_factory.mktemp("labels") / "frame_labels.parquet")
    return draw(path, [("a", noise(4.5)), ("a", half_silent()), ("without", noise(4)), ("changed", noise(4))])


def test_windows_lie_within_half_a_hop_of_those_that_keep_labels_and_have_their_labels(drawn):
    rate, found = TOY.sample_rate_hz, drawn[0]
    nearest = collections.Counter()
    for start, labels in found:
        grid = {index: abs(start - index * rate) for index, own in enumerate(KEPT["a"]) if own == labels}
        assert grid and min(grid.values()) <= rate // 2
        nearest[min(grid, key=grid.get)] += 1
    assert set(nearest) == {0, 1, 3} and min(nearest.values()) > 400 / 3 - 5 * np.sqrt(400 * 2 / 9)
    starts = np.array([start for start, labels in found if labels == {1, 4}])
    assert starts.min() < 0.6 * rate and starts.max() > 1.4 * rate and len(set(starts.tolist())) > 20
    assert min(start for start, _ in found) >= 0 and max(start for start, _ in found) <= 4.5 * rate - TOY.window_samples


def test_silent_windows_are_avoided(drawn):
    counts = collections.Counter(labels for _, labels in drawn[1])
    assert counts[frozenset({4})] >= 396  # of 400: 16 draws all miss the last of three windows in 0.15% of cases


@pytest.mark.parametrize("index, clip_id", [(2, "without"), (3, "changed")])
def test_a_clip_without_frame_labels_keeps_its_own_at_every_window(drawn, index, clip_id):
    assert {labels for _, labels in drawn[index]} == {frozenset(LABELS[clip_id])}
    starts = np.array([start for start, _ in drawn[index]])
    counts, _ = np.histogram(starts, bins=4, range=(0, 4 * TOY.sample_rate_hz - TOY.window_samples))
    assert counts.min() > 60


def test_dropped_windows_have_no_label_where_they_count(path):
    [found] = draw(path, [("b", noise(3))], with_dropped=True)
    labels = collections.Counter(own for _, own in found)
    assert set(labels) == {frozenset(), frozenset({6})} and min(labels.values()) > 150
    assert all(start <= TOY.sample_rate_hz // 2 for start, own in found if not own)
