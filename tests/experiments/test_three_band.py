"""The front end and the network of ESResNet from audio files to embeddings and tags, by the programs."""

import json

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from audioset_triplet.config.classifier import AugmentationConfig, ClassifierConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.network import ClassifierNetworkConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.store import stored_clips
from audioset_triplet.training import classifier
from tests import processes, tiny_records

FRONT_END = "three_band_small-1s-stereo"
CLASSES, CLIPS_PER_CLASS, RATE_HZ = 3, 6, 22050


def sound(label, index, seconds):
    """Stereo at 22.05 kHz: a tone whose pitch and side tell the class, in noise."""
    random = np.random.default_rng(index)
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    waveform = random.normal(0, 0.01, [len(times), 2])
    waveform[:, label % 2] += 0.3 * np.sin(2 * np.pi * 500 * (1 + 4 * label) * times)
    return waveform


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder for each class; clips of two seconds, the first of a tenth of one."""
    root = tmp_path_factory.mktemp("source")
    for label in range(CLASSES):
        for index in range(CLIPS_PER_CLASS):
            path = root / f"class{label}" / f"{index}.wav"
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, sound(label, index, 2.0 if index else 0.1), RATE_HZ)
    return root


def run(module, *switches, **options):
    result = processes.run(module, *switches, *processes.flags(**options))
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_from_stereo_files_to_a_classifier_embeddings_and_tags(source, tmp_path):
    records, workdir, model = tmp_path / "records", tmp_path / "run", tmp_path / "model"
    run("data_prep.prepare_folder", source=source, output=records, sample_rate_hz=16000, channels=2, num_workers=1)
    settings = dict(front_end=FRONT_END, architecture="esresnet_attention", width=0.1, blocks="1,1,1,1", bottleneck=8)
    augmentation = dict(mixup_alpha=0.2, shift_bands=20, time_masks=1, band_masks=1)
    training = dict(batch_size=8, steps=40, learning_rate=3e-3, log_every_steps=20)
    data = records / "*.tfrecord"
    run("experiments.train_classifier", data=data, workdir=workdir, **settings, **augmentation, **training)
    run("experiments.export_model", workdir=workdir, output=model)

    loaded = tf.saved_model.load(str(model))
    front_end = {name: int(value) for name, value in loaded.front_end().items()}
    assert front_end == {"sample_rate_hz": 16000, "num_channels": 2, "window_samples": 16000, "hop_samples": 16000}
    result = loaded(tf.zeros([40000, 2]))  # one clip of stereo, without a batch
    assert result["window_embeddings"].shape == (1, 2, 8) and result["scores"].shape == (1, CLASSES)

    run("experiments.embed", model=model, input=data, output=tmp_path / "of-records", num_workers=1, batch_size=8)
    run("experiments.embed", model=model, input=source, output=tmp_path / "of-files", num_workers=1, batch_size=8)
    of_records = stored_clips.read_clips(str(tmp_path / "of-records"))
    assert of_records.info.front_end_id == "threeband-16000-512-256-512-16000-2"
    assert len(of_records.clip_ids) == CLASSES * CLIPS_PER_CLASS
    metrics = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["loss"] < metrics[0]["loss"]
    run("experiments.tag", model=model, input=source / "class1" / "1.wav", output=tmp_path / "tags")
    assert (tmp_path / "tags" / "tags.csv").exists()


@pytest.mark.parametrize(
    "network, augmentation, message",
    [
        (dict(front_end=FRONT_END), {}, "16 kHz mono, and front end .* takes 16 kHz stereo: .*_hz=16000 --channels=2"),
        (dict(front_end="three_band"), {}, "front end threeband-44100.* takes 44.1 kHz mono"),
        (dict(front_end="three_band-0s"), {}, "--front_end=three_band-0s is not known"),
        (dict(front_end="three_band_small"), dict(shift_bands=255), "--shift_bands must be below the 255 bands"),
        (dict(front_end="three_band_small", imagenet_weights="x.h5"), {}, "--imagenet_weights=x.h5: no such file"),
        (
            dict(front_end="three_band_small", architecture="fc", imagenet_weights="x.h5"),
            {},
            "no file .* fc; there is for",
        ),
    ],
)
def test_records_and_settings_that_do_not_fit_are_refused_in_one_line(tmp_path, network, augmentation, message):
    data = tiny_records.write(tmp_path / "a.tfrecord", tiny_records.make_clips(8))
    config = ClassifierConfig(
        data=DataConfig(data=data),
        augmentation=AugmentationConfig(**augmentation),
        network=ClassifierNetworkConfig(**{"architecture": "esresnet", "width": 0.02, **network}),
        training=TrainingConfig(batch_size=4, steps=1),
    )
    with pytest.raises(UserError, match=message) as error:
        classifier.train(config, classifier.training_clips(config), str(tmp_path / "run"))
    assert "\n" not in str(error.value)
