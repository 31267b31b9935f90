"""Which questions are written: by scores, by clusters and from files, never one that was asked before."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.asking import AskConfig
from audioset_triplet.config.detection import RatedHeadConfig
from audioset_triplet.detection import rated_head
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import asking, log_folder, screens, selection_by_score
from audioset_triplet.store import heads, questions
from audioset_triplet.store.questions import NEAR_SCORE, TOP, UNCERTAIN
from audioset_triplet.store.scores import ClipScores
from audioset_triplet.store.scores import write as write_scores
from audioset_triplet.store.window_scores import ScoredClip, ScoreInfo, write_part
from tests import clustered
from tests.detection import rated
from tests.reference import selection_by_score as reference
from tests.search import stores

DISTANCES = {TOP: lambda p: -p, UNCERTAIN: lambda p: abs(p - 0.5), NEAR_SCORE: lambda p: abs(p - 0.25)}
_quarters = st.integers(0, 4).map(lambda number: number / 4)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), _quarters, st.booleans()), max_size=12),
    st.sampled_from([*DISTANCES]),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_rows_are_taken_as_one_by_one(rows, source, count, max_per_clip):
    clip_ids, scores, asked = zip(*rows) if rows else ((), (), ())
    order = selection_by_score.ranked(np.array(scores), source, near=0.25)
    taken = selection_by_score.take(order, clip_ids, count, max_per_clip, asked.__getitem__)
    distances = [DISTANCES[source](score) for score in scores]
    assert taken == reference.taken(distances, clip_ids, count, max_per_clip, asked.__getitem__)


def test_random_rows_depend_on_names_and_seed_alone():
    names = [f"clip {row}" for row in range(20)]
    drawn = [names[row] for row in selection_by_score.drawn(names, 3)]
    assert drawn == [names[::-1][row] for row in selection_by_score.drawn(names[::-1], 3)]
    assert drawn != [names[row] for row in selection_by_score.drawn(names, 4)] and sorted(drawn) == sorted(names)


def test_a_budget_is_shared_by_the_classes_in_turn():
    assert selection_by_score.in_turn([[5, 6, 7], [8], []], 3) == [(0, 5), (1, 8), (0, 6)]
    assert selection_by_score.in_turn([[5, 6], [8]], 0) == [(0, 5), (1, 8), (0, 6)]


@pytest.fixture
def windows(tmp_path):
    """Three clips of three windows of a second; the scores of dog, cat."""
    info = ScoreInfo("model", "front end", "1", (0, 1), ("dog", "cat"), window_seconds=1.0, hop_seconds=1.0)
    starts = np.array([0.0, 1.0, 2.0], np.float32)
    scores = {
        "a": [[0.9, 0.1], [0.8, 0.2], [0.1, 0.6]],
        "b": [[0.7, 0.5], [0.3, 0.0], [0.2, 0.1]],
        "c": [[0.4, 0.3]] * 3,
    }
    clips = [ScoredClip(ClipInfo(name, name), starts, np.array(of, np.float32)) for name, of in scores.items()]
    (tmp_path / "scores").mkdir()
    write_part(str(tmp_path / "scores" / "scores-00000-of-00001.parquet"), info, clips)
    return AskConfig(scores=str(tmp_path / "scores"), workdir=str(tmp_path / "w"))


def rows(asked):
    return [
        (clip, None if np.isnan(start) else (start, end), label)
        for clip, start, end, label in zip(asked.clip_ids, asked.start_seconds, asked.end_seconds, asked.labels)
    ]


def test_windows_of_each_class_by_score(windows):
    of_dog = dataclasses.replace(windows, labels=("Dog",), per_class=2)
    asked = asking.ask(of_dog)
    assert rows(asked) == [("a", (0, 1), "dog"), ("b", (0, 1), "dog")]  # a window of each clip
    np.testing.assert_allclose(asked.scores, [0.9, 0.7], atol=1e-6)
    assert asked.sources.tolist() == ["top"] * 2 and asked.details[0] == {"model_id": "model"}
    both = rows(asking.ask(dataclasses.replace(windows, budget=3, max_per_clip=3)))
    assert both == [("a", (0, 1), "dog"), ("a", (2, 3), "cat"), ("a", (1, 2), "dog")]
    uncertain = dataclasses.replace(windows, source="uncertain", per_class=1)
    assert rows(asking.ask(uncertain)) == [("c", (0, 1), "dog"), ("b", (0, 1), "cat")]
    near = dataclasses.replace(windows, source="near_score", near=0.3, labels=("dog",), per_class=1)
    assert rows(asking.ask(near)) == [("b", (1, 2), "dog")]
    random = rows(asking.ask(dataclasses.replace(windows, source="random", budget=4)))
    assert [one[:2] for one in random[::2]] == [one[:2] for one in random[1::2]]  # both labels on one screen


def test_what_the_log_has_is_not_asked_again(windows):
    of_dog = dataclasses.replace(windows, labels=("dog",), per_class=1)
    seen = []
    for _ in range(3):
        asked = asking.ask(of_dog)
        seen += rows(asked)
        with log_folder.open_or_create(of_dog.workdir, None, {}) as log:
            assert log.add_questions(screens.of_questions(asked)) == 1
    assert seen == [("a", (0, 1), "dog"), ("b", (0, 1), "dog"), ("c", (0, 1), "dog")]
    with pytest.raises(UserError, match="no question is left"):
        asking.ask(of_dog)
    assert rows(asking.ask(dataclasses.replace(of_dog, max_per_clip=2))) == [("a", (1, 2), "dog")]


def test_whole_clips_of_a_file_of_scores(tmp_path):
    scores = np.array([[0.2, 0.9], [0.6, 0.1]], np.float32)
    of_clips = ClipScores(["a", "b"], scores, scores > 0.5, [3, 5], {3: "dog", 5: "cat"})
    write_scores(str(tmp_path / "scores.parquet"), of_clips)
    config = AskConfig(scores=str(tmp_path / "scores.parquet"), per_class=1)
    assert rows(asking.ask(config)) == [("b", None, "dog"), ("a", None, "cat")]
    with pytest.raises(UserError, match="no scores of 'dgo'; is it 'dog'"):
        asking.ask(dataclasses.replace(config, labels=("dgo",)))


def test_clips_of_the_largest_clusters(tmp_path):
    folder = clustered.write(tmp_path / "clusters", ["a", "b", "c", "d"], [7, 7, 2, 3], [0.4, 0.6, 1, 1])
    config = AskConfig(source="cluster", assignments=folder, member="probable", budget=2, workdir=str(tmp_path / "w"))
    asked = asking.ask(config)
    assert rows(asked) == [("b", None, ""), ("c", None, "")] and asked.details[0]["cluster_size"] == 2
    with log_folder.open_or_create(config.workdir, None, {}) as log:
        log.add_questions(screens.of_questions(asked))
    assert rows(asking.ask(config)) == [("d", None, "")]


def test_a_file_of_questions_loses_what_was_asked(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("segment_id,start_time_seconds,end_time_seconds,label\na,,,dog\na,1,2,dog\nb,,,\n")
    config = AskConfig(source="file", questions=str(path), workdir=str(tmp_path / "w"))
    with log_folder.open_or_create(config.workdir, None, {}) as log:
        log.add_questions(screens.of_questions(questions.read(str(path)))[:1])
    assert rows(asking.ask(config)) == [("a", (1, 2), "dog"), ("b", None, "")]
    assert len(asking.ask(dataclasses.replace(config, budget=1))) == 1
    with pytest.raises(UserError, match="--source=cluster needs --assignments"):
        asking.ask(AskConfig(source="cluster"))


def test_a_file_of_questions_keeps_its_sources(tmp_path):
    path = tmp_path / "candidates.csv"
    path.write_text(
        "segment_id,start_time_seconds,end_time_seconds,label,score,source\na,0,1,dog,0.5,mined\nb,0,1,dog,,\n"
    )
    asked = asking.ask(AskConfig(source="file", questions=str(path)))
    assert asked.sources.tolist() == ["mined", "file"]


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(source="top", near=0.4), "--near has no effect with --source=top: it is for near_score"),
        (dict(source="file", unit="clips"), "--unit has no effect with --source=file"),
        (dict(source="cluster", per_class=3), "--per_class has no effect with --source=cluster"),
        (dict(source="random", assignments="x"), "--assignments has no effect with --source=random"),
        (dict(source="uncertain", questions="x"), "--questions has no effect"),
        (dict(source="top", member="probable"), "--member has no effect"),
        (dict(scores="x", head="y", embeddings="z"), "give one"),
        (dict(head="y"), "give both"),
        (dict(head="y", embeddings="z", unit="clips"), "--unit=clips needs --scores"),
    ],
)
def test_flags_of_another_source_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        AskConfig(**options)


def test_a_head_scores_the_windows_of_a_store(tmp_path):
    planted = rated.archive(tmp_path / "store", num_clips=20)
    log = rated.write_log(tmp_path / "labels", rated.ratings_of(planted, list(planted)[:10]))
    head = rated_head.of_workdir(log, str(tmp_path / "store"), RatedHeadConfig()).head
    heads.write(str(tmp_path / "head.npz"), head)
    config = AskConfig(head=str(tmp_path), embeddings=str(tmp_path / "store"), labels=("dog",), per_class=3)
    asked = asking.ask(config)
    vectors = {
        (one["clip_id"], round(float(one["start"]), 3)): one["vector"] for one in stores.rows(tmp_path / "store")
    }
    scores = {where: head.scores(vector[None])[0, 1] for where, vector in vectors.items()}
    assert asked.scores[0] == pytest.approx(max(scores.values()), abs=1e-6) and len(set(asked.clip_ids)) == 3
    for clip_id, start, end, score in zip(asked.clip_ids, asked.start_seconds, asked.end_seconds, asked.scores):
        assert scores[clip_id, start] == pytest.approx(score, abs=1e-6) and end == pytest.approx(start + rated.HOP)
    assert asked.details[0] == {"head": head.id}
    stores.write(tmp_path / "other", {"a/1/x": np.eye(rated.SIZE)}, model="other")
    with pytest.raises(UserError, match="has the embeddings of other"):
        asking.ask(dataclasses.replace(config, embeddings=str(tmp_path / "other")))
