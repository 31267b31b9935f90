"""Questions about clusters and their answers are never lost, never written twice and never contradicted."""

import dataclasses
import json
import multiprocessing
import os
import resource
import signal

import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.labelling import cluster_log, log_folder
from audioset_triplet.labelling.cluster_log import ClusterAnswer as Answer
from audioset_triplet.labelling.cluster_log import ClusterQuestion as Question
from tests import processes

CLASSES = {4: "dog", 0: "Speech, male", 7: "Bär\u2028sleeping"}
FACTS = {"model_id": "m", "method": "entropy", "num_clusters": 9, "digest": "d"}
QUESTIONS = [Question(f"clip {row}", row, 10 - row, 1, "random", 0) for row in range(5)]
ANSWERS = [Answer("clip 0", ("dog",), "oracle"), Answer("clip 3", ("Bär\u2028sleeping", "dog"), "file")]


def make(folder, questions=QUESTIONS, answers=ANSWERS):
    with cluster_log.open_to_query(str(folder), FACTS, CLASSES) as log:
        log.add_questions(questions)
        if answers:
            log.add_answers(answers, "here")
    return folder / log_folder.NAME


def content(folder):
    log = cluster_log.read(str(folder))
    return list(log.questions.values()), list(log.answers.values())


def test_a_log_is_read_as_it_was_written(tmp_path):
    make(tmp_path)
    sorted_answer = dataclasses.replace(ANSWERS[1], labels=("dog", "Bär\u2028sleeping"))  # by index
    assert content(tmp_path) == (QUESTIONS, [ANSWERS[0], sorted_answer])
    log = cluster_log.read(str(tmp_path))
    assert log.classes == CLASSES and [*log.classes] == [0, 4, 7] and log.clustering == FACTS
    assert log.cluster_labels() == {0: (4,), 3: (4, 7)}
    assert [question.clip_id for question in log.open_questions()] == ["clip 1", "clip 2", "clip 4"]


def test_names_are_understood_in_another_case_and_form(tmp_path):
    question = dataclasses.replace(QUESTIONS[0], clip_id="cl\u00e9")
    make(tmp_path, [question], [])
    with cluster_log.open_to_annotate(str(tmp_path)) as log:
        answer = Answer("cle\u0301", ("Dog", "SPEECH,  male", "Ba\u0308r\u2028sleeping"), "file")
        assert log.add_answers([answer], "f") == 1
    assert content(tmp_path)[1] == [Answer("cl\u00e9", tuple(CLASSES[index] for index in sorted(CLASSES)), "file")]


def test_do_not_know_is_an_answer(tmp_path):
    make(tmp_path, answers=[Answer("clip 1", (), "file")])
    log = cluster_log.read(str(tmp_path))
    assert log.cluster_labels() == {} and len(log.open_questions()) == 4
    with pytest.raises(UserError, match="“do not know”"):
        with cluster_log.open_to_annotate(str(tmp_path)) as log:
            log.add_answers([Answer("clip 1", ("dog",), "file")], "f")


@pytest.mark.parametrize(
    "answer, named",
    [
        (Answer("clip 0", ("Speech, male",), "file"), "clip 0 is annotated with Speech, male, before with dog"),
        (Answer("clip 8", ("dog",), "file"), "clip 8 was not queried .*; is it clip "),
        (
            Answer("clip 1", ("dgo",), "file"),
            "clip 1 is annotated with 'dgo', which is none of the 3 .*; is it 'dog'",
        ),
        (Answer("clip 1", ("dog, Speech, male",), "file"), "'dog, Speech, male', which is none of"),
        (Answer("clip 1", ("Katze",), "file"), "none of the 3 classes .*; they begin with "),
        (Answer("clip 1", ("dog | Speech, male",), "file"), "'dog . Speech, male', which is none of"),
        (Answer("clip 1", ("dog\nBär\u2028sleeping",), "file"), "several classes have ';' between them"),
        (Answer("clip 1", ("dog,dog",), "file"), "several classes have ';' between them"),
    ],
)
def test_a_contradiction_is_refused_and_nothing_is_written(tmp_path, answer, named):
    path = make(tmp_path)
    before = path.read_bytes()
    with cluster_log.open_to_annotate(str(tmp_path)) as log:
        with pytest.raises(UserError, match=named):
            log.add_answers([Answer("clip 2", ("dog",), "file"), answer], "answers.csv")
        assert "clip 2" not in log.answers
        assert log.add_answers([ANSWERS[0]], "again") == 0
        with pytest.raises(UserError, match="answers.csv: clip clip 2 is annotated with Speech, male"):
            log.add_answers([Answer("clip 2", (name,), "file") for name in ("dog", "Speech, male")], "answers.csv")
    assert path.read_bytes() == before


def test_a_clip_or_a_cluster_is_queried_once(tmp_path):
    path = make(tmp_path)
    before = path.read_bytes()
    with cluster_log.open_to_query(str(tmp_path), FACTS, CLASSES) as log:
        for again in (QUESTIONS[2], dataclasses.replace(QUESTIONS[2], clip_id="other")):
            with pytest.raises(ValueError, match="queried before"):
                log.add_questions([again])
    assert path.read_bytes() == before


def test_other_clusters_or_classes_are_refused(tmp_path):
    make(tmp_path)
    for facts, classes, subject in (({**FACTS, "digest": "e"}, CLASSES, "clusters"), (FACTS, {0: "x"}, "classes")):
        with pytest.raises(UserError, match=f"about other {subject}"):
            with cluster_log.open_to_query(str(tmp_path), facts, classes):
                pass


@pytest.mark.parametrize("names", [[], [""], ["a", "a"], ["?"], ["a;b"], [" a"]])
def test_class_names_that_a_file_cannot_hold_are_refused(tmp_path, names):
    with pytest.raises(UserError, match="--classes"):
        with cluster_log.open_to_query(str(tmp_path / "w"), FACTS, dict(enumerate(names))):
            pass
    assert not (tmp_path / "w").exists()


def test_a_log_that_was_cut_anywhere_has_its_complete_lines_and_can_be_extended(tmp_path):
    path = make(tmp_path)
    whole = path.read_bytes()
    header_end = whole.index(b"\n") + 1
    everything = [*QUESTIONS, *content(tmp_path)[1]]
    for length in range(header_end, len(whole) + 1):
        path.write_bytes(whole[:length])
        # Of a line that lacks its line break alone nothing is missing.
        num_events = whole[:length].count(b"\n") - 1 + (whole[length : length + 1] == b"\n")
        questions, answers = content(tmp_path)
        assert [*questions, *answers] == everything[:num_events]
        with cluster_log.open_to_annotate(str(tmp_path)) as log:
            log.add_questions([dataclasses.replace(QUESTIONS[0], clip_id="new", cluster=99)])
        assert "new" in cluster_log.read(str(tmp_path)).questions
        assert len(path.read_bytes().splitlines()) == 1 + num_events + 1


@pytest.mark.parametrize("text", ["", "{}\n", "[]\n", '{"annotation_log": 4}\n', "\xff\n"])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / log_folder.NAME).write_bytes(text.encode("latin1"))
    with pytest.raises(UserError, match=log_folder.NAME):
        cluster_log.read(str(tmp_path))


def test_no_log(tmp_path):
    with pytest.raises(UserError, match="nothing was queried yet"):
        with cluster_log.open_to_annotate(str(tmp_path / "nowhere")):
            pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("is_renamed", [False, True])
def test_a_log_of_version_1_is_refused_and_left_as_it_is(tmp_path, is_renamed):
    path = tmp_path / (log_folder.NAME if is_renamed else "labels.jsonl")
    path.write_text(json.dumps({"ledger": 1, "clustering": FACTS, "classes": {"0": "dog"}}) + "\n")
    before = path.read_bytes()
    for opened in (
        lambda: cluster_log.open_to_query(str(tmp_path), FACTS, {0: "dog"}),
        lambda: cluster_log.open_to_annotate(str(tmp_path)),
    ):
        with (
            pytest.raises(UserError, match="of version 1, and this program knows 2 and 3: .* another --w"),
            opened(),
        ):
            pass
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


def test_one_writer_at_a_time(tmp_path):
    make(tmp_path)
    with processes.held_by_another(tmp_path):
        with pytest.raises(UserError, match="another process writes annotations there"):
            with cluster_log.open_to_annotate(str(tmp_path)):
                pass
        assert content(tmp_path)[0] == QUESTIONS  # readers are not held up


@pytest.mark.parametrize("num_new", [2, 100])  # within a buffer, and beyond it
def test_a_full_disk_leaves_the_log_as_it_was(tmp_path, num_new):
    path = make(tmp_path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    more = [Question(f"more {row}", 100 + row, 1, 2, "random", 0) for row in range(num_new)]
    with cluster_log.open_to_annotate(str(tmp_path)) as log:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 300, limits[1]))
            with pytest.raises(UserError, match="cannot be written: .*nothing of this was written"):
                log.add_questions(more)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        assert path.read_bytes() == before and "more 0" not in log.questions
        log.add_questions(more)
    assert len(cluster_log.read(str(tmp_path)).questions) == len(QUESTIONS) + num_new


def _write_forever(folder, told):
    with cluster_log.open_to_query(str(folder), FACTS, CLASSES) as log:
        first = len(log.questions)
        for row in range(first, first + 100_000):
            log.add_questions([Question(f"clip {row}", row, 1, 1, "random", 0)])
            log.add_answers([Answer(f"clip {row}", ("dog",), "file")], "here")
            os.write(told, b".")  # only now does anybody know of it


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_that_it_reported(tmp_path):
    context = multiprocessing.get_context("fork")
    known = 0
    for _ in range(8):
        read_end, write_end = os.pipe()
        process = context.Process(target=_write_forever, args=(tmp_path, write_end))
        process.start()
        os.close(write_end)
        known += len(os.read(read_end, 1)) + len(os.read(read_end, 20))
        process.kill()
        process.join()
        while data := os.read(read_end, 1 << 16):
            known += len(data)
        os.close(read_end)
        assert process.exitcode == -signal.SIGKILL
        log = cluster_log.read(str(tmp_path))
        assert known <= len(log.answers) <= len(log.questions) <= len(log.answers) + 1
        assert [*log.questions] == [f"clip {row}" for row in range(len(log.questions))]
        lost = len(log.answers) - known  # written, and killed before the report
        assert 0 <= lost <= 1
        known += lost
        if len(log.questions) > len(log.answers):
            with cluster_log.open_to_annotate(str(tmp_path)) as again:
                again.add_answers(
                    [Answer(question.clip_id, ("dog",), "file") for question in again.open_questions()], "here"
                )
            known += 1
    assert known > 8


def test_lines_are_json_with_their_time(tmp_path):
    lines = [json.loads(line) for line in make(tmp_path).read_text().split("\n")[:-1]]
    assert [line.get("event") for line in lines] == [None] + ["queried"] * 5 + ["answered"] * 2
    assert all(line["time"].endswith("+00:00") for line in lines[1:])
