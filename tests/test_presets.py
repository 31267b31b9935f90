import pytest

from audioset_triplet import config
from audioset_triplet.presets import PRESETS


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_goes_through_json_unchanged(name):
    settings = PRESETS[name]()
    assert config.from_json(config.TripletConfig, config.to_json(settings)) == settings


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_says_where_its_values_come_from(name):
    assert PRESETS[name].__name__ == name
    assert len(PRESETS[name].__doc__ or "") > 100


def test_a_preset_leaves_the_data_to_the_user():
    assert {preset().data for preset in PRESETS.values()} == {config.DataConfig()}


def test_the_published_setting_has_the_published_values():
    settings = PRESETS["jansen2018"]()
    assert (settings.sampling.noise_sigma, settings.sampling.shift_bands, settings.sampling.mixing_alpha) == (
        0.5,
        10,
        0.25,
    )
    assert settings.sampling.method == "joint" and len(set(settings.sampling.shares)) == 1
    assert (settings.loss.margin, settings.loss.negatives) == (0.1, "semi_hard")
    assert (settings.model.width, settings.model.stem_stride, settings.model.embedding_size) == (1.0, 1, 128)
