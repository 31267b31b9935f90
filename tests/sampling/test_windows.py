import collections
import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from audioset_triplet.errors import UserError
from audioset_triplet.frontend import loudness, registry
from audioset_triplet.media import pcm
from audioset_triplet.records import schema
from audioset_triplet.sampling import window_draws, windows
from tests.tiny_records import make_clip, write
from tests.toy_front_end import TOY

FRONT_END = registry.FRONT_ENDS["log_mel"]
WINDOW_SAMPLES, WINDOW_HOP_SAMPLES = FRONT_END.window_samples, FRONT_END.hop_samples


@functools.cache
def traced_draws(front_end, max_gap_seconds):
    def draw(num_samples, seeds):
        signature = (tf.TensorSpec([5], tf.int32), tf.TensorSpec([5], tf.int32), tf.TensorSpec([5], tf.bool))
        return tf.map_fn(
            lambda seed: window_draws.draw_starts(num_samples, front_end, max_gap_seconds, tf.stack([seed, 0]), 5),
            seeds,
            fn_output_signature=signature,
        )

    return tf.function(draw, autograph=False)


def drawn_starts(num_samples, max_gap_seconds=10.0, draws=300, front_end=FRONT_END):
    """Draws of many seeds, as clips have, and several of each; [draws, 3] with draws a multiple of 5."""
    drawn = traced_draws(front_end, max_gap_seconds)(tf.constant(num_samples), tf.range(draws // 5))
    return np.stack([np.ravel(column) for column in drawn], axis=1).astype(int)


@pytest.mark.parametrize("seconds, max_gap_seconds", [(5.0, 10.0), (10.0, 3.0), (30.0, 10.0), (2.2, 10.0)])
def test_positive_windows_are_disjoint_from_the_anchor_and_within_the_gap(seconds, max_gap_seconds):
    num_samples = round(seconds * 16000)
    drawn = drawn_starts(num_samples, max_gap_seconds)
    anchor, positive, has_positive = drawn.T
    assert has_positive.all()
    assert drawn[:, :2].min() >= 0 and drawn[:, :2].max() <= num_samples - WINDOW_SAMPLES
    distance = np.abs(anchor - positive)
    assert distance.min() >= WINDOW_HOP_SAMPLES
    assert distance.max() < max_gap_seconds * 16000
    assert (positive > anchor).any() and (positive < anchor).any()


def test_anchors_are_uniform_over_a_clip():
    anchor = drawn_starts(10 * 16000, draws=500)[:, 0]
    last = 10 * 16000 - WINDOW_SAMPLES
    counts, _ = np.histogram(anchor, bins=5, range=(0, last))
    assert ((counts - 100) ** 2 / 100).sum() < 4 + 5 * np.sqrt(2 * 4)  # chi squared: its mean plus five deviations


@pytest.mark.parametrize("num_samples", [WINDOW_SAMPLES, WINDOW_SAMPLES + 1, WINDOW_SAMPLES + WINDOW_HOP_SAMPLES - 1])
def test_a_clip_with_room_for_one_window_has_no_positive_window(num_samples):
    anchor, positive, has_positive = drawn_starts(num_samples, draws=50).T
    assert not has_positive.any()
    np.testing.assert_array_equal(anchor, positive)
    assert anchor.max() <= num_samples - WINDOW_SAMPLES


def test_the_shortest_clip_with_a_positive_window_has_two_starts():
    drawn = drawn_starts(WINDOW_SAMPLES + WINDOW_HOP_SAMPLES, draws=50)
    assert set(map(tuple, drawn)) == {(0, WINDOW_HOP_SAMPLES, 1), (WINDOW_HOP_SAMPLES, 0, 1)}


SIGNATURE = {
    "clip_id": tf.TensorSpec([], tf.string),
    "recording_id": tf.TensorSpec([], tf.string),
    "labels": tf.TensorSpec([None], tf.int64),
    "pcm": tf.TensorSpec([None], tf.int16),
    "sample_rate_hz": tf.TensorSpec([], tf.int64),
}


def clips(*made):
    """Clips as parsed records are."""

    def parsed():
        for clip in made:
            yield {name: getattr(clip, name) for name in SIGNATURE}

    return tf.data.Dataset.from_generator(parsed, output_signature=SIGNATURE).cache()


def test_recording_pairs_are_cut_from_their_clip():
    made = [make_clip(i, seconds=seconds) for i, seconds in enumerate([2.5, 0.3, 1.5, 10.0])]
    pairs = list(windows.recording_pairs(clips(*made), FRONT_END, 0, 10.0).as_numpy_iterator())
    assert [bool(pair["has_positive_window"]) for pair in pairs] == [True, False, False, True]
    for clip, pair in zip(made, pairs):
        padded = np.pad(clip.pcm, (0, max(0, WINDOW_SAMPLES - len(clip.pcm))))
        views = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)
        for window in pair["pcm"]:
            starts = np.flatnonzero(padded[: len(views)] == window[0])
            assert any((views[start] == window).all() for start in starts)
    assert len({int(pair["group_ids"][0, 0]) for pair in pairs}) == 4
    assert all(pair["group_ids"][0, 0] == pair["group_ids"][1, 0] for pair in pairs)


def test_random_windows_start_anywhere_in_their_clip():
    made = [make_clip(i, label=i, seconds=seconds) for i, seconds in enumerate([2.5, 0.3])]
    cut = list(windows.random_windows(clips(*made).repeat(20), FRONT_END, 0).as_numpy_iterator())
    last = len(made[0].pcm) - WINDOW_SAMPLES
    beginnings = np.lib.stride_tricks.sliding_window_view(made[0].pcm, 16)
    starts = [int(np.flatnonzero((beginnings == window["pcm"][:16]).all(axis=1))[0]) for window in cut[::2]]
    for start, window in zip(starts, cut[::2]):
        np.testing.assert_array_equal(window["pcm"], made[0].pcm[start : start + WINDOW_SAMPLES])
    assert len(set(starts)) > 15 and min(starts) < last / 4 and max(starts) > last * 3 / 4
    padded = np.pad(made[1].pcm, (0, WINDOW_SAMPLES - len(made[1].pcm)))
    assert all((window["pcm"] == padded).all() for window in cut[1::2])
    assert [window["labels"].tolist() for window in cut] == [[0], [1]] * 20


def with_pcm(index, pcm):
    return schema.Clip(**{**vars(make_clip(index)), "pcm": pcm.astype(np.int16)})


def half_silent(index=0):
    """Ten seconds, of which noise is in the second half alone."""
    noise = np.random.default_rng(index).normal(0, 3000, 80_000)
    return with_pcm(index, np.concatenate([np.zeros(80_000), noise]))


def test_silent_windows_are_avoided():
    made = clips(half_silent()).repeat(100)
    pairs = [pair["pcm"] for pair in windows.recording_pairs(made, FRONT_END, 0, 10.0).as_numpy_iterator()]
    singles = [window["pcm"] for window in windows.random_windows(made, FRONT_END, 0).as_numpy_iterator()]
    cut = np.concatenate([*pairs, singles]).astype(float) / 32768
    assert np.mean(np.square(cut), axis=1).min() > 0.9e-6  # of windows drawn anywhere four in ten are silent


def test_windows_are_uniform_over_the_active_part_of_a_clip():
    clip = half_silent()
    views = np.lib.stride_tricks.sliding_window_view(clip.pcm, 16)[80_000:]
    starts = {view.tobytes(): start for start, view in enumerate(views)}
    cut = [w["pcm"] for w in windows.random_windows(clips(clip).repeat(400), FRONT_END, 0).as_numpy_iterator()]
    begin_in_noise = [starts[window[:16].tobytes()] for window in cut if window[:16].any()]
    last = 80_000 - WINDOW_SAMPLES
    counts, _ = np.histogram(begin_in_noise, bins=5, range=(0, last))
    expected = counts.sum() / 5
    assert ((counts - expected) ** 2 / expected).sum() < 4 + 5 * np.sqrt(2 * 4)  # its mean plus five deviations
    # A window that begins in the silence and ends in the noise is active too: 15600 more starts.
    share = len(begin_in_noise) / len(cut)
    expected_share = last / (last + WINDOW_SAMPLES)
    assert abs(share - expected_share) < 5 * np.sqrt(expected_share * (1 - expected_share) / len(cut))


def test_the_first_window_is_active_by_the_loudness_of_the_whole_clip():
    """Its loudness is computed on its own samples; the clip swells around the level of silence."""
    level = np.concatenate([np.full(16000, 1e-2), np.linspace(5e-4, 2e-3, 48000)])
    sound = np.round(level * np.random.default_rng(0).normal(size=64000) * 32768).astype(np.int16)
    starts = np.arange(16000, 64000 - 15600, 487)
    clip = {"clip_id": "a", "pcm": tf.constant(sound), "sample_rate_hz": tf.constant(16000, tf.int64)}
    expected = loudness.is_active(sound / np.float32(32768), tf.constant(starts, tf.int32), FRONT_END).numpy()
    draws = [tf.constant([start, 0], tf.int32) for start in starts]  # the second is active
    found = [window_draws.active_window(clip, FRONT_END, lambda _, drawn=drawn: drawn)[1] == 0 for drawn in draws]
    np.testing.assert_array_equal(found, expected)
    assert 0.1 < expected.mean() < 0.9


def test_windows_of_a_silent_clip_are_silent():
    made = clips(with_pcm(0, np.zeros(160_000)), with_pcm(1, np.zeros(100)))
    pairs = list(windows.recording_pairs(made, FRONT_END, 0, 10.0).as_numpy_iterator())
    assert [bool(pair["has_positive_window"]) for pair in pairs] == [True, False]
    assert len(list(windows.random_windows(made, FRONT_END, 0).as_numpy_iterator())) == 2


def test_clips_of_one_recording_share_a_group():
    made = [make_clip(0, recording="same"), make_clip(1, recording="same"), make_clip(2)]
    first, second, third = (p["group_ids"][0, 0] for p in windows.recording_pairs(clips(*made), FRONT_END, 0, 10.0))
    assert int(first) == int(second) != int(third)


def test_pairs_depend_on_the_seed_alone():
    def anchors_and_positives(seed):
        made = clips(*(make_clip(i) for i in range(4)))
        return np.stack(
            [pair["pcm"] for pair in windows.recording_pairs(made, FRONT_END, seed, 10.0).as_numpy_iterator()]
        )

    np.testing.assert_array_equal(anchors_and_positives(1), anchors_and_positives(1))
    assert (anchors_and_positives(1) != anchors_and_positives(2)).any()


def test_label_pairs_have_a_common_label_and_two_clips():
    made = [make_clip(i, label=i % 3) for i in range(12)]
    pairs = list(windows.label_pairs(clips(*made), FRONT_END, 0).as_numpy_iterator())
    assert len(pairs) == 6
    for pair in pairs:
        assert pair["group_ids"].shape == (2, windows.MAX_LABELS + 1)
        assert len(set(pair["group_ids"][:, :-1].ravel())) == 1  # one label, repeated
        assert (pair["group_ids"][:, -1] < 0).all()  # the recordings, which are no classes
        assert len(set(pair["group_ids"][:, -1])) == 2
        assert (pair["pcm"][0] != pair["pcm"][1]).any()


def test_several_labels_pair_by_any_of_them_and_unlabelled_clips_are_left_out():
    def labelled(index, *labels):
        clip = make_clip(index)
        return schema.Clip(**{**vars(clip), "labels": labels, "label_names": tuple(map(str, labels))})

    made = [labelled(0, 1, 2), labelled(1, 2, 3), labelled(2), labelled(3, 1), labelled(4, 3)]
    seen = collections.Counter()
    for pair in windows.label_pairs(clips(*made).repeat(60), FRONT_END, 0).take(60).as_numpy_iterator():
        first, second = (set(row[:-1]) for row in pair["group_ids"])
        assert first & second
        seen[frozenset(first | second)] += 1
    assert len(seen) > 2


def test_too_many_labels_are_an_error():
    labels = tuple(range(windows.MAX_LABELS + 1))
    clip = schema.Clip(**{**vars(make_clip(0)), "labels": labels, "label_names": tuple(map(str, labels))})
    with pytest.raises(UserError, match="clip clip0 has more than 16 labels"), window_draws.naming_unusable_clips():
        list(windows.label_pairs(clips(clip, clip), FRONT_END, 0))


def test_clips_of_one_recording_with_other_labels_are_no_negatives():
    made = [make_clip(i, label=i // 2, recording="same" if i in (0, 2) else "") for i in range(4)]
    first, second = windows.label_pairs(clips(*made), FRONT_END, 0).as_numpy_iterator()
    assert set(first["group_ids"].ravel()) & set(second["group_ids"].ravel())
    assert not set(first["group_ids"][:, :-1].ravel()) & set(second["group_ids"][:, :-1].ravel())


def test_label_windows_are_uniform_over_a_clip():
    # Two and a half windows: the anchor of a proximity pair never lies in the middle, a window of a label pair does.
    clip = make_clip(0, seconds=2.4)
    views = np.lib.stride_tricks.sliding_window_view(clip.pcm, 100)[: len(clip.pcm) - WINDOW_SAMPLES + 1]
    starts = {view.tobytes(): start for start, view in enumerate(views)}
    pairs = windows.label_pairs(clips(clip).repeat(300), FRONT_END, 0).as_numpy_iterator()
    drawn = [starts[window[:100].tobytes()] for pair in pairs for window in pair["pcm"]]
    counts, _ = np.histogram(drawn, bins=5, range=(0, len(views)))
    expected = len(drawn) / 5
    assert ((counts - expected) ** 2 / expected).sum() < 4 + 5 * np.sqrt(2 * 4)  # its mean plus five deviations


def test_positive_windows_are_uniform_over_the_starts_within_the_gap():
    num_samples, max_gap = 30 * 16000, 10 * 16000 - 1
    ranks = []
    for anchor, positive, _ in drawn_starts(num_samples, 10.0, draws=500).tolist():
        last = num_samples - WINDOW_SAMPLES
        before = range(max(0, anchor - max_gap), max(0, anchor - WINDOW_HOP_SAMPLES + 1))
        after = range(anchor + WINDOW_HOP_SAMPLES, min(last, anchor + max_gap) + 1)
        rank = before.index(positive) if positive < anchor else len(before) + after.index(positive)
        ranks.append(rank / (len(before) + len(after)))
    counts, _ = np.histogram(ranks, bins=10, range=(0, 1))
    assert ((counts - 50) ** 2 / 50).sum() < 9 + 5 * np.sqrt(2 * 9)


@pytest.mark.parametrize("max_gap_seconds", [1e6, float("inf")])
def test_any_gap_is_allowed(max_gap_seconds):
    assert drawn_starts(5 * 16000, max_gap_seconds, draws=20)[:, 2].all()


@pytest.mark.parametrize("seconds", [0.5, 3.0, 10.0])
def test_starts_are_those_of_the_front_end(seconds):
    num_samples = round(seconds * TOY.sample_rate_hz)
    anchor, positive, has_positive = drawn_starts(num_samples, 4.0, draws=100, front_end=TOY).T
    gap = np.abs(anchor - positive)[has_positive == 1]
    assert max(anchor.max(), positive.max()) <= num_samples - TOY.window_samples
    assert has_positive.all() and gap.max() < 4 * TOY.sample_rate_hz
    assert gap.min() >= window_draws.smallest_gap_samples(TOY)
    # The two windows share samples only within a frame.
    assert window_draws.smallest_gap_samples(TOY) == TOY.window_samples - TOY.frame_samples


def test_a_gap_that_holds_no_positive_window_is_refused():
    window_draws.require_gap("proximity_seconds", 0.97, FRONT_END)
    with pytest.raises(UserError, match="^--proximity_seconds must be longer than a window, 0.96 s, not 0.96.$"):
        window_draws.require_gap("proximity_seconds", 0.96, FRONT_END)
    with pytest.raises(UserError, match="^--coincidence_seconds must be longer than a window, 0.2375 s, not 0.2.$"):
        window_draws.require_gap("coincidence_seconds", 0.2, TOY)


def test_records_of_another_rate_are_refused_before_they_are_read(tmp_path):
    first, second = (write(tmp_path / f"{i}.tfrecord", [make_clip(i)]) for i in range(2))
    window_draws.require_records([first, second], FRONT_END)
    with pytest.raises(UserError, match="0.tfrecord: records are 16 kHz mono, and front end toy-8000 takes 8 kHz"):
        window_draws.require_records([first, second], TOY)
    write(tmp_path / "1.tfrecord", [dataclasses.replace(make_clip(1), sample_rate_hz=44100)])
    with pytest.raises(UserError, match="one sample rate"):
        window_draws.require_records([first, second], FRONT_END)


def test_a_later_record_of_another_rate_is_named():
    made = [make_clip(0), dataclasses.replace(make_clip(1), sample_rate_hz=44100), make_clip(2)]
    message = (
        f"^clip clip1 has 44100 Hz, and front end {FRONT_END.id} takes 16 kHz mono: "
        "prepare it with --sample_rate_hz=16000$"
    )
    for windowed in (
        windows.random_windows(clips(*made), FRONT_END, 0),
        windows.recording_pairs(clips(*made), FRONT_END, 0, 10.0),
        windows.successive_windows(clips(*made), FRONT_END, 4),
    ):
        with pytest.raises(UserError, match=message), window_draws.naming_unusable_clips():
            list(windowed)


def test_successive_windows_are_those_of_the_front_end():
    made = [make_clip(0, seconds=2.5), make_clip(1, seconds=0.3), make_clip(2, seconds=1.0)]
    clip_ids, features, weights = next(iter(windows.successive_windows(clips(*made), FRONT_END, 10)))
    assert [clip_id.decode() for clip_id in clip_ids.numpy()] == ["clip0", "clip0", "clip1", "clip2"]
    padded = np.pad(pcm.to_waveform(made[1].pcm), (0, WINDOW_SAMPLES - len(made[1].pcm)))
    np.testing.assert_allclose(features[2], FRONT_END.features(padded), atol=1e-5)
    np.testing.assert_allclose(features[:2], FRONT_END.windows(pcm.to_waveform(made[0].pcm)), atol=1e-5)
    assert weights.shape == [4] and weights[0] > weights[2] > 0
