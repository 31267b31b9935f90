"""The map of the clips."""

import numpy as np
import pytest

from audioset_triplet.evaluation import projection
from audioset_triplet.reports import class_map
from tests.evaluation.test_retrieval import make_clips


def test_separated_classes_are_separated_on_the_map():
    labels = [(index % 4,) for index in range(80)]
    random = np.random.default_rng(0)
    clips = make_clips(labels, np.eye(4)[[one[0] for one in labels]] + 0.1 * random.normal(size=(80, 4)))
    points = projection.project(clips.vectors, seed=0)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.diag(np.full(80, np.inf))
    nearest = distances.argmin(axis=1)
    assert np.mean([labels[row] == labels[other] for row, other in enumerate(nearest)]) > 0.95
    np.testing.assert_array_equal(points, projection.project(clips.vectors, seed=0))


@pytest.mark.parametrize("count, size", [(1, 4), (2, 4), (3, 4), (5, 1), (40, 3)])
def test_tiny_and_collapsed_embeddings_have_a_map_too(count, size):
    for vectors in (np.ones((count, size)), np.random.default_rng(0).normal(size=(count, size))):
        points = projection.project((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), 0)
        assert points.shape == (count, 2) and np.isfinite(points).all()


def test_every_clip_lies_on_the_page_once_and_no_two_names_overlap():
    labels = [(index % 30,) for index in range(118)] + [(), (0, 29)]
    clips = make_clips(labels)
    titles = {label: f"a rather long name {label}" for label in range(30)}
    classes = class_map.lay_out(clips, projection.project_clips(clips, seed=0), titles)
    assert sorted(row for one in classes for row in one.rows) == list(range(120))
    assert [one.label for one in classes] == [-1, *range(30)]
    assert 119 in classes[30].rows  # class 29 has three clips, class 0 has five: the rarer one gives the colour
    points = np.concatenate([one.points for one in classes])
    assert (points >= 0).all() and (points <= [class_map.WIDTH, class_map.HEIGHT]).all()
    named = [one for one in classes if one.name_fits]
    assert 10 < len(named) <= 30 and classes[0] not in named
    boxes = [(one.name_at, len(titles[one.label]) * 6.9) for one in named]
    for index, (one, width) in enumerate(boxes):
        for other, other_width in boxes[:index]:
            assert abs(one[0] - other[0]) > (width + other_width) / 2 - 1e-6 or abs(one[1] - other[1]) > 15 - 1e-6


def test_a_large_set_is_thinned_out(monkeypatch):
    monkeypatch.setattr(projection, "MAX_CLIPS", 50)
    clips = make_clips([(index % 5,) for index in range(200)])
    rows = [
        row
        for one in class_map.lay_out(clips, projection.project_clips(clips, seed=3), clips.class_names)
        for row in one.rows
    ]
    assert len(rows) == len(set(rows)) == 50


def _luminance(colour):
    channels = np.array([int(colour[index : index + 2], 16) for index in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_classes_have_different_colours_that_are_readable_on_both_pages():
    light, dark = zip(*(class_map.class_colours(index) for index in range(50)))
    assert len(set(light)) == len(set(dark)) == 50
    # Contrast by WCAG 2: 3 to 1 is enough for large text and graphics. The dark card is #1c1f25.
    assert all(1.05 / (_luminance(colour) + 0.05) >= 3 for colour in light)
    assert all((_luminance(colour) + 0.05) / (_luminance("#1c1f25") + 0.05) >= 3 for colour in dark)
