import pytest
import tensorflow as tf

from audioset_triplet.config import options
from audioset_triplet.config.classifier import LabelConfig
from audioset_triplet.config.coincidence import WeakLabelConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.presets import (
    CLASSIFIER_PRESETS,
    COINCIDENCE_PRESETS,
    INSTANCE_PRESETS,
    PRESETS,
    TWO_STAGE_PRESETS,
)
from audioset_triplet.training import optimizers

KINDS = (PRESETS, CLASSIFIER_PRESETS, COINCIDENCE_PRESETS, INSTANCE_PRESETS, TWO_STAGE_PRESETS)
ALL = {name: preset for kind in KINDS for name, preset in kind.items()}


def test_a_name_means_one_preset():
    assert len(ALL) == sum(map(len, KINDS))


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_preset_goes_through_json_unchanged(name):
    settings = ALL[name]()
    assert options.from_json(type(settings), options.to_json(settings)) == settings


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_preset_says_where_its_values_come_from(name):
    assert ALL[name].__name__ == name
    assert len(ALL[name].__doc__ or "") > 100


def test_a_preset_leaves_the_data_to_the_user():
    stages = [stage for preset in TWO_STAGE_PRESETS.values() for stage in vars(preset()).values()]
    alone = [preset() for name, preset in ALL.items() if name not in TWO_STAGE_PRESETS]
    assert {settings.data for settings in alone + stages} == {DataConfig()}
    assert {preset().labels for preset in CLASSIFIER_PRESETS.values()} == {LabelConfig()}
    assert {preset().labels for preset in COINCIDENCE_PRESETS.values()} == {WeakLabelConfig()}


def test_the_published_setting_has_the_published_values():
    settings = PRESETS["jansen2018"]()
    assert (settings.sampling.noise_sigma, settings.sampling.shift_bands, settings.sampling.mixing_alpha) == (
        0.5,
        10,
        0.25,
    )
    assert settings.sampling.method == "joint" and len(set(settings.sampling.shares)) == 1
    assert (settings.loss.margin, settings.loss.negatives) == (0.1, "semi_hard")
    assert (settings.network.width, settings.network.resnet.stem_stride, settings.network.embedding_size) == (
        1.0,
        1,
        128,
    )


def test_the_published_classifier_has_the_published_rates():
    """ESResNet: 2.5e-4 from epoch 15 on, then a factor of 0.985 in each; an epoch is 1,600 clips in batches of 16."""
    training = CLASSIFIER_PRESETS["guzhov2020"]().training
    rate = optimizers.LearningRate(training)
    steps_per_epoch = 1600 // training.batch_size
    assert training.steps == 300 * steps_per_epoch
    for epoch in (15, 16, 100, 299):
        given = float(rate(tf.constant(epoch * steps_per_epoch, tf.int64)))
        assert given == pytest.approx(2.5e-4 * 0.985 ** (epoch - 15), rel=1e-4)


def test_the_published_curriculum_has_the_published_values():
    settings = COINCIDENCE_PRESETS["jansen2020"]()
    assert (settings.network.width, settings.network.resnet.stem_stride, settings.network.embedding_size) == (
        1.0,
        1,
        128,
    )
    assert settings.clustering.num_clusters == 1_000_000
    terms = settings.terms
    assert {terms.av_weight, terms.aa_weight, terms.cluster_weight, terms.class_weight} == {1.0}
