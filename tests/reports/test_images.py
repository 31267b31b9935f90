"""Pictures and sounds of the report: their bytes hold what they should show."""

import io

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from PIL import Image

from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.records import schema, waveforms
from audioset_triplet.reports import images

LOG_MEL = registry.FRONT_ENDS["log_mel"]


def tone(frequency_hz, seconds, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(int(16000 * seconds)) / 16000)).astype(np.float32)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_a_spectrogram_shows_time_to_the_right_and_frequency_upwards():
    sound = np.concatenate([tone(300, 1.0), np.zeros(16000, np.float32), tone(5000, 1.0)])
    image = pixels(images.spectrogram(sound, LOG_MEL)).sum(axis=2)  # magma: brighter is louder
    assert image.shape == (64, 1 + (48000 - 400) // 160)
    first, middle, last = image[:, 20:80], image[:, 120:180], image[:, 220:280]
    assert middle.max() == image.min()  # silence
    assert first.mean(axis=1).argmax() > 45 and last.mean(axis=1).argmax() < 20
    assert image.max() > image.min() + 300


def test_a_sound_shorter_than_a_frame_has_a_spectrogram():
    assert pixels(images.spectrogram(np.zeros(10, np.float32), LOG_MEL)).shape == (64, 1, 3)


def test_filters_are_laid_out_with_time_to_the_right_and_high_bands_above():
    kernels = np.zeros((7, 5, 18), np.float32)
    kernels[6, 0, 0] = 2.0  # the last frame of the lowest band: lower right corner of the first tile, red
    kernels[0, 4, 17] = -3.0  # the first frame of the highest band: upper left corner of tile 18, blue
    image = pixels(images.filter_grid(kernels))
    assert image.shape == (2 * 6 - 1, 16 * 8 - 1, 3)
    red, green, blue = image[4, 6]
    assert red > green + 50 and red > blue + 50
    red, green, blue = image[6, 8]
    assert blue > red + 50
    assert np.ptp(image[0, 0]) < 3  # zero is white
    rgba = np.asarray(Image.open(io.BytesIO(images.filter_grid(kernels))).convert("RGBA"))
    assert rgba[0, 7, 3] == 0 and rgba[8, 100, 3] == 0 and rgba[0, 0, 3] == 255  # gaps, missing tiles, a tile


def test_an_mp3_sounds_like_its_waveform():
    decoded, rate_hz = soundfile.read(io.BytesIO(images.mp3(tone(1000, 1.0), 16000)))
    spectrum = np.abs(np.fft.rfft(decoded[2000:12000]))
    assert rate_hz == 16000 and spectrum.argmax() * 16000 / 10000 == pytest.approx(1000, abs=2)
    assert np.abs(decoded[2000:12000]).max() == pytest.approx(0.5, abs=0.05)


class Convolution(tf.Module):
    """The least that has first-layer filters, behind a dense layer's weights that must not be taken for them."""

    def __init__(self, shape):
        super().__init__()
        self.dense = tf.Variable(tf.zeros([3, 3]), name="dense/kernel")
        self.kernel = tf.Variable(
            tf.reshape(tf.range(np.prod(shape), dtype=tf.float32), shape), name="stem_conv/kernel"
        )

    @tf.function(input_signature=[tf.TensorSpec([None, 96, 64, 1])])
    def __call__(self, window):
        return {"y": tf.nn.conv2d(window, self.kernel, 1, "SAME") * tf.reduce_sum(self.dense)}


def test_first_filters_are_those_of_the_saved_model(tmp_path):
    model = Convolution([7, 5, 1, 4])
    tf.saved_model.save(model, str(tmp_path), signatures={"serving_default": model.__call__})
    np.testing.assert_array_equal(images.first_filters(str(tmp_path)), model.kernel.numpy()[:, :, 0])


def test_what_has_no_filters_is_a_clear_error(tmp_path):
    with pytest.raises(UserError, match="nowhere: not a SavedModel"):
        images.first_filters(str(tmp_path / "nowhere"))
    model = Convolution([1, 1, 1, 4])
    tf.saved_model.save(model, str(tmp_path / "dense"), signatures={"serving_default": model.__call__})
    with pytest.raises(UserError, match="no convolution of a spectrogram"):
        images.first_filters(str(tmp_path / "dense"))


def write_records(path, waveforms):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for clip_id, waveform in waveforms.items():
            pcm = np.round(waveform * 32767).astype(np.int16)
            seconds = len(pcm) / 16000
            writer.write(schema.clip_to_example(schema.Clip(clip_id, clip_id, 0.0, seconds, (), (), -1, pcm)))


def test_sounds_are_looked_up_in_several_files_and_cut(tmp_path):
    write_records(tmp_path / "a.tfrecord", {"one": tone(440, 2), "two": tone(880, 2)})
    write_records(tmp_path / "b.tfrecord", {"three": tone(220, 0.5)})
    found = waveforms.waveforms(f"{tmp_path}/*.tfrecord", ["three", "two"], seconds=1.5)
    assert sorted(found) == ["three", "two"] and len(found["two"]) == 24000 and len(found["three"]) == 8000
    np.testing.assert_allclose(found["two"], tone(880, 1.5), atol=1e-4)
    with pytest.raises(UserError, match="holds no clip four"):
        waveforms.waveforms(f"{tmp_path}/*.tfrecord", ["one", "four"], seconds=1)
    with pytest.raises(UserError, match="no such file"):
        waveforms.waveforms(f"{tmp_path}/*.wav", ["one"], seconds=1)


def test_a_truncated_record_is_named(tmp_path):
    path = tmp_path / "a.tfrecord"
    write_records(path, {"one": tone(440, 1), "two": tone(880, 1)})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"a.tfrecord: record 1"):
        waveforms.waveforms(str(path), ["two"], seconds=1)


def test_of_stereo_the_spectrogram_is_the_mean_of_its_channels():
    front_end = registry.by_name("three_band_small-stereo")
    left, right = tone(300, 0.5), tone(5000, 0.5)
    spectrogram = images.spectrogram_of(np.stack([left, right], axis=-1), front_end)
    mono = [images.spectrogram_of(channel, registry.by_name("three_band_small")) for channel in (left, right)]
    assert spectrogram.shape == (32, 255)  # the bands of the three channels below each other
    np.testing.assert_allclose(spectrogram, np.mean(mono, axis=0), atol=1e-3)
    np.testing.assert_allclose(images.spectrogram_of(left, front_end), mono[0], atol=1e-3)  # mono on both channels
