"""The front end and the network of ESResNet from audio files to embeddings and tags."""

import json

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from audioset_triplet.config.classifier import AugmentationConfig, ClassifierConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.embedding import EmbeddingConfig, EmbeddingModelConfig
from audioset_triplet.config.network import ClassifierNetworkConfig, ResNetConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.tagging import TagConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import clip_scoring
from audioset_triplet.export import embedding_job, loaded_model, saved_model
from audioset_triplet.frontend import registry
from audioset_triplet.reports import tag_pages
from audioset_triplet.runs import trained_networks
from audioset_triplet.store import stored_clips
from audioset_triplet.store.window_scores import ScoreInfo
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


@pytest.mark.slow
def test_from_stereo_files_to_a_classifier_embeddings_and_tags(source, tmp_path):
    flags = processes.flags(source=source, output=tmp_path / "records", sample_rate_hz=16000, channels=2, num_workers=1)
    result = processes.run("data_prep.prepare_folder", *flags)
    assert result.returncode == 0, result.stderr
    data, workdir, folder = str(tmp_path / "records" / "*.tfrecord"), str(tmp_path / "run"), str(tmp_path / "model")
    config = ClassifierConfig(
        data=DataConfig(data=data),
        augmentation=AugmentationConfig(mixup_alpha=0.2, shift_bands=20, time_masks=1, band_masks=1),
        network=ClassifierNetworkConfig(
            front_end=FRONT_END,
            architecture="esresnet_attention",
            width=0.1,
            resnet=ResNetConfig(blocks=(1, 1, 1, 1)),
            bottleneck=8,
        ),
        training=TrainingConfig(batch_size=8, steps=20, learning_rate=3e-3, log_every_steps=5),
    )
    classifier.train(config, classifier.training_clips(config), workdir)
    metrics = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["loss"] < metrics[0]["loss"]

    trained = trained_networks.restore_model(workdir)
    saved_model.export(trained.network, folder, registry.by_name(FRONT_END), {}, trained.class_names)
    loaded = tf.saved_model.load(folder)
    front_end = {name: int(value) for name, value in loaded.front_end().items()}
    assert front_end == {"sample_rate_hz": 16000, "num_channels": 2, "window_samples": 16000, "hop_samples": 16000}
    outputs = loaded(tf.zeros([40000, 2]))  # one clip, without a batch
    assert outputs["window_embeddings"].shape == (1, 2, 8) and outputs["scores"].shape == (1, CLASSES)

    model = EmbeddingModelConfig(model=folder)
    for audio in (data, str(source)):
        stored = str(tmp_path / ("of-records" if audio == data else "of-files"))
        embedding_job.embed(audio, stored, EmbeddingConfig(model=model, batch_size=8), RunnerConfig(num_workers=1))
        clips = stored_clips.read_clips(stored)
        assert clips.info.front_end_id == "threeband-16000-512-256-512-16000-2"
        assert len(clips.clip_ids) == CLASSES * CLIPS_PER_CLASS

    scores = clip_scoring.score(workdir, data, [])
    assert scores.scores.shape == (CLASSES * CLIPS_PER_CLASS, CLASSES)
    scoring = loaded_model.load(model, ScoreInfo.KIND)
    lines = list(tag_pages.write(str(source / "class1" / "1.wav"), str(tmp_path / "tags"), scoring, TagConfig()))
    assert (tmp_path / "tags" / "tags.csv").exists() and "class1" in "".join(lines)


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
            "no file .*=fc; there is for",
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
