"""Plans of scenes: the priors of their classes, and events in their time."""

import dataclasses
import itertools
from typing import List, Tuple

import numpy as np
import pytest
from scipy import stats

from audioset_triplet.config.scenes import SceneConfig
from audioset_triplet.errors import UserError
from audioset_triplet.synthetic import scenes
from audioset_triplet.synthetic.scenes import Source, World

NAMES = ("a", "b", "c", "d", "e", "f")
NUM_SCENES = 2000


def make_world(config: SceneConfig, active: Tuple[Tuple[float, float], ...] = ((0.0, 2.0), (3.0, 4.0))) -> World:
    """Two clips of each class, with two active stretches."""
    clips = tuple(
        tuple(Source(f"{name}{take}", f"{name}{take}", 1, label, active) for take in range(2))
        for label, name in enumerate(NAMES)
    )
    similar = tuple(tuple(np.roll(range(6), -label)[1:].tolist()) for label in range(6))
    return World(config, ["test"], scenes.draw_probabilities(scenes.priors(NAMES, config)), clips, (), similar)


@pytest.fixture(scope="module")
def planned() -> Tuple[World, List[scenes.Scene]]:
    world = make_world(SceneConfig(highest_prior=0.8, prior_ratio=100.0, max_overlap=2, hard_negatives=2))
    return world, [scenes.plan(number, world) for number in range(NUM_SCENES)]


def test_priors_fall_in_an_order_that_is_drawn_or_given() -> None:
    values = scenes.priors(NAMES, SceneConfig(prior_ratio=32.0, common_classes=("d", "b")))
    assert sorted(values, reverse=True) == pytest.approx([0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625])
    assert (values[3], values[1]) == pytest.approx((0.5, 0.25))
    power = scenes.priors(NAMES[:4], SceneConfig(prior_ratio=16.0, prior_law="power"))  # 4^2 = 16: rank to the power -2
    assert sorted(power, reverse=True) == pytest.approx([0.5, 0.5 / 4, 0.5 / 9, 0.5 / 16])
    others = [scenes.priors(NAMES, SceneConfig(prior_seed=seed)).tolist() for seed in (0, 0, 1)]
    assert others[0] == others[1] != others[2]
    assert scenes.priors(NAMES, SceneConfig(prior_ratio=1.0, highest_prior=0.3)) == pytest.approx(np.full(6, 0.3))
    with pytest.raises(UserError, match="--common_classes: z is none of the classes a, b, c, d, e, f"):
        scenes.priors(NAMES, SceneConfig(common_classes=("a", "z")))


@pytest.mark.parametrize("target", [[0.5, 0.4, 0.3, 0.05, 0.001, 0.0], [0.21] * 5])
def test_priors_hold_among_draws_with_a_label(target: List[float]) -> None:
    """Against the sum over all outcomes."""
    probabilities = scenes.draw_probabilities(np.array(target))
    marginals, total = np.zeros(len(target)), 0.0
    for outcome in itertools.product((0, 1), repeat=len(target)):
        if any(outcome):
            chance = np.prod(np.where(outcome, probabilities, 1 - probabilities))
            marginals += chance * np.array(outcome)
            total += chance
    np.testing.assert_allclose(marginals / total, target, rtol=1e-9)


def test_priors_that_sum_to_less_than_a_label_are_refused() -> None:
    with pytest.raises(UserError, match="priors of 5 classes sum to 0.8, .* raise --highest_prior above 0.200, or"):
        scenes.draw_probabilities(np.full(5, 0.16))


def test_measured_priors(planned: Tuple[World, List[scenes.Scene]]) -> None:
    world, plans = planned
    for label, prior in enumerate(scenes.priors(NAMES, world.config)):
        count = sum(label in scene.labels for scene in plans)
        assert stats.binomtest(count, NUM_SCENES, prior).pvalue > 1e-4


def test_each_label_is_one_event_in_its_time(planned: Tuple[World, List[scenes.Scene]]) -> None:
    _, plans = planned
    onsets, starts, snrs_db = [], [], []
    moments = np.arange(0.005, 10, 0.01)
    for scene in plans:
        assert scene.labels and [event.source.label for event in scene.events] == list(scene.labels)
        for event in scene.events:
            assert 0 <= event.onset and event.onset + event.seconds <= 10 + 1e-9
            assert 0 <= event.source_start and event.source_start + event.seconds <= 4 + 1e-9
            shorter = np.log(event.seconds / 4) / np.log(0.8)
            assert round(shorter) >= 0 and abs(shorter - round(shorter)) < 1e-6
            assert any(start <= event.source_start <= end for start, end in event.source.active)
            onsets.append(event.onset)
            starts.append(event.source_start)
            snrs_db.append(event.snr_db)
        assert np.max(sum((e.onset < moments) & (moments < e.onset + e.seconds) for e in scene.events)) <= 2
    assert len(set(onsets)) > 100 and max(starts) > 0
    assert 0 <= min(snrs_db) < 1 and 19 < max(snrs_db) <= 20
    assert stats.kstest([event.onset for scene in plans for event in scene.events[:1]], "uniform", (0, 6)).pvalue > 1e-4


def test_hard_negatives_are_absent_and_similar(planned: Tuple[World, List[scenes.Scene]]) -> None:
    world, plans = planned
    assert {len(scene.hard_negatives) for scene in plans} >= {2}
    for scene in plans:
        assert not {*scene.hard_negatives} & {*scene.labels}
        assert len({*scene.hard_negatives}) == len(scene.hard_negatives) <= 2
        # The first two absent ones that are similar to a label.
        near = [[other for other in world.similar[label] if other not in scene.labels][:2] for label in scene.labels]
        assert {*scene.hard_negatives} <= {*itertools.chain(*near)}


def test_a_scene_depends_on_its_world_and_number_alone() -> None:
    config = SceneConfig(prior_ratio=10.0)
    world = make_world(config)
    assert scenes.plan(7, world) == scenes.plan(7, make_world(config))
    assert world.video_id(7) == make_world(config).video_id(7) and len(world.video_id(7)) == 11
    for changes in ({"seed": 1}, {"snr_db": (0.0, 19.0)}):
        other = make_world(dataclasses.replace(config, **changes))
        assert scenes.plan(7, other) != scenes.plan(7, world)
        assert other.prefix != world.prefix
    assert dataclasses.replace(world, identity=["other"]).prefix != world.prefix


def test_events_that_do_not_fit_are_shortened_and_at_last_refused() -> None:
    crowded = SceneConfig(seconds=1.0, max_overlap=1, highest_prior=0.9, prior_ratio=1.0)
    plans = [scenes.plan(number, make_world(crowded)) for number in range(20)]
    assert all(event.onset + event.seconds <= 1 + 1e-9 for scene in plans for event in scene.events)
    assert max(len(scene.events) for scene in plans) == 6
    many = tuple(Source(f"{label}", f"{label}", 1, label, ((0.0, 4.0),)) for label in range(150))
    config = dataclasses.replace(crowded, max_event_seconds=4.0)
    world = World(config, [], np.full(150, 0.9), tuple((clip,) for clip in many), (), ((),) * 150)
    with pytest.raises(UserError, match="events do not fit into 1 s with --max_overlap=1"):
        scenes.plan(0, world)


def test_similarity_of_classes() -> None:
    """Means 0, 1, 5 and 2 in the first value; the second varies so much within classes that it hardly counts."""
    profiles = [[[0.0, 50.0], [0.2, -50.0]], [[1.0, -50.0], [1.2, 50.0]], [], [[5.0, 50.0], [5.2, -30.0]], [[2.0, 0.0]]]
    assert scenes.similar_classes(profiles) == ((1, 4, 3), (4, 0, 3), (), (4, 1, 0), (1, 0, 3))


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"snr_db": (10.0, 5.0)}, "--snr_db=10,5: the lower one comes first"),
        ({"snr_db": (-20.0, 5.0)}, "--snr_db must have values that are at least -10"),
        ({"highest_prior": 1.0}, "--highest_prior must be above 0 and below 1"),
        ({"frame_seconds": 11.0}, "--frame_seconds=11 is longer than a scene"),
        ({"common_classes": ("a",), "background_classes": ("a",)}, "a: in --common_classes and in --background_"),
        ({"common_classes": ("a", "a")}, "--common_classes names a class more than once"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict, named: str) -> None:
    with pytest.raises(UserError, match=named):
        SceneConfig(**changes)
