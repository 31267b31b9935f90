"""Events at any threshold are those that joining the windows gives; precision of events in a planted world."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet.detection import events, peaks, rated_events
from audioset_triplet.detection.cross_validation import OutOfFold
from audioset_triplet.detection.events import Hits
from audioset_triplet.detection.peaks import Joining
from audioset_triplet.detection.rated_examples import Examples
from audioset_triplet.evaluation import rated_precision
from audioset_triplet.search.stored_windows import StoredWindows

HOP = 0.5


def peaks_at(threshold, clip_ids, starts, scores, joining):
    """The rows of the highest windows of events."""
    rows = np.flatnonzero(scores >= threshold)
    hits = Hits(clip_ids[rows], starts[rows], scores[rows])
    firsts, lasts, _ = events.join(hits, joining.window_seconds, joining.max_gap_seconds)
    return [rows[first + scores[rows[first : last + 1]].argmax()] for first, last in zip(firsts, lasts)]


@given(
    st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=12), max_size=3),
    st.sampled_from([(HOP, 0.0), (HOP, HOP), (HOP, 2.2 * HOP), (2 * HOP, 0.0), (2 * HOP, HOP), (0.5 * HOP, 0.0)]),
)
def test_a_peak_is_the_highest_window_of_its_event(clips, lengths):
    joining = Joining(lengths[0], HOP, lengths[1])
    clip_ids = np.repeat(np.arange(len(clips)).astype(object), [len(one) for one in clips])
    starts = np.concatenate([np.zeros(0), *(HOP * np.arange(len(one)) for one in clips)]).astype(np.float32)
    scores = np.array(sum(clips, []), float) / 6
    bases = peaks.bases(clip_ids, starts, scores[:, np.newaxis], joining)[:, 0]
    for threshold in np.arange(7) / 6:
        expected = peaks_at(threshold, clip_ids, starts, scores, joining)
        for row in np.flatnonzero(scores >= threshold):
            first = np.searchsorted(clip_ids, clip_ids[row])
            own = clip_ids == clip_ids[row]
            span = peaks.spans(starts[own], scores[own], row - first, np.array([threshold]), joining)
            of_span = np.arange(span.firsts[0], span.lasts[0] + 1) + first
            assert scores[of_span].max() == span.scores[0] and len(set(expected) & set(of_span)) == 1
            assert min(scores[of_span[[0, -1]]]) >= threshold
        assert np.flatnonzero((bases < threshold) & (threshold <= scores)).tolist() == expected
    edges = np.array([1, 2, 5]) / 6
    counts = rated_precision.count_events(edges, scores, bases)
    for place, edge in enumerate(edges):
        assert counts[place:, : place + 1].sum() == len(peaks_at(edge, clip_ids, starts, scores, joining))


def test_a_hole_in_a_clip_ends_an_event():
    starts = np.float32([0, 0.5, 2.0, 2.5])
    bases = peaks.bases(np.zeros(4), starts, np.array([[0.5], [0.9], [0.8], [0.3]]), Joining(HOP, HOP, 0.0))
    assert bases[:, 0].tolist() == [0.5, -np.inf, -np.inf, 0.3]


def world(random, num_wrong, num_clips=1000, length=16):
    """Scores and presence [clips, length]: right events have 6 windows, some without the class at either end, and wrong
    ones have one. The higher the score, the more events are right."""
    scores = 0.4 * random.random([num_clips, length])
    is_present = np.zeros(scores.shape, bool)
    for clip in range(0, num_clips, 2):
        start, top = random.integers(0, length - 6), 0.5 + 0.5 * random.random()
        is_right = random.random() < top - 0.25
        size = 6 if is_right else 1
        scores[clip, start : start + size] = top - 0.01 * np.abs(np.arange(size) - random.integers(0, size))
        is_present[clip, start + num_wrong : start + size - num_wrong] = is_right
    return scores, is_present


def draw(random, scores, source):
    """Clips and windows that are rated: random ones, or those that score highest for another head, 5 windows apart."""
    if source == "random":
        return np.unravel_index(random.choice(scores.size, 2000, replace=False), scores.shape)
    others = scores + 0.03 * random.normal(size=scores.shape)
    rows, near = [], set()
    for clip, window in zip(*np.unravel_index(np.argsort(-others, axis=None), scores.shape)):
        if (clip, window) not in near and len(rows) < 400:
            rows.append((clip, window))
            near.update((clip, window + step) for step in range(-5, 6))
    order = random.permutation(len(rows))[:200]  # the others were not rated yet
    return tuple(np.array(rows)[order].T)


@pytest.mark.parametrize("source", ["random", "top"])
@pytest.mark.parametrize("num_wrong", [0, 1])
def test_ratings_of_windows_give_the_precision_of_events(source, num_wrong):
    random = np.random.default_rng(0)
    joining, threshold = Joining(HOP, HOP, 0.0), 0.6
    errors, of_windows = [], []
    for _ in range(4):
        scores, is_present = world(random, num_wrong)
        clips, windows = draw(random, scores, source)
        starts = HOP * np.arange(scores.shape[1])
        rated = Examples(
            classes=["dog"],
            clips=[StoredWindows(starts, None, None, None)] * len(scores),
            vectors=None,
            intervals=np.arange(len(clips)),
            places=windows,
            weights=None,
            clip_of=clips,
            recordings=None,
            rated=np.arange(len(clips)),
            columns=np.zeros(len(clips), int),
            is_present=is_present[clips, windows],
            is_random=np.full(len(clips), source == "random"),
        )
        of_clips = {(clip, 0): of_clip for clip, of_clip in enumerate(scores)}
        found = rated_events.of_ratings(rated, OutOfFold(scores[clips, windows], windows, of_clips), [0], joining)
        ids, all_starts = np.repeat(np.arange(len(scores)), len(starts)), np.tile(starts, len(scores))
        bases = peaks.bases(ids, all_starts, scores.reshape(-1, 1), joining)[:, 0]
        counts = rated_precision.count_events(np.unique(found.thresholds), scores.ravel(), bases)
        curve = rated_precision.event_curve(found, 0.8, counts)
        place = int((curve.thresholds >= threshold).sum()) - 1
        reached = scores >= curve.thresholds[place]
        true = (is_present & reached).any(axis=1).sum() / reached.any(axis=1).sum()  # a clip has one event at most
        errors.append(curve.precisions[place] - true)
        of_windows.append(is_present[reached].mean() - true)
        assert curve.num_ratings[place] == len(set(clips[reached[clips, windows]]))
    if num_wrong:  # what is rated in a right event may be a wrong window: two of six
        assert -true / 3 - 0.05 < np.mean(errors) < 0
    else:
        assert abs(np.mean(errors)) < 0.05 < 0.2 < np.mean(of_windows)
