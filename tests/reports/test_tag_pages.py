"""What a classifier hears in clips: every number on a page is the model's, and every link leads to a file."""

import base64
import csv
import io
import re
import urllib.parse

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from PIL import Image

from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.config.tagging import TagConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import loaded_model, saved_model
from audioset_triplet.frontend import registry
from audioset_triplet.reports import clip_figure, tag_pages
from audioset_triplet.reports.clip_figure import ScoreRows
from tests import processes, tiny_records
from tests.tiny_network import CLASS_NAMES, build_tiny_classifier

LOG_MEL = registry.FRONT_ENDS["log_mel"]
RATE_HZ = LOG_MEL.sample_rate_hz


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("models") / "tiny")
    saved_model.export(build_tiny_classifier(), path, LOG_MEL, {}, CLASS_NAMES)
    return path


@pytest.fixture(scope="module")
def model(folder):
    return loaded_model.load(EmbeddingModelConfig(model=folder), "scores")


def noise(seconds, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE_HZ)).astype(np.float32)


def tag(source, output, model, **options):
    return list(tag_pages.write(str(source), str(output), model, TagConfig(**options)))


def images_of(page):
    return [
        Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r'data:image/png;base64,([^"]+)"', page)
    ]


def test_one_file(folder, model, tmp_path):
    waveform = noise(4.0)
    waveform[30000:] *= np.linspace(1, 0, 34000, dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", waveform, RATE_HZ, subtype="FLOAT")
    lines = tag(tmp_path / "a.wav", tmp_path / "out", model, top=3)
    result = tf.saved_model.load(folder)(waveform)
    scores = result["window_scores"][0].numpy()
    order = np.argsort(-scores.max(axis=0))[:3]
    titles = [name.replace("_", " ") for name in CLASS_NAMES.values()]

    assert lines[0] == "a.wav, 4.0 s" and len(lines) == 6 and lines[-1].startswith("wrote ")
    for window, line in enumerate(lines[1:5]):
        strongest = np.argsort(-scores[window])[:3]
        texts = ", ".join(f"{titles[column]} {scores[window, column]:.2f}" for column in strongest)
        assert line == f"{0.96 * window:8.2f} s  {texts}"

    with open(tmp_path / "out" / "tags.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows[:3]] == [str(list(CLASS_NAMES)[column]) for column in order]
    assert rows[0]["label_name"] == list(CLASS_NAMES.values())[order[0]] and rows[3]["start_seconds"] == "0.96"
    np.testing.assert_allclose([float(row["score"]) for row in rows], scores[:, order].ravel(), atol=2e-6)

    page = (tmp_path / "out" / "a.wav.html").read_text()
    cells = re.findall(r"<tr><td>(.+?)</td><td>(.+?)</td>.*?data-at=\"(.+?)\".*?<td>(.+?)</td></tr>", page, re.DOTALL)
    for (title, highest, at, mean), column in zip(cells, order):
        assert title == titles[column] and highest == f"{scores[:, column].max():.3f}"
        assert float(at) == pytest.approx(0.96 * scores[:, column].argmax())
        assert mean == f"{result['scores'][0, column]:.3f}"
    (data,) = re.findall(r'data:audio/mpeg;base64,([^"]+)"', page)
    assert soundfile.info(io.BytesIO(base64.b64decode(data))).duration == pytest.approx(4.0, abs=0.2)
    (image,) = images_of(page)
    assert Image.open(tmp_path / "out" / "a.wav.png").size == image.size and "All clips" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_a_long_file_is_drawn_in_parts_and_only_its_beginning(model, tmp_path, monkeypatch):
    monkeypatch.setattr(tag_pages, "_SECONDS_PER_IMAGE", 2.0)
    monkeypatch.setattr(tag_pages, "_MOST_LINES", 4)
    soundfile.write(tmp_path / "long.flac", noise(8.0), RATE_HZ)
    lines = tag(tmp_path / "long.flac", tmp_path / "out", model, minutes=0.075)
    assert lines[5] == "and 4 windows more, in tags.csv" and len(lines) == 7
    page = (tmp_path / "out" / "long.flac.html").read_text()
    spans = re.findall(r'data-start="(.+?)" data-end="(.+?)"', page)
    assert spans == [("0.0", "8.0"), ("0.0", "1.5"), ("1.5", "3.0"), ("3.0", "4.5")]
    assert "The first 4.5 s are drawn and played" in page
    images = images_of(page)
    assert Image.open(tmp_path / "out" / "long.flac.png").height == sum(image.height for image in images)
    (data,) = re.findall(r'data:audio/mpeg;base64,([^"]+)"', page)
    assert soundfile.info(io.BytesIO(base64.b64decode(data))).duration == pytest.approx(4.5, abs=0.2)
    assert (tmp_path / "out" / "tags.csv").read_text().count("\n") == 1 + 8 * 4


def test_a_folder_has_an_index_whose_links_lead_to_pages(folder, tmp_path):
    for name in ("a#1?.wav", "deep/er/b.wav", "deep/short.wav", "index.wav"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "in" / name, noise(0.3 if "short" in name else 1.5), RATE_HZ)
    (tmp_path / "in" / "bad.wav").write_bytes(b"RIFF")
    flags = processes.flags(model=folder, input=tmp_path / "in", output=tmp_path / "out", top=2)
    result = processes.run("experiments.tag", *flags)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"deep/er/b.wav, 1.5 s: [\w ]+ 0\.\d\d at 0.00 s, [\w ]+ 0\.\d\d at 0.00 s", lines[1])
    assert lines[-2].startswith("rejected: ") and "bad.wav" in lines[-2] and len(lines) == 6
    index = (tmp_path / "out" / "index.html").read_text()
    links = [urllib.parse.unquote(link) for link in re.findall(r'<a href="(.+?)"', index)]
    assert links == ["a#1?.wav.html", "deep/er/b.wav.html", "deep/short.wav.html", "index.wav.html"]
    assert "1 file could not be used" in index
    for link in links:
        page = (tmp_path / "out" / link).read_text()
        (up,) = re.findall(r'<a href="(.+?)">All clips', page)
        assert (tmp_path / "out" / link).parent.joinpath(up).resolve() == (tmp_path / "out" / "index.html").resolve()
        assert (tmp_path / "out" / link).with_suffix(".png").exists()


def test_records_bring_ids_that_are_no_paths(model, tmp_path):
    clips = tiny_records.make_clips(3, seconds=1.0)
    names = ["../up", "/", "up"]
    made = [clip.__class__(**{**vars(clip), "clip_id": name}) for clip, name in zip(clips, names)]
    tag(tiny_records.write(tmp_path / "clips.tfrecord", made), tmp_path / "out", model)
    assert {path.name for path in (tmp_path / "out").glob("*.html")} == {
        "up.html",
        "clip.html",
        "up-2.html",
        "index.html",
    }
    assert "labelled class1" in (tmp_path / "out" / "clip.html").read_text()


def test_nothing_is_left_of_files_that_cannot_be_used(model, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match="none of 1 clips could be used. The first: .*bad.wav"):
        tag(tmp_path / "bad.wav", tmp_path / "out", model)
    assert not list((tmp_path / "out").iterdir())


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), float)


def test_a_cell_is_as_dark_as_its_score_and_stands_where_its_window_does():
    starts = 0.96 * np.arange(10)
    scores = np.zeros((10, 2))
    scores[3, 0] = scores[7, 1] = 1.0
    rows = ScoreRows(["first", "second"], starts, scores, 0.975, 0.96)
    waveform = np.zeros(round(9.6 * RATE_HZ), np.float32)
    waveform[round(5.0 * RATE_HZ) :] = 0.5 * np.sin(2 * np.pi * 1000 / RATE_HZ * np.arange(round(4.6 * RATE_HZ)))
    image = pixels(clip_figure.draw(waveform, 0.0, LOG_MEL, rows))
    left, right = (share * image.shape[1] for share in clip_figure.TIME_AXIS)

    def columns(start, end):
        return slice(round(left + start / 9.6 * (right - left)) + 3, round(left + end / 9.6 * (right - left)) - 3)

    heights = np.flatnonzero(image[:, columns(2.88, 3.84)].mean(axis=1) < 80)[-20:]  # of the cell, below the rest
    assert image[heights][:, columns(2.88, 3.84)].mean() < 90 < 200 < image[heights][:, columns(6.72, 7.68)].mean()
    below = heights + 39  # a row is 0.32 inches of 120 dots
    assert image[below][:, columns(6.72, 7.68)].mean() < 90 < 200 < image[below][:, columns(2.88, 3.84)].mean()
    # The tone is seen from 5 s on, in the waveform above and as a line in the spectrogram.
    silent, loud = image[:100, columns(1, 4.8)], image[:100, columns(5.2, 9)]
    assert silent.mean() > 230 > 180 > loud.mean()


def test_an_overview_keeps_the_highest_score_of_many_windows():
    count = 5000
    scores = np.zeros((count, 1))
    scores[3141] = 1.0
    rows = ScoreRows(["rare"], 0.96 * np.arange(count), scores, 0.975, 0.96)
    image = pixels(clip_figure.overview(rows, count * 0.96))
    left, right = (share * image.shape[1] for share in clip_figure.TIME_AXIS)
    inside = image[16:48, round(left) : round(right)]
    darkest = inside.mean(axis=0).argmin() / inside.shape[1]
    assert inside.mean(axis=0).min() < 160 and darkest == pytest.approx(3141 / count, abs=0.004)


def test_octaves_are_marked_as_far_as_there_is_room():
    log_mel = clip_figure.frequency_ticks(LOG_MEL.band_hz)
    assert list(log_mel) == [4000, 2000, 1000, 500, 250]
    linear = clip_figure.frequency_ticks(registry.by_name("three_band").band_hz)  # 1023 bands of 21.5 Hz each
    assert list(linear) == [16000, 8000, 4000, 2000, 500]
    np.testing.assert_allclose(list(linear.values()), np.array(list(linear)) * 2048 / 44100, rtol=1e-3)
    assert clip_figure.frequency_ticks(()) == {}
