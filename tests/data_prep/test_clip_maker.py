"""Long files are cut into clips; a file that cannot be decoded to its end gives no clip at all."""

import dataclasses
import gzip
import os
import tracemalloc

import numpy as np
import pytest
import soundfile

from audioset_triplet.errors import UserError
from audioset_triplet.media import audio_files
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.media.pcm import to_pcm
from data_prep import clip_maker
from data_prep.config import RecordsConfig
from tests import datasets
from tests.data_prep.audio_folders import clips_of, pcm_of, request_for, write_noises
from tests.data_prep.packed import noise, write_tar
from tests.data_prep.written import read, write


def test_files_are_cut_into_clips(tmp_path):
    root = write_noises(
        tmp_path / "in", {"long.wav": 5.5, "exact.flac": 2.0, "short.wav": 1.5, "over.wav": 4.05}, 22050
    )
    summary = write(clips_of(root, seconds=2.0), tmp_path / "out")
    clips = read(tmp_path / "out")
    times = {clip_id: (clip.start_seconds, clip.end_seconds) for clip_id, clip in clips.items()}
    assert times == {
        "long.wav@0": (0, 2),
        "long.wav@2000": (2, 4),
        "long.wav@4000": (4, 5.5),
        "exact.flac": (0, 2),  # a file that gives one clip keeps its name
        "short.wav": (0, 1.5),
        "over.wav@0": (0, 2),  # 0.05 s are less than --min_seconds
        "over.wav@2000": (2, 4),
    }
    assert summary.num_clips == 7 and summary.hours == pytest.approx((5.5 + 2 + 1.5 + 4) / 3600)
    assert {clip_id: clip.recording_id for clip_id, clip in clips.items()} == {
        clip_id: clip_id.split("@")[0] for clip_id in clips
    }
    pieces = [clips[f"long.wav@{start}"].pcm for start in (0, 2000, 4000)]
    np.testing.assert_array_equal(np.concatenate(pieces), pcm_of(root / "long.wav"))
    np.testing.assert_array_equal(clips["exact.flac"].pcm, pcm_of(root / "exact.flac"))


@pytest.mark.parametrize("rate, channels", [(44100, 2), (8000, 1), (16000, 2), (22050, 1)])
def test_records_of_another_format(tmp_path, rate, channels):
    root = write_noises(tmp_path / "in", {"long.wav": 2.25, "short.flac": 0.7}, 22050)
    soundfile.write(root / "stereo.wav", noise(1.5, 44100, channels=2), 44100)
    audio_format = dict(sample_rate_hz=rate, channels=channels)
    summary = write(clips_of(root, seconds=1.0), tmp_path / "out", **audio_format)
    clips = read(tmp_path / "out")
    assert {(clip.sample_rate_hz, clip.num_channels) for clip in clips.values()} == {(rate, channels)}
    assert {clip_id: clip.end_seconds - clip.start_seconds for clip_id, clip in clips.items()} == pytest.approx(
        {
            "long.wav@0": 1,
            "long.wav@1000": 1,
            "long.wav@2000": 0.25,
            "short.flac": 0.7,
            "stereo.wav@0": 1,
            "stereo.wav@1000": 0.5,
        },
        abs=1 / rate,
    )
    assert summary.hours == pytest.approx((2.25 + 0.7 + 1.5) / 3600, abs=1e-6)
    for name in ("long.wav", "short.flac", "stereo.wav"):
        pieces = sorted(
            (clip for clip in clips.values() if clip.recording_id == name), key=lambda clip: clip.start_seconds
        )
        samples = audio_files.load(root / name, sample_rate_hz=rate, num_channels=channels)
        np.testing.assert_array_equal(np.concatenate([piece.pcm for piece in pieces]), to_pcm(samples))


def test_listed_clips_of_another_format_are_padded_and_trimmed(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(2.0, 22050), 22050)

    def made(end_seconds, **config):
        request = dataclasses.replace(request_for(tmp_path / "a.wav"), end_seconds=end_seconds)
        (result,) = clip_maker.make_clips(request, RecordsConfig(sample_rate_hz=44100, channels=2, **config))
        return result

    whole = to_pcm(audio_files.load(tmp_path / "a.wav", sample_rate_hz=44100, num_channels=2))
    np.testing.assert_array_equal(made(1.75).clip.pcm, whole[: round(1.75 * 44100)])
    padded = made(2.25).clip.pcm
    np.testing.assert_array_equal(padded, np.concatenate([whole, np.zeros((len(padded) - 88200, 2), np.int16)]))
    assert len(padded) == round(2.25 * 44100)
    assert made(3.0).is_short and made(3.0).clip.end_seconds == 2.0
    encoded = made(1.75, audio="encoded").clip
    assert encoded.encoded == (tmp_path / "a.wav").read_bytes() and encoded.num_samples == round(1.75 * 44100)


def test_a_rate_that_the_graph_cannot_resample_to_is_refused_for_encoded_records():
    with pytest.raises(
        UserError, match="--audio=encoded: the graph cannot resample 44.1 or 48 kHz to .*=44101: choose"
    ):
        RecordsConfig(sample_rate_hz=44101, audio="encoded")
    assert RecordsConfig(sample_rate_hz=44101).sample_rate_hz == 44101
    for bad in (dict(sample_rate_hz=999), dict(sample_rate_hz=192001), dict(channels=0), dict(channels=3)):
        with pytest.raises(UserError, match=f"--{next(iter(bad))} must be at least 1.* and at most"):
            RecordsConfig(**bad)


def test_a_last_piece_is_dropped_only_if_it_is_too_short(tmp_path):
    root = write_noises(tmp_path / "in", {"a.wav": 2.5, "b.wav": 0.4, "c.wav": 0.5})
    summary = write(clips_of(root, seconds=1.0), tmp_path / "out", min_seconds=0.5)
    assert sorted(read(tmp_path / "out")) == ["a.wav@0", "a.wav@1000", "a.wav@2000", "c.wav"]
    assert [(reject.clip_id, reject.reason) for reject in summary.rejects] == [("b.wav", "too short")]


def test_uncut(tmp_path, monkeypatch):
    root = write_noises(tmp_path / "in", {"a.wav": 2.5, "b.wav": 3.5})
    monkeypatch.setattr(clip_maker, "_MAX_RECORD_BYTES", 3 * 32000)
    summary = write(clips_of(root, seconds=0), tmp_path / "out")
    clips = read(tmp_path / "out")
    np.testing.assert_array_equal(clips["a.wav"].pcm, pcm_of(root / "a.wav"))
    assert clips["a.wav"].end_seconds == 2.5
    assert [(reject.clip_id, reject.reason) for reject in summary.rejects] == [("b.wav", "wrong duration")]


def test_encoded_records_keep_a_file_that_is_one_clip(tmp_path):
    root = write_noises(tmp_path / "in", {"a.flac": 1.0, "b.flac": 3.0}, 22050)
    (root / "c.flac.gz").write_bytes(gzip.compress((root / "a.flac").read_bytes()))
    write(clips_of(root, seconds=2.0), tmp_path / "out", audio="encoded")
    clips = read(tmp_path / "out")
    assert clips["a.flac"].encoded == clips["c.flac.gz"].encoded == (root / "a.flac").read_bytes()
    assert clips["a.flac"].encoded_num_samples == 16000 and clips["a.flac"].pcm is None
    assert not clips["b.flac@0"].encoded and len(clips["b.flac@2000"].pcm) == 16000


@pytest.mark.parametrize("held_seconds", [600, 1], ids=["read once", "read twice"])
def test_a_file_that_is_damaged_in_the_middle_gives_no_clip(tmp_path, monkeypatch, held_seconds):
    monkeypatch.setattr(clip_maker, "_HELD_BYTES", held_seconds * 32000)
    root = write_noises(tmp_path / "in", {"good.flac": 65.0, "cut.flac": 65.0, "bad.wav": 65.0})
    os.truncate(root / "cut.flac", os.path.getsize(root / "cut.flac") * 9 // 10)
    samples = noise(65).astype(np.float32)
    samples[64 * 16000] = np.nan
    soundfile.write(root / "bad.wav", samples, 16000, subtype="FLOAT")
    summary = write(clips_of(root), tmp_path / "out")
    clips = read(tmp_path / "out")
    assert sorted(clips) == [f"good.flac@{start}" for start in range(0, 65000, 10000)]
    np.testing.assert_array_equal(
        np.concatenate([clips[f"good.flac@{start}"].pcm for start in range(0, 65000, 10000)]),
        pcm_of(root / "good.flac"),
    )
    assert {reject.clip_id: reject.reason for reject in summary.rejects} == {
        "cut.flac": "truncated",
        "bad.wav": "not finite",
    }


def test_memory_does_not_grow_with_the_length_of_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(clip_maker, "_HELD_BYTES", 60 * 32000)
    soundfile.write(tmp_path / "a.wav", np.tile(noise(60), 10), 16000)  # 19 MB, 38 as floats
    tracemalloc.start()
    num_samples = sum(
        len(made.clip.pcm) for made in clip_maker.make_clips(request_for(tmp_path / "a.wav"), RecordsConfig())
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_samples == 600 * 16000 and peak < 15e6


def test_a_long_file_that_changes_while_it_is_read_is_no_reject(tmp_path, monkeypatch):
    """Some of its clips are in the shard by then: it must not go on as if they were not."""
    monkeypatch.setattr(clip_maker, "_HELD_BYTES", 32000)
    soundfile.write(tmp_path / "a.wav", noise(95), 16000)
    clips = clip_maker.make_clips(request_for(tmp_path / "a.wav"), RecordsConfig())
    assert next(clips).clip.clip_id == "a.wav@0"
    os.truncate(tmp_path / "a.wav", 65 * 32000)
    with pytest.raises(UserError, match=r"a\.wav: changed while it was read") as caught:
        list(clips)
    assert not isinstance(caught.value, AudioError)


def test_real_clips_in_a_folder_and_in_an_archive(tmp_path):
    """One clip in several codecs and rates: the records of both hold the same audio."""
    clips = datasets.clips()
    names = [path.name for path in sorted(clips.iterdir()) if path.suffix in (".flac", ".mp3", ".ogg", ".wav")]
    source = tmp_path / "tar"
    source.mkdir()
    write_tar(source / "x.tar", {name: (clips / name).read_bytes() for name in names})
    summary = write(clips_of(source, seconds=3.0), tmp_path / "out")
    written = read(tmp_path / "out")
    assert not summary.rejects and {clip.recording_id for clip in written.values()} == {f"x.tar/{n}" for n in names}
    for name in names:
        pieces = sorted(
            (c for c in written.values() if c.recording_id == f"x.tar/{name}"), key=lambda c: c.start_seconds
        )
        pcm = pcm_of(clips / name)
        together = np.concatenate([piece.pcm for piece in pieces])
        np.testing.assert_array_equal(together, pcm[: len(together)])
        assert 0 <= len(pcm) - len(together) < 0.1 * 16000
