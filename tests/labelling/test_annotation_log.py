"""The general log: answers of several raters, undo, requests that come twice, damage, and logs of version 2."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_triplet.errors import UserError
from audioset_triplet.labelling import annotation_log, cluster_log, log_folder
from audioset_triplet.labelling.events import Answer, Candidate, Question
from audioset_triplet.store.ratings import NOT_PRESENT, PRESENT

QUESTIONS = [
    Question("a", 1.0, 2.5, (Candidate("dog", 0.9, "top", {"rank": 1}), Candidate("cat", None, "file"))),
    Question("a", None, None, (Candidate("", None, "random"),)),
    Question("b", None, None, (Candidate("dog", 0.5, "uncertain"),)),
]
DOG = {"dog": PRESENT, "cat": NOT_PRESENT}


@pytest.fixture
def log(tmp_path):
    with log_folder.open_or_create(str(tmp_path), None, {}) as log:
        log.add_questions(QUESTIONS)
        yield log


def read(tmp_path):
    return log_folder.read(str(tmp_path))


def test_answers_of_several_raters_are_read_as_they_were_written(tmp_path, log):
    answers = [
        Answer(0, "anna", DOG, added=("Wind",), comment="far", seconds=1.5, key="k"),
        Answer(0, "bo", {"dog": PRESENT}),
        Answer(1, "anna", is_unknown=True),
        Answer(2, "anna", skip_reason="clipped"),
    ]
    assert [log.add_answer(answer) for answer in answers] == [0, 1, 2, 3]
    again = read(tmp_path)
    assert again.questions == dict(enumerate(QUESTIONS)) and again.answers == dict(enumerate(answers))
    assert again.raters == ["anna", "bo"] and [*again.open_questions("bo")] == [1, 2]
    assert [*again.open_questions("anna")] == [] and [*again.open_questions("new")] == [0, 1, 2]
    assert again.num_answered("anna") == 3


def test_no_label_of_an_interval_is_asked_twice(tmp_path, log):
    more = [
        Question("a", 1.0002, 2.5, (Candidate("dog"), Candidate("bird"))),  # the same in milliseconds
        Question("a", 1.0, 2.5, (Candidate("bird"),)),
        Question("b", None, None, (Candidate("dog"),)),
    ]
    assert log.add_questions(more) == 1 and log.add_questions(more) == 0
    assert read(tmp_path).questions[3].labels == ("bird",) and len(read(tmp_path).questions) == 4


def test_a_request_counts_once_and_another_window_is_told(tmp_path, log):
    first = Answer(0, "anna", DOG, key="k")
    assert log.add_answer(first) == log.add_answer(first) == 0
    with pytest.raises(annotation_log.AlreadyAnswered):
        log.add_answer(Answer(0, "anna", {"dog": NOT_PRESENT}, key="other"))
    assert log.undo("anna", "u") == log.undo("anna", "u") == first
    assert log.add_answer(first) == 0  # late, and undone before: it changes nothing
    assert log.answers == {} and [*log.open_questions("anna")] == [0, 1, 2]
    assert log.undo("anna") is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["anna", "bo"]), st.booleans()), max_size=12))
def test_undo_is_the_inverse_of_answers_and_survives_reading(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("log")
    stacks = {"anna": [], "bo": []}
    with log_folder.open_or_create(str(folder), None, {}) as log:
        log.add_questions(QUESTIONS)
        for rater, is_undo in steps:
            number = next(log.open_questions(rater), None)
            if is_undo:
                undone = log.undo(rater)
                assert (undone and undone.question) == (stacks[rater].pop() if stacks[rater] else None)
            elif number is not None:
                log.add_answer(Answer(number, rater, is_unknown=True))
                stacks[rater].append(number)
    again = read(folder)
    for rater, stack in stacks.items():
        assert [number for number in again.questions if again.answer_of(number, rater)] == stack
        assert again.num_answered(rater) == len(stack)
    assert len(again.current_answers()) == sum(map(len, stacks.values()))


def test_a_later_answer_supersedes_and_undo_brings_the_earlier_one_back(tmp_path, log):
    log.add_answers([Answer(2, "anna", {"dog": PRESENT}), Answer(2, "anna", {"dog": NOT_PRESENT})])
    assert log.current_answers() == [Answer(2, "anna", {"dog": NOT_PRESENT})]
    assert log.undo("anna") == Answer(2, "anna", {"dog": NOT_PRESENT})
    assert read(tmp_path).current_answers() == [Answer(2, "anna", {"dog": PRESENT})]


@pytest.mark.parametrize(
    "answer, named",
    [
        (lambda: Answer(9, "anna", is_unknown=True), "no question 9"),
        (lambda: Answer(2, "anna", {"cat": PRESENT}), "question 2 is not about 'cat'"),
        (lambda: Answer(2, "anna", {"dog": "YES"}), "a rating is 'YES'"),
        (lambda: Answer(2, "anna"), "one of the three"),
        (lambda: Answer(2, "anna", {"dog": PRESENT}, skip_reason="noise"), "one of the three"),
        (lambda: Answer(2, " ", is_unknown=True), "no name"),
        (lambda: Answer(2, "anna", added=("",)), "no name"),
    ],
)
def test_what_is_no_answer_is_refused(tmp_path, log, answer, named):
    with pytest.raises(ValueError, match=named):
        log.add_answer(answer())
    assert read(tmp_path).answers == {}


@pytest.mark.parametrize(
    "line, named",
    [
        ("{", "line 3: damaged"),
        ("[]", "line 3: damaged"),
        ('{"event": "queried"}', "line 3: damaged .'question'"),
        ('{"event": "queried", "question": 7, "clip_id": "c", "candidates": []}', "line 3: .* about nothing"),
        ('{"event": "wondered"}', "line 3: damaged .unknown event 'wondered'"),
        ('{"event": "undone", "answer": 0, "key": ""}', "line 3: .*answer 0 is undone, which does not count"),
    ],
)
def test_damage_between_is_named_with_its_line(tmp_path, log, line, named):
    lines = (tmp_path / log_folder.NAME).read_text().split("\n")
    (tmp_path / log_folder.NAME).write_text("\n".join([*lines[:2], line, *lines[2:]]))
    with pytest.raises(UserError, match=named) as caught:
        read(tmp_path)
    assert log_folder.NAME in str(caught.value)
    with pytest.raises(UserError, match="changed by another program; nothing of this was written"):
        log.add_answer(Answer(2, "anna", is_unknown=True))


VERSION_2 = """\
{"annotation_log": 2, "clustering": {"digest": "d"}, "classes": {"0": "dog", "1": "cat"}}
{"event": "queried", "clip_id": "a", "cluster": 7, "cluster_size": 3, "round": 1, "draw": "random", "seed": 0, "time": "1"}
{"event": "queried", "clip_id": "b", "cluster": 2, "cluster_size": 2, "round": 1, "draw": "random", "seed": 0, "time": "2"}
{"event": "annotated", "clip_id": "b", "labels": ["cat"], "by": "file", "time": "3"}
"""  # noqa: E501


def test_a_log_of_version_2_is_read_and_the_first_writer_rewrites_it(tmp_path):
    path = tmp_path / log_folder.NAME
    path.write_text(VERSION_2 + '{"event": "annot')  # cut short by a killed writer
    before = path.read_text()
    old = cluster_log.read(str(tmp_path))
    assert path.read_text() == before and [*tmp_path.iterdir()] == [path]
    with cluster_log.open_to_query(str(tmp_path), {"digest": "d"}, {0: "dog", 1: "cat"}) as log:
        assert (log.questions, log.answers) == (old.questions, old.answers)
        assert log.add_answers([cluster_log.ClusterAnswer("a", ("dog",), "file")], "here") == 1
    assert (tmp_path / "annotations-version-2.jsonl").read_text() == VERSION_2
    log = cluster_log.read(str(tmp_path))
    assert log.cluster_labels() == {7: (0,), 2: (1,)}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["annotation_log"] == 3 and [line["time"] for line in lines[1:4]] == ["1", "2", "3"]


@pytest.mark.parametrize("line", ['{"event": "annotated", "clip_id": "x", "labels": [], "by": "file"}', "[]"])
def test_a_damaged_log_of_version_2_is_named_and_left_as_it_is(tmp_path, line):
    path = tmp_path / log_folder.NAME
    path.write_text(VERSION_2 + line + "\n")
    for opened in (log_folder.read, lambda folder: log_folder.open_to_write(folder).__enter__()):
        with pytest.raises(UserError, match="line 5: damaged"):
            opened(str(tmp_path))
    assert path.read_text() == VERSION_2 + line + "\n"
