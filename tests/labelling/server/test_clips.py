"""The audio of clips by their ids, and what is drawn of it."""

import dataclasses
import io
import json

import numpy as np
import pytest
import soundfile
from PIL import Image

from audioset_triplet.errors import UserError
from audioset_triplet.labelling.server import clip_audio, clip_images
from audioset_triplet.labelling.server.clip_audio import Excerpt
from audioset_triplet.media import pcm
from tests import tiny_records
from tests.labelling.server import pages


def tone(frequency_hz, seconds=1.0, rate_hz=16000, start_seconds=0.0):
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return Excerpt((0.5 * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32), rate_hz, start_seconds)


def test_files_of_a_folder_are_read_in_part(tmp_path):
    folder = pages.write_tones(tmp_path / "audio", 2)
    whole, rate_hz = soundfile.read(folder / "sub" / "1.wav", dtype="float32")
    soundfile.write(folder / "b.ogg", np.stack([whole, whole], axis=1), rate_hz)
    (folder / ".hidden.wav").write_bytes(b"")
    clips = clip_audio.open_clips("", str(folder), "")
    assert clips.clip_ids == ["b.ogg", "sub/0.wav", "sub/1.wav"]
    part = clips.read("sub/1.wav", 0.25, 9.0)
    np.testing.assert_array_equal(part.samples, whole[2000:])
    assert (part.sample_rate_hz, part.start_seconds) == (rate_hz, 0.25)
    np.testing.assert_allclose(clips.read("b.ogg", 0, None).samples, whole, atol=0.05)
    assert len(clips.read("sub/0.wav", 5.0, 6.0).samples) == 0
    for data, audio, message in (("", "", "not both"), ("x", "y", "not both"), ("", str(tmp_path / "n"), "no such f")):
        with pytest.raises(UserError, match=message):
            clip_audio.open_clips(data, audio, "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no audio file"):
        clip_audio.open_clips("", str(tmp_path / "empty"), "")


def test_clips_of_records_are_found_and_found_again(tmp_path):
    made = [tiny_records.make_clip(0), tiny_records.make_encoded_clip(1), tiny_records.make_clip(2)]
    data = tiny_records.write(tmp_path / "a.tfrecord", made)
    for _ in range(2):
        clips = clip_audio.open_clips(data, "", str(tmp_path))
        assert clips.clip_ids == ["clip0", "clip1", "clip2"]
        for index in range(3):
            expected = pcm.to_waveform(tiny_records.make_clip(index).pcm)
            np.testing.assert_allclose(clips.read(f"clip{index}", 0.5, 1.0).samples, expected[8000:16000], atol=1e-4)
    index = json.loads((tmp_path / "record-index.json").read_text())
    assert [clip_id for clip_id, _ in index[data]["offsets"]] == clips.clip_ids
    tiny_records.write(tmp_path / "a.tfrecord", made[2:])  # another file of this name
    assert clip_audio.open_clips(data, "", str(tmp_path)).clip_ids == ["clip2"]
    tiny_records.write(tmp_path / "b.tfrecord", [dataclasses.replace(made[2], fold=2)])
    with pytest.raises(UserError, match="b.tfrecord: clip clip2 is also in .*a.tfrecord"):
        clip_audio.open_clips(f"{tmp_path}/*.tfrecord", "", str(tmp_path))
    (tmp_path / "b.tfrecord").write_bytes((tmp_path / "a.tfrecord").read_bytes()[:-5])
    with pytest.raises(UserError, match="b.tfrecord: record 0: truncated"):
        clip_audio.open_clips(f"{tmp_path}/b.tfrecord", "", str(tmp_path))


@pytest.mark.parametrize("frequency_hz", [110.0, 440.0, 3000.0])
@pytest.mark.parametrize("low_hz, high_hz", [(20.0, 8000.0), (100.0, 4000.0)])
def test_a_tone_is_where_the_axis_says(frequency_hz, low_hz, high_hz):
    decibels = clip_images.mel_decibels(tone(frequency_hz), low_hz, high_hz)
    mel = [1127 * np.log(1 + hz / 700) for hz in (low_hz, frequency_hz, high_hz)]  # HTK
    place = (mel[1] - mel[0]) / (mel[2] - mel[0])
    assert decibels[len(decibels) // 2].argmax() / decibels.shape[1] == pytest.approx(place, abs=0.02)
    image = Image.open(io.BytesIO(clip_images.spectrogram(tone(frequency_hz), low_hz, high_hz))).convert("L")
    brightest = np.asarray(image)[:, image.width // 2].argmax()
    assert 1 - brightest / image.height == pytest.approx(place, abs=0.02)


def test_a_click_is_where_the_cursor_is():
    samples = np.zeros(16000, np.float32)
    samples[4000] = 1
    decibels = clip_images.mel_decibels(Excerpt(samples, 16000, 0.0), 20, 8000)
    assert decibels.mean(axis=1).argmax() / len(decibels) == pytest.approx(0.25, abs=0.01)
    mask = np.asarray(Image.open(io.BytesIO(clip_images.waveform(Excerpt(samples, 16000, 0.0)))))[..., 1] > 0
    assert mask.sum(axis=0).argmax() / mask.shape[1] == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(1), np.zeros(100), np.ones(700) * 1e-4])
def test_silence_and_short_clips_are_drawn(samples):
    excerpt = Excerpt(samples.astype(np.float32), 16000, 0.0)
    for png in (clip_images.spectrogram(excerpt, 20, 8000), clip_images.waveform(excerpt)):
        assert Image.open(io.BytesIO(png)).width >= 1
    assert clip_images.time_ticks(excerpt)[0]["place"] == 0


def test_every_band_is_a_mean_of_bins():
    for low_hz, high_hz in ((20, 8000), (20, 200), (0, 50)):
        weights = clip_images.mel_weights(16000, 512, low_hz, high_hz)
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
        assert (weights >= 0).all()


def test_marks_of_the_axes():
    ticks = clip_images.time_ticks(tone(100, 4.0, start_seconds=57.5))
    texts = ["57.5 s", "58 s", "58.5 s", "59 s", "59.5 s", "1:00", "1:00.5", "1:01", "1:01.5"]
    assert [tick["text"] for tick in ticks] == texts
    assert [tick["place"] for tick in ticks] == pytest.approx([index / 8 for index in range(9)])
    ticks = clip_images.frequency_ticks(20, 8000)
    assert ticks[0] == {"text": "20 Hz", "place": 0.0} and ticks[-1] == {"text": "8 kHz", "place": 1.0}
    one_khz = next(tick for tick in ticks if tick["text"] == "1 kHz")
    mel = [np.log(1 + hz / 700) for hz in (20, 1000, 8000)]
    assert one_khz["place"] == pytest.approx((mel[1] - mel[0]) / (mel[2] - mel[0]))
