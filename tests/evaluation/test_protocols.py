"""Scores under several protocols: against scikit-learn, by hand, and what is left out."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.evaluation import ScoresConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import comparisons, protocols
from audioset_triplet.reports import evaluation_report
from audioset_triplet.store import scores, window_scores
from audioset_triplet.store.ratings import NOT_ACOUSTIC, NOT_PRESENT, PRESENT, UNSURE
from tests.evaluation import scored_windows
from tests.evaluation.scored_windows import HOP

NAMES = ["dog", "cat", "rain"]
WHOLE = (np.nan, np.nan)


def grid(window):
    return round(HOP * window, 3), round(HOP * (window + 1), 3)


def clip(row, labels=(), fold=1):
    return ClipInfo(f"clip{row}", f"recording{row}", tuple(labels), tuple(NAMES[label] for label in labels), fold)


def compare(folder, compared=None, **config):
    return comparisons.compare(ScoresConfig(**config), comparisons.embedding_sets(str(folder), compared=compared or {}))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Random scores of 40 clips of 5 windows, with ratings and events, and what they are as arrays."""
    root = tmp_path_factory.mktemp("protocols")
    random = np.random.default_rng(0)
    present = random.random((40, 5, 3)) < [0.4, 0.2, 0.1]  # by clip, window and class
    present[:, 0, 0] |= ~present.any(axis=(1, 2))  # a clip without an event is not in a file of strong labels
    window = np.clip(0.25 * present + 0.75 * random.random((40, 5, 3)), 0, 1).round(2).astype(np.float32)
    weights = random.uniform(0.5, 2, (40, 5)).astype(np.float32)
    clips = [(clip(row, np.flatnonzero(present[row].any(axis=0)), 1 + row % 2), window[row]) for row in range(40)]
    folder = scored_windows.write(root / "scores", clips, NAMES, weights)
    rated = [
        (f"clip{row}", *grid(column), NAMES[label], PRESENT if present[row, column, label] else NOT_PRESENT)
        for row in range(40)
        for column in range(5)
        for label in range(3)
        if random.random() < 0.3
    ]
    events = [(f"clip{row}", *grid(column), NAMES[label]) for row, column, label in zip(*np.nonzero(present))]
    return {
        "root": root,
        "scores": folder,
        "ratings": scored_windows.write_ratings(root / "ratings.tsv", rated),
        "strong_labels": scored_windows.write_events(root / "strong.tsv", events),
        "rated": rated,
        "window": window,
        "present": present,
        "weights": weights,
    }


def files(world):
    return {name: world[name] for name in ("ratings", "strong_labels")}


def test_every_protocol_has_the_numbers_of_scikit_learn(world):
    numbers = compare(world["scores"], **files(world)).numbers()
    weights = world["weights"][:, :, None]
    clip_scores = (world["window"] * weights).sum(axis=1) / weights.sum(axis=1)
    clip_targets = world["present"].any(axis=1)
    window_scores_, window_targets = world["window"].reshape(-1, 3), world["present"].reshape(-1, 3)
    rated = {name: [row for row in world["rated"] if row[3] == name] for name in NAMES}
    expected = {
        "scores": [(clip_scores[:, label], clip_targets[:, label]) for label in range(3)],
        "strong": [(window_scores_[:, label], window_targets[:, label]) for label in range(3)],
        "ratings": [
            (
                [world["window"][int(row[0][4:]), round(row[1] / HOP), label] for row in rated[name]],
                [row[4] == PRESENT for row in rated[name]],
            )
            for label, name in enumerate(NAMES)
        ],
    }
    for protocol, columns in expected.items():
        precisions = [sklearn_metrics.average_precision_score(target, score) for score, target in columns]
        aucs = [sklearn_metrics.roc_auc_score(target, score) for score, target in columns]
        assert numbers[f"{protocol}/map"] == pytest.approx(np.mean(precisions), abs=1e-6), protocol
        assert numbers[f"{protocol}/auc"] == pytest.approx(np.mean(aucs), abs=1e-6)
        assert numbers[f"{protocol}/class/cat"] == pytest.approx(precisions[1], abs=1e-6)
        priors = [np.mean(target) for _, target in columns]
        assert numbers[f"{protocol}/prior"] == pytest.approx(np.mean(priors), abs=1e-9)
        weighted = np.average(precisions, weights=priors)
        assert numbers[f"{protocol}/prior_weighted_map"] == pytest.approx(weighted, abs=1e-6)
        recalls = [sklearn_metrics.recall_score(target, np.array(score) >= 0.5) for score, target in columns]
        assert numbers[f"{protocol}/mean_recall"] == pytest.approx(np.mean(recalls), abs=1e-6)
    assert numbers["ratings/num_pairs"] == len(world["rated"]) and numbers["strong/num_windows"] == 200
    assert numbers["scores/num_clips"] == 40 and numbers["strong/num_clips"] == 40
    assert numbers["model_id"] == "classifier" and len(numbers["clips_digest"]) == 16
    assert not any(isinstance(value, (dict, list)) for value in numbers.values())
    json.dumps(numbers, allow_nan=False)


def test_views_and_calibration_by_hand(tmp_path):
    # Dog: four positives, three detected; cat: one positive, not detected; rain: no positive, and left out.
    rows = [[0.9, 0.1, 0.2], [0.8, 0.2, 0.9], [0.5, 0.3, 0.1], [0.2, 0.4, 0.1], [0.6, 0.0, 0.1]]
    labels = [(0,), (0,), (0, 1), (0,), ()]
    clips = [(clip(row, labels[row]), [scores_]) for row, scores_ in enumerate(rows)]
    result = protocols.measure_clips(window_scores.clip_scores(scored_windows.write(tmp_path, clips, NAMES)))
    assert {label: one.recall for label, one in result.ranked.classes.items()} == {0: 0.75, 1: 0.0}
    assert result.ranked.mean_recall == 0.375 and result.ranked.prior_weighted_recall == pytest.approx(3 / 5)
    assert result.class_mean_score == {0: pytest.approx(0.6), 1: pytest.approx(0.2)}
    assert result.ranked.classes_left_out == [2] and result.ranked.accuracy is None
    dog = (1 + 1 + 3 / 4 + 4 / 5) / 4
    assert result.ranked.class_average_precision == {0: pytest.approx(dog), 1: pytest.approx(1 / 2)}
    assert result.ranked.prior_weighted_map == pytest.approx((4 * dog + 1 * 0.5) / 5)
    # Each score of dog is alone in its bin; of cat too.
    assert result.class_calibration_error[0] == pytest.approx((0.1 + 0.2 + 0.5 + 0.8 + 0.6) / 5)
    assert result.class_calibration_error[1] == pytest.approx((0.1 + 0.2 + 0.7 + 0.4 + 0.0) / 5)
    assert sum(one.share for one in result.bins) == pytest.approx(1)


def test_classes_that_a_classifier_has_not_learned_are_counted(tmp_path):
    rows = [[0.9, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.1]]  # cat is nowhere scored, and rain nowhere a label
    clips = [(clip(row, labels), [rows[row]]) for row, labels in enumerate([(0,), (1,), (0, 1)])]
    folder = scored_windows.write(tmp_path, clips, NAMES)
    comparison = compare(folder)
    assert comparison.results[0].result.clips.unknown == [1]
    assert comparison.numbers()["scores/classes_unknown"] == 1
    report = evaluation_report.build(comparison)
    for text in (report.headline, report.pages["report.html"]):
        assert "1 of 2 classes score 0 for every clip, since the classifier has not learned them" in text


def test_frame_level_average_precision_by_hand(tmp_path):
    # Windows of a (three) and b (two), ranked for dog: a0 .9, b1 .8, a1 .7, a2 .4, b0 .1.
    clips = [
        (clip(0), [[0.9, 0.5], [0.7, 0.1], [0.4, 0.2]]),
        (clip(1), [[0.1, 0.6], [0.8, 0.3]]),
        (clip(2), [[1.0, 1.0]]),  # without strong labels
    ]
    folder = scored_windows.write(tmp_path, clips, NAMES[:2])
    events = [
        ("clip0", 0.0, 1.5, "dog"),  # windows 0 and 1: 0.54 s
        ("clip0", 0.2, 0.3, "dog"),  # in window 0 again
        ("clip0", 2.0, 2.1, "cat"),  # window 2
        ("clip1", 0.9, 1.9, "cat"),  # window 1 alone: 0.06 s of window 0
        ("clip1", 1.9, 3.0, "dog"),  # behind the last window
        ("clip1", 0.0, 1.0, "bell"),
        ("clip7", 0.0, 1.0, "dog"),
    ]
    numbers = compare(folder, strong_labels=scored_windows.write_events(tmp_path / "strong.tsv", events)).numbers()
    assert not any(key.startswith("scores/") for key in numbers)  # no clip has a label
    assert numbers["strong/class/dog"] == pytest.approx((1 + 2 / 3) / 2)
    # cat: b0 .6, a0 .5, b1 .3 (positive), a2 .2 (positive), a1 .1
    assert numbers["strong/class/cat"] == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert numbers["strong/map"] == pytest.approx((5 / 6 + 5 / 12) / 2)
    assert numbers["strong/prior"] == pytest.approx(2 / 5)
    counts = {
        "num_windows": 5,
        "num_clips": 2,
        "num_events": 4,
        "events_of_lost_classes": 1,
        "events_of_unknown_clips": 1,
        "events_outside_windows": 1,
        "clips_without_strong_labels": 1,
        "classes_of_file": 3,
        "classes_lost": 1,
    }
    assert {name: numbers[f"strong/{name}"] for name in counts} == counts


def test_what_ratings_leave_out_is_counted(tmp_path):
    clips = [(clip(row, (row % 2,)), [[0.1 * row, 0.5, 0.5], [0.2, 0.9, 0.5]]) for row in range(4)]
    folder = scored_windows.write(tmp_path, clips, NAMES)
    rows = [
        ("clip0", *WHOLE, "dog", PRESENT),  # 0.1
        ("clip1", *grid(0), "dog", NOT_PRESENT),  # 0.1
        ("clip2", *grid(0), "dog", NOT_ACOUSTIC),  # 0.2
        ("clip3", 0.0, 1.92, "dog", PRESENT),  # 0.25
        ("clip3", *grid(1), "dog", UNSURE),
        ("clip3", *grid(2), "dog", PRESENT),  # behind the last window
        ("clip3", *grid(0), "cat", PRESENT),
        ("clip3", *grid(0), "cat", NOT_PRESENT),
        ("clip0", *grid(0), "cat", PRESENT),  # no negative: cat is left out
        ("clip9", *grid(0), "cat", PRESENT),
        ("clip1", *grid(0), "bell", PRESENT),
    ]
    path = scored_windows.write_ratings(tmp_path / "ratings.parquet", rows)
    numbers = compare(folder, ratings=path).numbers()
    assert numbers["ratings/map"] == numbers["ratings/class/dog"] == pytest.approx((1 + 2 / 4) / 2)
    counts = {
        "num_classes": 1,
        "classes_left_out": 1,
        "num_pairs": 5,
        "pairs_of_lost_classes": 1,
        "pairs_of_unknown_clips": 1,
        "pairs_outside_windows": 1,
        "contradictory_pairs": 1,
        "unsure_ratings": 1,
        "not_acoustic_ratings": 1,
        "classes_of_file": 3,
        "classes_lost": 1,
    }
    assert {name: numbers[f"ratings/{name}"] for name in counts} == counts
    unlabelled = [one for one in rows if one[0] == "clip9"]
    with pytest.raises(UserError, match="none of its 1 clips .such as clip9. has scores in"):
        compare(folder, ratings=scored_windows.write_ratings(path, unlabelled))
    with pytest.raises(UserError, match="none of its 1 rated pairs lies in the windows"):
        compare(folder, ratings=scored_windows.write_ratings(path, rows[5:6]))
    with pytest.raises(UserError, match="decides no pair"):
        compare(folder, ratings=scored_windows.write_ratings(path, rows[4:5]))
    with pytest.raises(UserError, match="positive and a negative rated pair"):
        compare(folder, ratings=scored_windows.write_ratings(path, rows[:1]))


def test_labels_are_ids_of_a_class_list_or_names(world, tmp_path):
    ids = {"dog": "/m/0bt9lr", "cat": "/m/01yrx", "rain": "/m/06mb1"}
    listed = [f'{index},{ids[name]},"{name}"' for index, name in enumerate(NAMES)] + ['3,/m/03m9d0z,"Wind"']
    class_labels = tmp_path / "class_labels_indices.csv"
    class_labels.write_text("\n".join(["index,mid,display_name", *listed]))
    rows = [(*row[:3], ids[row[3]], row[4]) for row in world["rated"]]
    rows += [("clip0", *grid(0), "/m/03m9d0z", PRESENT), ("clip0", *grid(1), "/m/unknown", PRESENT)]
    path = scored_windows.write_ratings(tmp_path / "ratings.tsv", rows)
    by_name = compare(world["scores"], ratings=world["ratings"]).numbers()
    by_id = compare(world["scores"], ratings=path, class_labels=str(class_labels))
    assert by_id.numbers()["ratings/map"] == by_name["ratings/map"]
    assert by_id.results[0].result.rated.labels.lost == ["/m/03m9d0z", "/m/unknown"]
    with pytest.raises(UserError, match="no label .* is the name of a class .* --class_labels=class_labels_ind"):
        compare(world["scores"], ratings=path)
    with pytest.raises(UserError, match="no label .*'cat'.* is an id of --class_labels"):
        compare(world["scores"], ratings=world["ratings"], class_labels=str(class_labels))
    class_labels.write_text(f"index,mid,display_name\n0,{ids['dog']},dog\n1,{ids['rain']},rain\n")
    with pytest.raises(UserError, match="class 1 is 'cat' in the scores, and 'rain' in --class_labels"):
        compare(world["scores"], ratings=path, class_labels=str(class_labels))


def test_several_classifiers_are_compared_on_the_same_clips(world, tmp_path):
    better = np.clip(0.5 * world["present"] + 0.5 * world["window"], 0, 1)
    clips = [
        (clip(row, np.flatnonzero(world["present"][row].any(axis=0)), 1 + row % 2), better[row]) for row in range(40)
    ]
    folder = scored_windows.write(tmp_path / "better", clips, NAMES, model_id="better-one")
    numbers = compare(world["scores"], {"better": folder}, **files(world)).numbers()
    for protocol in ("scores", "ratings", "strong"):
        assert numbers[f"{protocol}/better/map"] > numbers[f"{protocol}/map"]
    assert numbers["scores/better/model_id"] == "better-one"
    alone = compare(folder, **files(world)).numbers()
    assert alone["ratings/eer"] == numbers["ratings/better/eer"]
    fewer = scored_windows.write(tmp_path / "fewer", clips[1:], NAMES)
    with pytest.raises(UserError, match=r"hold different clips \(40 and 39\)"):
        compare(world["scores"], {"fewer": fewer})
    other = scored_windows.write(tmp_path / "other", [(clip(0, (2,)), better[0]), *clips[1:]], NAMES)
    with pytest.raises(UserError, match="give different labels to clip clip0"):
        compare(world["scores"], {"other": other})


def test_folds_select_clips(world):
    numbers = compare(world["scores"], folds=(2,), **files(world)).numbers()
    assert numbers["scores/num_clips"] == 20 and numbers["strong/num_windows"] == 100
    expected = sum(int(row[0][4:]) % 2 == 1 for row in world["rated"])
    assert numbers["ratings/num_pairs"] == expected
    assert numbers["ratings/pairs_of_unknown_clips"] == len(world["rated"]) - expected


def test_scores_of_clips_have_the_usual_protocol_alone(world, tmp_path):
    path = str(tmp_path / "scores.parquet")
    stored = window_scores.clip_scores(world["scores"])
    scores.write(path, stored)
    numbers, whole = compare(path).numbers(), compare(world["scores"]).numbers()
    assert {**numbers, "model_id": 0} == {**whole, "model_id": 0}
    for config, message in (
        ({"ratings": world["ratings"]}, "has the scores of clips"),
        ({"strong_labels": world["strong_labels"]}, "has the scores of clips"),
        ({"folds": (1,)}, "has no folds"),
    ):
        with pytest.raises(UserError, match=message):
            compare(path, **config)
    scores.write(path, dataclasses.replace(stored, targets=np.zeros_like(stored.targets)))
    with pytest.raises(UserError, match="no clip has a label: give --ratings"):
        compare(path)
