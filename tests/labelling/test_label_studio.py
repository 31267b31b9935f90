"""Questions of a log as Label Studio's tasks, and its export as answers of the log."""

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_triplet.config.label_studio import LabelStudioConfig, TasksConfig
from audioset_triplet.config.voting import VotingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import (
    annotation_files,
    cluster_log,
    label_studio_answers,
    label_studio_exchange,
    label_studio_tasks,
    log_folder,
)
from audioset_triplet.labelling.cluster_log import ClusterQuestion
from audioset_triplet.labelling.events import Answer, Candidate, Question
from audioset_triplet.store.ratings import ANSWERS, NOT_PRESENT, PRESENT, UNSURE
from tests import tiny_records

QUESTIONS = [
    Question("a, b/“1” & 2.wav", 0.5, 1.25, (Candidate("dog", 0.93, "top"), Candidate("rock; roll", None, "random"))),
    Question("c.wav", None, None, (Candidate("", None, "cluster"),)),
    Question("c.wav", None, None, (Candidate("wind", 3.5, "mined"), Candidate("rain", 4.25, "mined"))),
]
CLASSES = {0: "dog", 1: "cat"}


def write_log(folder, answers=(), questions=QUESTIONS):
    with log_folder.open_or_create(str(folder), None, CLASSES) as log:
        log.add_questions(questions)
        log.add_answers(answers)
    return str(folder)


def export(workdir, **options):
    voting = VotingConfig(votes=options.pop("votes", 0))
    text = label_studio_exchange.export(LabelStudioConfig(workdir, tasks=TasksConfig(**options), voting=voting))
    return text, json.loads(open(f"{workdir}/label-studio/label_studio_tasks.json").read())


def take_in(workdir, tasks):
    path = f"{workdir}/export.json"
    with open(path, "w") as file:
        json.dump(tasks, file)
    with log_folder.open_to_write(workdir) as log:
        return label_studio_answers.add(log, path)


def test_tasks_have_candidates_with_their_scores_as_predictions(tmp_path):
    text, tasks = export(write_log(tmp_path))
    assert text == f"{tmp_path}/label-studio: 3 tasks, 0 annotations"
    first, second, third = (task["data"] for task in tasks)
    assert first == {
        "question": 0,
        "clip_id": QUESTIONS[0].clip_id,
        "start_time_seconds": 0.5,
        "end_time_seconds": 1.25,
        "about": "From 0.5 s to 1.25 s",
        "candidates": [{"value": "dog"}, {"value": "rock; roll"}],
        "labels": [{"value": "dog"}, {"value": "rock; roll"}, {"value": "?"}],
        "audio": "/data/local-files/?d=a%2C%20b/%E2%80%9C1%E2%80%9D%20%26%202.wav",
    }
    assert [one["value"] for one in second["labels"]] == ["dog", "cat", "?"] and second["candidates"] == []
    assert third["about"] == "The whole clip" and [one["value"] for one in third["labels"]] == ["wind", "rain", "?"]
    (prediction,) = tasks[0]["predictions"]  # one of two candidates has a score
    assert prediction["model_version"] == "top" and prediction["score"] == 0.93
    (region,) = prediction["result"]
    assert [one["score"] for one in tasks[2]["predictions"]] == [4.25, 3.5]  # the highest first
    interface = ElementTree.fromstring((tmp_path / "label-studio" / "label_studio_config.xml").read_text())
    controls = {one.get("name"): one for one in [*interface.iter("Choices"), *interface.iter("TextArea")]}
    assert list(controls) == [*label_studio_tasks.CONTROLS.values(), "added", "comment"]
    assert controls[region["from_name"]].get("toName") == region["to_name"] == interface.find("Audio").get("name")
    fields = {one.get("value")[1:] for one in interface.iter() if (one.get("value") or "").startswith("$")}
    assert fields < set(first) and region["value"] == {"choices": ["dog"]}


_names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1).filter(
    lambda name: name.casefold() not in ("dog", "cat", "?")
)
_said = st.one_of(
    *(
        st.fixed_dictionaries(
            {"question": st.just(number)},
            optional={
                "ratings": st.dictionaries(st.sampled_from(one.labels), st.sampled_from(ANSWERS), min_size=1)
                if one.labels
                else st.just({}),
                "added": st.lists(_names | st.just("cat"), unique=True).map(tuple),
                "comment": st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
                "seconds": st.floats(0, 1e6),
            },
        )
        for number, one in enumerate(QUESTIONS)
    )
)


def answer_of(said, rater, kind):
    """An answer; one that says nothing, or of another kind, does not know or is a skip."""
    if kind == "skip" or not (said.get("ratings") or said.get("added")):
        said = {key: value for key, value in said.items() if key not in ("ratings", "added")}
        said.update(skip_reason=label_studio_answers.SKIPPED) if kind == "skip" else said.update(is_unknown=True)
    return Answer(rater=rater, **said)


_answers = st.builds(answer_of, _said, st.sampled_from(["anna@x.org", "bo"]), st.sampled_from(["skip", "answer"]))


@settings(max_examples=15, deadline=None)
@given(st.lists(_answers, max_size=6))
def test_what_is_exported_is_imported(tmp_path_factory, answers):
    folder = tmp_path_factory.mktemp("log")
    _, tasks = export(write_log(folder / "first", answers), annotations="all")
    expected = {(one.question, one.rater): one for one in answers}
    again = write_log(folder / "second")
    assert take_in(again, tasks) == (len(expected), 0, 0, 0)
    assert take_in(again, tasks) == (0, 0, len(expected), 0)
    assert take_in(f"{folder}/first", tasks) == (0, 0, len(expected), 0)
    read = log_folder.read(again).current_answers()
    assert {(one.question, one.rater): one for one in read} == expected and len(read) == len(expected)


def region(control, *choices):
    return {"id": "x", "from_name": control, "to_name": "audio", "type": "choices", "value": {"choices": [*choices]}}


def typed(control, text):
    return {"id": "x", "from_name": control, "to_name": "audio", "type": "textarea", "value": {"text": text}}


def annotated(*results, person=1, **values):
    return {"id": 7, "completed_by": person, "result": [*results], "was_cancelled": False, "lead_time": 2.5, **values}


def test_an_export_of_several_annotators(tmp_path):
    workdir = write_log(tmp_path)
    _, tasks = export(workdir)
    tasks[0]["annotations"] = [
        annotated(region("label", "dog"), region("unsure", "rock; roll")),
        annotated(region("not_present", "dog"), typed("added", ["Cat", " Wind "]), person={"id": 2, "email": "b@c"}),
        annotated(was_cancelled=True, person=3),
        annotated(person=4),  # has saved nothing
    ]
    tasks[1]["annotations"] = [
        annotated(region("label", "?"), person=" ", lead_time=10**400),
        annotated(region("label", "cat")),
    ]
    assert take_in(workdir, tasks) == (5, 0, 0, 1)
    log = log_folder.read(workdir)
    assert log.current_answers() == [
        Answer(0, "1", {"dog": PRESENT, "rock; roll": UNSURE}, seconds=2.5),
        Answer(0, "b@c", {"dog": NOT_PRESENT}, ("cat", "Wind"), seconds=2.5),
        Answer(0, "3", skip_reason=label_studio_answers.SKIPPED, seconds=2.5),
        Answer(1, "label-studio", is_unknown=True),
        Answer(1, "1", added=("cat",), seconds=2.5),
    ]
    tasks[0]["annotations"] = [annotated(region("not_present", "dog")), annotated(region("unsure", "dog"))]
    assert take_in(workdir, tasks[:1]) == (0, 1, 0, 0)  # of two annotations of a person the last one
    assert log_folder.read(workdir).answer_of(0, "1").ratings == {"dog": UNSURE}


def test_what_votes_decide_is_one_annotation(tmp_path):
    answers = [
        Answer(0, "anna", {"dog": PRESENT, "rock; roll": PRESENT}, ("cat", "Wind")),
        Answer(0, "bo", {"dog": PRESENT, "rock; roll": NOT_PRESENT}, ("cat",)),
    ]
    _, tasks = export(write_log(tmp_path, answers), annotations="decided")
    (one,) = tasks[0]["annotations"]
    assert "completed_by" not in one and tasks[1]["annotations"] == tasks[2]["annotations"] == []
    assert [(part["from_name"], *part["value"].values()) for part in one["result"]] == [
        ("label", ["dog"]),
        ("added", ["cat"]),
    ]


def test_tasks_about_clusters_are_imported_too(tmp_path):
    asked = ClusterQuestion("a.wav", 3, 7, 1, "random", 0)
    with cluster_log.open_to_query(str(tmp_path), {"clusters": 1}, CLASSES) as log:
        log.add_questions([asked])
    annotation_files.write(str(tmp_path / "round-1"), [asked], [*CLASSES.values()], {}, "")
    (task,) = json.loads((tmp_path / "round-1" / "label_studio_tasks.json").read_text())
    people = [annotated(region("label", name), person=name) for name in CLASSES.values()]
    assert take_in(str(tmp_path), [{**task, "annotations": people}]) == (2, 0, 0, 0)
    assert cluster_log.read(str(tmp_path)).answers["a.wav"].labels == ("dog", "cat")


def test_questions_of_a_file_and_audio_of_records(tmp_path):
    data = tiny_records.write(tmp_path / "clips.tfrecord", tiny_records.make_clips(2))
    path = tmp_path / "questions.csv"
    path.write_text("segment_id,start_time_seconds,end_time_seconds,label\nclip1,0,1,class1\nclip0,,,\n")
    workdir = str(tmp_path / "labels")
    _, tasks = export(workdir, questions=str(path), data=data)
    url = "/data/local-files/?d="
    assert [task["data"]["audio"] for task in tasks] == [f"{url}label-studio/audio/0000{row}.wav" for row in (0, 1)]
    assert (tmp_path / "labels" / "label-studio" / "audio" / "00001.wav").stat().st_size > 32000
    path.write_text("segment_id,start_time_seconds,end_time_seconds,label\nnowhere,,,dog\n")
    with pytest.raises(UserError, match="nowhere"):
        export(workdir, questions=str(path), data=data)
    assert len(log_folder.read(workdir).questions) == 2


@pytest.mark.parametrize(
    "change, message",
    [
        ({"annotations": [annotated(region("label", "dog"), region("unsure", "dog"))]}, "1 rates 'dog' as PRESENT and"),
        ({"annotations": [annotated(region("unsure", "cow"))]}, "rates 'cow', which the question is not about"),
        ({"annotations": [annotated(region("label", "dog", "?"))]}, "says '.' and something else"),
        ({"annotations": [annotated(region("mine", "dog"))]}, "has choices named 'mine', not 'label' or 'not_present'"),
        ({"annotations": [3]}, "is not a task of the project"),
        ({"annotations": None}, "None is not a list"),
        ({"data": {"clip_id": "z", "question": 0}, "annotations": []}, "has no such question about clip z"),
        ({"data": {"clip_id": "z"}, "annotations": []}, "has no such question about clip z"),
        ({"data": {"clip_id": "z", "question": []}, "annotations": []}, "has no such question about clip z"),
        ({"data": {"clip_id": "z", "start_time_seconds": "x"}, "annotations": []}, "are no times"),
        ({"data": {"clip_id": "z", "start_time_seconds": float("inf")}, "annotations": []}, "are no times"),
        ({"data": {}, "annotations": []}, "is not a task of the project"),
        ({"annotations": [annotated(typed("added", "\ud800"))]}, "is not a text"),
        ({"annotations": [annotated(region("label", "dog"), person="\ud800")]}, "is not a text"),
    ],
)
def test_an_error_names_the_entry_and_nothing_is_written(tmp_path, change, message):
    workdir = write_log(tmp_path)
    _, tasks = export(workdir)
    tasks[1]["annotations"] = [annotated(region("label", "cat"))]
    with pytest.raises(UserError, match=message) as raised:
        take_in(workdir, [tasks[1], {**tasks[0], **change}])
    assert str(raised.value).startswith(f"{workdir}/export.json: entry 2: ") and "\n" not in str(raised.value)
    assert not log_folder.read(workdir).answers


def test_what_is_no_export_is_refused(tmp_path):
    workdir = write_log(tmp_path)
    with pytest.raises(UserError, match="entry 1: a task without annotations: give what Label Studio exports"):
        take_in(workdir, [{"data": {"clip_id": "c.wav"}}])
    with pytest.raises(UserError, match="entry 1: is no task: give Label Studio's export as JSON"):
        take_in(workdir, [{"clip_id": "c.wav", "annotation_id": 1, "label": "dog"}])  # JSON-MIN
    with pytest.raises(UserError, match="has no question: give some by --questions"):
        export(write_log(tmp_path / "empty", questions=[]))
