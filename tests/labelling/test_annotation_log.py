"""What was asked and answered is never lost, never asked twice and never contradicted."""

import dataclasses
import json
import multiprocessing
import os
import resource
import signal

import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.labelling import annotation_log
from audioset_triplet.labelling.annotation_log import Answer, Question

CLASSES = {4: "dog", 0: "Speech, male", 7: "Bär\u2028sleeping"}
FACTS = {"model_id": "m", "method": "entropy", "num_clusters": 9, "digest": "d"}
QUESTIONS = [Question(f"clip {row}", row, 10 - row, 1, "random", 0) for row in range(5)]
ANSWERS = [Answer("clip 0", ("dog",), "oracle"), Answer("clip 3", ("Bär\u2028sleeping", "dog"), "file")]


def make(folder, questions=QUESTIONS, answers=ANSWERS):
    with annotation_log.to_ask(str(folder), FACTS, CLASSES) as book:
        book.ask(questions)
        if answers:
            book.answer(answers, "here")
    return folder / annotation_log.NAME


def content(folder):
    book = annotation_log.read(str(folder))
    return list(book.questions.values()), list(book.answers.values())


def test_what_was_kept_is_read_again(tmp_path):
    make(tmp_path)
    sorted_answer = dataclasses.replace(ANSWERS[1], labels=("dog", "Bär\u2028sleeping"))  # by index
    assert content(tmp_path) == (QUESTIONS, [ANSWERS[0], sorted_answer])
    book = annotation_log.read(str(tmp_path))
    assert book.classes == CLASSES and [*book.classes] == [0, 4, 7] and book.clustering == FACTS
    assert book.cluster_labels() == {0: (4,), 3: (4, 7)}
    assert [one.clip_id for one in book.open_questions()] == ["clip 1", "clip 2", "clip 4"]


def test_who_does_not_know_has_answered(tmp_path):
    make(tmp_path, answers=[Answer("clip 1", (), "file")])
    book = annotation_log.read(str(tmp_path))
    assert book.cluster_labels() == {} and len(book.open_questions()) == 4
    with pytest.raises(UserError, match="“do not know”"):
        with annotation_log.to_write(str(tmp_path)) as book:
            book.answer([Answer("clip 1", ("dog",), "file")], "f")


@pytest.mark.parametrize(
    "answer, named",
    [
        (Answer("clip 0", ("Speech, male",), "file"), "clip 0 is answered with Speech, male, before it was dog"),
        (Answer("clip 8", ("dog",), "file"), "clip 8 was not asked about"),
        (Answer("clip 1", ("dgo",), "file"), "clip 1 is answered with 'dgo', which is none of the 3 classes"),
    ],
)
def test_what_contradicts_is_refused_and_nothing_of_it_kept(tmp_path, answer, named):
    path = make(tmp_path)
    before = path.read_bytes()
    with annotation_log.to_write(str(tmp_path)) as book:
        with pytest.raises(UserError, match=named):
            book.answer([Answer("clip 2", ("dog",), "file"), answer], "answers.csv")
        assert "clip 2" not in book.answers
        assert book.answer([ANSWERS[0]], "again") == 0
        with pytest.raises(UserError, match="answers.csv: clip clip 2 is answered with Speech, male"):
            book.answer([Answer("clip 2", (name,), "file") for name in ("dog", "Speech, male")], "answers.csv")
    assert path.read_bytes() == before


def test_a_clip_or_a_cluster_is_asked_about_once(tmp_path):
    path = make(tmp_path)
    before = path.read_bytes()
    with annotation_log.to_ask(str(tmp_path), FACTS, CLASSES) as book:
        for again in (QUESTIONS[2], dataclasses.replace(QUESTIONS[2], clip_id="other")):
            with pytest.raises(ValueError, match="asked before"):
                book.ask([again])
    assert path.read_bytes() == before


def test_other_clusters_or_classes_are_refused(tmp_path):
    make(tmp_path)
    for facts, classes, what in (({**FACTS, "digest": "e"}, CLASSES, "clusters"), (FACTS, {0: "x"}, "classes")):
        with pytest.raises(UserError, match=f"about other {what}"):
            with annotation_log.to_ask(str(tmp_path), facts, classes):
                pass


@pytest.mark.parametrize("names", [[], [""], ["a", "a"], ["?"], ["a;b"], [" a"]])
def test_names_that_cannot_be_answered_with_are_refused(tmp_path, names):
    with pytest.raises(UserError, match="--classes"):
        with annotation_log.to_ask(str(tmp_path / "w"), FACTS, dict(enumerate(names))):
            pass
    assert os.listdir(tmp_path / "w") == []


def test_a_ledger_that_was_cut_anywhere_has_its_whole_lines_and_goes_on_from_there(tmp_path):
    path = make(tmp_path)
    whole = path.read_bytes()
    header_end = whole.index(b"\n") + 1
    everything = [*QUESTIONS, *content(tmp_path)[1]]
    for length in range(header_end, len(whole) + 1):
        path.write_bytes(whole[:length])
        # Of a line that lacks its line break alone nothing is missing.
        kept = whole[:length].count(b"\n") - 1 + (whole[length : length + 1] == b"\n")
        questions, answers = content(tmp_path)
        assert [*questions, *answers] == everything[:kept]
        with annotation_log.to_write(str(tmp_path)) as book:
            book.ask([dataclasses.replace(QUESTIONS[0], clip_id="new", cluster=99)])
        assert "new" in annotation_log.read(str(tmp_path)).questions
        assert len(path.read_bytes().splitlines()) == 1 + kept + 1


@pytest.mark.parametrize(
    "line, named",
    [
        ("{", "line 3: damaged"),
        ("[]", "line 3: damaged"),
        ('{"event": "asked"}', "line 3: damaged .'clip_id'"),
        ('{"event": "wondered", "clip_id": "clip 1"}', "line 3: damaged .what is 'wondered'"),
        ('{"event": "answered", "clip_id": "x", "labels": ["dog"], "by": "file"}', "clip x is answered unasked"),
        ('{"event": "answered", "clip_id": "clip 0", "labels": ["cow"], "by": "file"}', "no class"),
    ],
)
def test_damage_between_is_named_with_its_line(tmp_path, line, named):
    path = make(tmp_path)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:2], line, *lines[2:]]))
    with pytest.raises(UserError, match=named) as caught:
        annotation_log.read(str(tmp_path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{}\n", '{"ledger": 2}\n', "\xff\n"])
def test_what_is_no_ledger_is_refused(tmp_path, text):
    (tmp_path / annotation_log.NAME).write_bytes(text.encode("latin1"))
    with pytest.raises(UserError, match=annotation_log.NAME):
        annotation_log.read(str(tmp_path))


def test_no_ledger(tmp_path):
    with pytest.raises(UserError, match="nothing was asked yet"):
        with annotation_log.to_write(str(tmp_path / "nowhere")):
            pass
    assert os.listdir(tmp_path) == []


def test_one_writer_at_a_time(tmp_path):
    make(tmp_path)
    with annotation_log.to_write(str(tmp_path)):
        with pytest.raises(UserError, match="another process asks or answers there"):
            with annotation_log.to_write(str(tmp_path)):
                pass


def test_a_full_disk_leaves_the_ledger_as_it_was(tmp_path):
    path = make(tmp_path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    more = [Question(f"more {row}", 100 + row, 1, 2, "random", 0) for row in range(100)]
    with annotation_log.to_write(str(tmp_path)) as book:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 300, limits[1]))
            with pytest.raises(UserError, match="cannot be written: .*nothing of this was kept"):
                book.ask(more)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        assert path.read_bytes() == before and "more 0" not in book.questions
        book.ask(more)
    assert len(annotation_log.read(str(tmp_path)).questions) == len(QUESTIONS) + 100


def _ask_for_ever(folder, told):
    with annotation_log.to_ask(str(folder), FACTS, CLASSES) as book:
        first = len(book.questions)
        for row in range(first, first + 100_000):
            book.ask([Question(f"clip {row}", row, 1, 1, "random", 0)])
            book.answer([Answer(f"clip {row}", ("dog",), "file")], "here")
            os.write(told, b".")  # only now does anybody know of it


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_that_it_was_told_was_kept(tmp_path):
    context = multiprocessing.get_context("fork")
    known = 0
    for _ in range(8):
        read_end, write_end = os.pipe()
        process = context.Process(target=_ask_for_ever, args=(tmp_path, write_end))
        process.start()
        os.close(write_end)
        known += len(os.read(read_end, 1)) + len(os.read(read_end, 20))
        process.kill()
        process.join()
        while data := os.read(read_end, 1 << 16):
            known += len(data)
        os.close(read_end)
        assert process.exitcode == -signal.SIGKILL
        book = annotation_log.read(str(tmp_path))
        assert known <= len(book.answers) <= len(book.questions) <= len(book.answers) + 1
        assert [*book.questions] == [f"clip {row}" for row in range(len(book.questions))]
        lost = len(book.answers) - known  # kept, and killed before anybody was told
        assert 0 <= lost <= 1
        known += lost
        if len(book.questions) > len(book.answers):
            with annotation_log.to_write(str(tmp_path)) as again:
                again.answer([Answer(one.clip_id, ("dog",), "file") for one in again.open_questions()], "here")
            known += 1
    assert known > 8


def test_lines_are_json_with_their_time(tmp_path):
    lines = [json.loads(line) for line in make(tmp_path).read_text().split("\n")[:-1]]
    assert [line.get("event") for line in lines] == [None] + ["asked"] * 5 + ["answered"] * 2
    assert all(line["time"].endswith("+00:00") for line in lines[1:])
