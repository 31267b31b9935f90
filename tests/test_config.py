import dataclasses
import importlib
import json
import math
import pkgutil
import typing
from typing import Any, Iterator, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioset_triplet.config
from audioset_triplet.config import options
from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.data import DataConfig
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.config.network import EmbeddingNetworkConfig, ResNetConfig
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import METHODS, LossConfig, SamplingConfig, TripletConfig
from audioset_triplet.errors import UserError

positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
configs = st.builds(
    TripletConfig,
    data=st.builds(DataConfig, data=st.text(), folds=st.lists(st.integers()).map(tuple)),
    sampling=st.builds(SamplingConfig, method=st.sampled_from(METHODS), noise_sigma=positive),
    network=st.builds(
        EmbeddingNetworkConfig,
        width=positive,
        resnet=st.builds(ResNetConfig, stem_stride=st.sampled_from([1, 2]), blocks=st.just((1, 2, 3, 4))),
    ),
    loss=st.builds(LossConfig, negatives=st.sampled_from(["semi_hard", "sampled"])),
    training=st.builds(TrainingConfig, learning_rate=positive, deterministic=st.booleans()),
)


def _fields(config_class: type) -> Iterator[dataclasses.Field]:
    for field in dataclasses.fields(config_class):
        if dataclasses.is_dataclass(field.default_factory):
            yield from _fields(field.default_factory)
        else:
            yield field


@given(configs)
def test_json_gives_back_the_config(settings):
    assert options.from_json(TripletConfig, options.to_json(settings)) == settings


def test_json_is_nested_as_the_config_is():
    values = json.loads(options.to_json(TripletConfig(data=DataConfig(folds=(1, 2)))))
    assert values["data"]["folds"] == [1, 2]
    assert values["training"]["batch_size"] == TrainingConfig().batch_size


def test_a_missing_key_takes_its_default():
    read = options.from_json(TripletConfig, '{"loss": {"margin": 0.2}}')
    assert read == TripletConfig(loss=LossConfig(margin=0.2))


@pytest.mark.parametrize("text", ['{"lots": {}}', '{"loss": {"lots": 1}}'])
def test_an_unknown_key_is_named(text):
    with pytest.raises(UserError, match="no field lots"):
        options.from_json(TripletConfig, text)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: SamplingConfig(method="noise", combination="composed"),
            "--combination=composed needs --method=joint or labels, not noise",
        ),
        (
            lambda: SamplingConfig(combination="composed", shares=(1.0, 1.0, 1.0, 2.0)),
            "--shares .* --combination=single",
        ),
        (lambda: LossConfig(loss="nt_xent", negatives="sampled"), "--negatives=sampled needs --loss=triplet"),
    ],
)
def test_options_that_do_not_go_together_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize("text", ["", '{"loss": {"margin": 0.2'])
def test_broken_json_is_the_users_to_mend(text):
    with pytest.raises(UserError, match="TripletConfig cannot be read"):
        options.from_json(TripletConfig, text)


@pytest.mark.parametrize(
    "config_class, name, value",
    [
        (DataConfig, "shuffle_clips", 0),
        (SamplingConfig, "method", "lables"),
        (SamplingConfig, "shares", (1.0, 1.0, 1.0)),
        (SamplingConfig, "shares", (0.0, 0.0, 0.0, 0.0)),
        (SamplingConfig, "shares", (1.0, -1.0, 1.0, 1.0)),
        (SamplingConfig, "shares", (1.0, math.inf, 1.0, 1.0)),
        (SamplingConfig, "combination", "both"),
        (SamplingConfig, "noise_sigma", -0.1),
        (SamplingConfig, "shift_bands", -1),
        (SamplingConfig, "mixing_alpha", math.nan),
        (SamplingConfig, "proximity_seconds", 0.0),
        (EmbeddingNetworkConfig, "width", 0.0),
        (ResNetConfig, "stem_stride", 3),
        (ResNetConfig, "blocks", (3, 4, 6)),
        (ResNetConfig, "blocks", (3, 4, 6, 0)),
        (EmbeddingNetworkConfig, "embedding_size", 0),
        (LossConfig, "margin", 0.0),
        (LossConfig, "negatives", "hard"),
        (LossConfig, "loss", "npairs"),
        (LossConfig, "temperature", 0.0),
        (HeadConfig, "hidden_layers", -1),
        (HeadConfig, "hidden_units", 0),
        (HeadConfig, "head_epochs", 0),
        (HeadConfig, "head_min_steps", 0),
        (HeadConfig, "head_batch_size", 0),
        (HeadConfig, "head_learning_rate", 0.0),
        (HeadConfig, "head_dropout", 1.0),
        (TrainingConfig, "batch_size", 1),
        (TrainingConfig, "seed", -1),
        (TrainingConfig, "seed", 1 << 32),
        (TrainingConfig, "steps", 0),
        (TrainingConfig, "learning_rate", math.inf),
        (TrainingConfig, "schedule", "linear"),
        (TrainingConfig, "strategy", "none"),
        (TrainingConfig, "checkpoint_every_steps", 0),
        (TrainingConfig, "log_every_steps", 0),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_flag(config_class, name, value):
    with pytest.raises(UserError, match=f"--{name} "):
        config_class(**{name: value})


def _violations() -> Iterator[Tuple[type, str, Any]]:
    """For every bound and choice of every config a value just outside of it."""
    for module in pkgutil.iter_modules(audioset_triplet.config.__path__, "audioset_triplet.config."):
        for config_class in vars(importlib.import_module(module.name)).values():
            if not (isinstance(config_class, type) and issubclass(config_class, options.Config)):
                continue
            for field in dataclasses.fields(config_class):
                limits = field.metadata.get("limits", options.Limits())
                values = [bound for bound in (limits.above, limits.below) if bound is not None]
                values += [] if limits.at_least is None else [limits.at_least - 1]
                values += [] if limits.at_most is None else [limits.at_most + 1]
                values += ["no such choice"] if limits.choices else []
                for value in values:
                    hint = typing.get_type_hints(config_class)[field.name]
                    is_tuple = typing.get_origin(hint) is tuple
                    value = (typing.get_args(hint)[0] if is_tuple else hint)(value)
                    yield config_class, field.name, (value,) * (limits.length or 1) if is_tuple else value


@pytest.mark.parametrize("config_class, name, value", sorted(set(_violations()), key=str))
def test_every_bound_and_choice_is_checked(config_class, name, value):
    with pytest.raises(UserError, match=f"^--{name} must (be|have values that are) "):
        config_class(**{name: value})


@pytest.mark.parametrize("value", ["1", 1.5, True, (1,), None])
def test_a_value_of_another_type_is_refused(value):
    with pytest.raises(UserError, match="^--steps must be of type int, not"):
        TrainingConfig(steps=value)


def test_a_bound_reads_as_a_sentence():
    with pytest.raises(UserError) as raised:
        HeadConfig(head_dropout=1.0)
    assert str(raised.value) == "--head_dropout must be at least 0 and below 1, not 1.0."
    with pytest.raises(UserError) as raised:
        LossConfig(loss="npairs")
    assert str(raised.value) == "--loss must be one of triplet, nt_xent, instances, not 'npairs'."
    with pytest.raises(UserError) as raised:
        ResNetConfig(blocks=(3, 4, 6))
    assert str(raised.value) == "--blocks needs 4 values, not 3,4,6."


def test_differences_names_the_fields_of_nested_configs():
    changed = TripletConfig(loss=LossConfig(margin=0.2), training=TrainingConfig(steps=7))
    assert options.differences(TripletConfig(), TripletConfig()) == []
    assert options.differences(TripletConfig(), changed) == ["margin: 0.1, now 0.2", "steps: 100000, now 7"]


@pytest.mark.parametrize("config_class, at_least", [(TripletConfig, 27), (ClassifierConfig, 18)])
def test_a_name_means_one_flag(config_class, at_least):
    names = [field.name for one in (config_class, HeadConfig) for field in _fields(one)]
    assert len(names) > at_least and len(names) == len(set(names))


@pytest.mark.parametrize("config_class", [TripletConfig, ClassifierConfig, HeadConfig])
def test_every_field_says_what_it_means(config_class):
    assert [field.name for field in _fields(config_class) if len(field.metadata["help"]) < 15] == []


def test_the_settings_of_one_objective_are_not_read_as_those_of_another():
    with pytest.raises(UserError, match="TripletConfig has no field augmentation, balance, labels"):
        options.from_json(TripletConfig, options.to_json(ClassifierConfig()))
    with pytest.raises(UserError, match="ClassifierConfig has no field sampling"):
        options.from_json(ClassifierConfig, options.to_json(TripletConfig()))
