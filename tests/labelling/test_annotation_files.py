"""Questions as a person gets them, and as a person fills them in."""

import codecs
import csv
import json
from xml.etree import ElementTree

import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.labelling import annotation_files, answer_files
from audioset_triplet.labelling.cluster_log import ClusterAnswer as Answer
from audioset_triplet.labelling.cluster_log import ClusterQuestion as Question

QUESTIONS = [Question(f"a/clip, “{row}”.wav", row, 10 - row, 2, "random", 0) for row in range(4)]
IDS = [question.clip_id for question in QUESTIONS]
CLASSES = ["dog", "Speech, male", "rock & <roll>"]


@pytest.fixture
def folder(tmp_path):
    annotation_files.write(
        str(tmp_path), QUESTIONS, CLASSES, annotation_files.audio_paths(QUESTIONS), "/data/local-files/?d=round-2/"
    )
    return tmp_path


def test_every_file_has_every_question(folder):
    with open(folder / "questions.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["clip_id"] for row in rows] == IDS and [row["answer"] for row in rows] == [""] * 4
    assert rows[3] == {
        "clip_id": IDS[3],
        "cluster": "3",
        "cluster_size": "7",
        "audio": "audio/00003.wav",
        "answer": "",
    }
    entries = json.loads((folder / "questions.json").read_text())
    assert entries[3] == {**rows[3], "cluster": 3, "cluster_size": 7, "answer": None}
    tasks = json.loads((folder / "label_studio_tasks.json").read_text())
    audio = "/data/local-files/?d=round-2/audio/00003.wav"
    assert tasks[3] == {"data": {"clip_id": IDS[3], "cluster": 3, "cluster_size": 7, "audio": audio}}
    interface = ElementTree.fromstring((folder / "label_studio_config.xml").read_text())
    assert [choice.get("value") for choice in interface.iter("Choice")] == [*CLASSES, "?"]
    (choices,), (player,) = interface.iter("Choices"), interface.iter("Audio")
    assert choices.get("toName") == player.get("name") and player.get("value") == "$audio"
    assert choices.get("choice") == "multiple"


def test_as_written_they_have_no_answers(folder):
    assert answer_files.read(str(folder / "questions.csv")) == answer_files.read(str(folder / "questions.json")) == []


def test_a_file_that_a_person_has_filled_in_is_not_overwritten(folder):
    (folder / "questions.csv").write_text("mine")
    (folder / "questions.json").unlink()
    annotation_files.write(str(folder), QUESTIONS, CLASSES, {}, "")
    assert (folder / "questions.csv").read_text() == "mine" and (folder / "questions.json").exists()


EXPECTED = [
    Answer(IDS[0], ("dog",), "file"),
    Answer(IDS[1], ("Speech, male", "dog"), "file"),
    Answer(IDS[3], (), "file"),
]


@pytest.mark.parametrize("delimiter, start", [(",", ""), (",", "\ufeff"), (";", "\ufeff")])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_spreadsheet_partly_filled_in(folder, delimiter, start, line_end):
    path = folder / "questions.csv"
    assert path.read_bytes().startswith(codecs.BOM_UTF8)  # without it Excel shows “ as â€œ
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    for row, answer in zip(rows[1:], ["dog", " Speech, male ;dog", "", "?"]):
        row[-1] = answer
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(start)
        csv.writer(file, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    assert answer_files.read(str(path)) == EXPECTED


def test_json_partly_filled_in(folder):
    path = folder / "questions.json"
    entries = json.loads(path.read_text())
    for entry, answer in zip(entries, ["dog", ["Speech, male", "dog"], None, "?"]):
        entry["answer"] = answer
    path.write_text(json.dumps(entries))
    assert answer_files.read(str(path)) == EXPECTED


def annotation(*choices, **values):
    """As Label Studio exports it."""
    chosen = {
        "value": {"choices": list(choices)},
        "id": "Dx_aB91ISN",
        "from_name": "label",
        "to_name": "audio",
        "type": "choices",
        "origin": "manual",
    }
    return {"id": 7, "completed_by": 1, "result": [chosen], "was_cancelled": False, "ground_truth": False, **values}


def export(folder, annotations):
    tasks = json.loads((folder / "label_studio_tasks.json").read_text())
    path = folder / "project-1-at-2026-11-25.json"
    exported = [
        {"id": number, **task, "annotations": of_task, "predictions": [], "project": 1, "meta": {}}
        for number, (task, of_task) in enumerate(zip(tasks, annotations), start=1)
    ]
    path.write_text(json.dumps(exported))
    return str(path)


def test_an_export_of_label_studio(folder):
    comment = {"from_name": "comment", "to_name": "audio", "type": "textarea", "value": {"text": ["loud"]}}
    first = annotation("dog")
    first["result"].append(comment)
    path = export(
        folder,
        [[first], [annotation("Speech, male", "dog")], [annotation("dog", was_cancelled=True)], [annotation("?")]],
    )
    assert answer_files.read(path) == [Answer(answer.clip_id, answer.labels, "label-studio") for answer in EXPECTED]


def test_annotators_who_agree_give_one_answer(folder):
    second = annotation("Dog ", completed_by=2)
    path = export(folder, [[annotation("dog"), second], [annotation("dog", result=[])], [], []])
    assert answer_files.read(path) == [Answer(IDS[0], ("dog",), "label-studio")]


def min_entries(*labels):
    """Entries of Label Studio's JSON-MIN, one for each label; None: the task was skipped."""
    about = [{"audio": "", "clip_id": clip_id, "id": number} for number, clip_id in enumerate(IDS)]
    return [
        {**one, **({"label": label} if label else {}), "annotator": 1, "annotation_id": 7}
        for one, label in zip(about, labels)
    ]


def written_json(path, values):
    path.write_text(json.dumps(values))


def written_lines(path, values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def written_table(path, values, delimiter):
    columns = list(dict.fromkeys(key for value in values for key in value))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        for value in values:
            cells = [value.get(column, "") for column in columns]
            writer.writerow([json.dumps(cell) if isinstance(cell, dict) else cell for cell in cells])


@pytest.mark.parametrize(
    "name, write",
    [
        ("export.json", written_json),
        ("export.jsonl", written_lines),
        ("export.json", written_lines),
        ("export.csv", lambda path, values: written_table(path, values, ",")),
        ("export.tsv", lambda path, values: written_table(path, values, "\t")),
    ],
)
def test_the_other_exports_of_label_studio(tmp_path, name, write):
    write(tmp_path / name, min_entries("dog", {"choices": ["Speech, male", "dog"]}, None, "?"))
    read = answer_files.read(str(tmp_path / name))
    assert read == [Answer(answer.clip_id, answer.labels, "label-studio") for answer in EXPECTED]


def test_tasks_on_lines(folder):
    tasks = json.loads(open(export(folder, [[annotation("dog")], [], [], [annotation("?")]])).read())
    written_lines(folder / "tasks.json", tasks)
    expected = [Answer(IDS[0], ("dog",), "label-studio"), Answer(IDS[3], (), "label-studio")]
    assert answer_files.read(str(folder / "tasks.json")) == expected


def test_annotators_who_disagree_are_named(folder):
    other = annotation("Speech, male", completed_by={"id": 2, "email": "b@c"})
    path = export(folder, [[annotation("dog"), other], [], [], []])
    message = (
        r"entry 1: the annotators of clip .* disagree: annotator 1 says dog, annotator b@c says Speech, male: keep"
    )
    with pytest.raises(UserError, match=message):
        answer_files.read(path)
    (folder / "a.csv").write_text("clip_id,answer\na,dog\nb,\na,?\n")
    with pytest.raises(UserError, match=r"line 4: the annotators of clip a disagree: line 2 says dog, line 4 says \?"):
        answer_files.read(str(folder / "a.csv"))


@pytest.mark.parametrize("answer", ["?", " ? ", "??", "\uff1f", "?;?"])
def test_ways_to_say_i_do_not_know(tmp_path, answer):
    (tmp_path / "a.csv").write_text(f"clip_id,answer\na,{answer}\n", encoding="utf-8")
    written_json(tmp_path / "a.json", [{"clip_id": "a", "answer": answer}])
    for name in ("a.csv", "a.json"):
        assert answer_files.read(str(tmp_path / name)) == [Answer("a", (), "file")]


@pytest.mark.parametrize(
    "name, text, named",
    [
        ("a.csv", "clip,answer\na,dog\n", "no column 'clip_id', only clip, answer.*: give a filled-in questions.csv"),
        ("a.csv", "", "is empty"),
        ("a.csv", "clip_id,cluster,answer\na,1,dog\nb\n", "line 3: has 1 value, and there are 3 columns"),
        ("a.csv", "clip_id;answer\na;dog;cat\n", "line 2: has 3 values, and there are 2 columns"),
        ("a.csv", "clip_id,answer\n,dog\n", "line 2: has no clip_id"),
        (
            "a.csv",
            "annotator,clip_id,label\n1,a,{choices\n",
            "line 2: the label '{choices' is not a class, and not JSON",
        ),
        ("a.csv", 'annotator,clip_id,label\n1,a,"{""text"": 1}"\n', "line 2: has no 'choices'"),
        ("a.csv", "PK\x03\x04xl/workbook.xml", "an Excel workbook .*: save it as “CSV UTF-8”"),
        ("a.csv", "clip_id,answer\na,?;dog\n", "clip a is annotated with '.' and with a class"),
        ("a.json", "{", "is not JSON"),
        ("a.json", " \n", "is empty: give a filled-in"),
        ("a.json", '{"a": 1}', "entry 1: has no 'clip_id'"),
        ("a.json", "3", "is not a list"),
        ("a.json", '{"clip_id": "a", "answer": "dog"}\n{"clip_id"', "is not JSON"),
        ("a.json", '[{"clip_id": "a", "annotation_id": 1, "label": 3}]', "entry 1: 3 is not a list"),
        ("a.json", "[1]", "is not a list"),
        ("a.json", '[{"clip_id": "a"}]', "entry 1: has no 'answer'"),
        ("a.json", '[{"clip_id": "a", "answer": [3]}]', "entry 1: 3 is not a text"),
        ("a.json", '[{"clip_id": "a", "answer": {"x": 3}}]', "entry 1: .* is not a list"),
        ("a.json", '[{"clip_id": 3, "answer": null}]', "entry 1: 3 is not a text"),
        ("a.json", '[{"data": {"clip_id": "a"}}]', "entry 1: a task without annotations"),
        ("a.json", '[{"data": {"audio": "a"}, "annotations": []}]', "entry 1: is not a task of the project"),
        (
            "a.json",
            '[{"data": {"clip_id": "a"}, "annotations": [{"result": [{"from_name": "label"}]}]}]',
            "not a task",
        ),
        (
            "a.json",
            '[{"data": {"clip_id": "a"}, "annotations": [{"result": [{"from_name": "c", "type": "choices"}]}]}]',
            "entry 1: has choices named 'c', not 'label': label with the interface of label_studio_config.xml",
        ),
        ("a.json", '[{"clip_id": "a", "annotation_id": 1, "c": "dog"}]', "no entry has a 'label': label with"),
        ("a.json", '[{"data": {"clip_id": "a"}, "annotations": [3]}]', "entry 1: is not a task of the project"),
    ],
)
def test_an_error_names_file_and_line(tmp_path, name, text, named):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserError, match=named) as caught:
        answer_files.read(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    for name, message in (("a.csv", "line 1: not UTF-16"), ("b.csv", "no such file")):
        with pytest.raises(UserError, match=f"{name}: {message}"):
            answer_files.read(str(tmp_path / name))


def test_classes_of_a_list_and_of_audioset(tmp_path):
    (tmp_path / "names.txt").write_text("dog\n\nSpeech, male\n")
    assert annotation_files.read_classes(str(tmp_path / "names.txt")) == {0: "dog", 1: "Speech, male"}
    (tmp_path / "c.csv").write_text('index,mid,display_name\n0,/m/09x0r,"Speech"\n1,/m/05zppz,"Male speech, man"\n')
    assert annotation_files.read_classes(str(tmp_path / "c.csv")) == {0: "Speech", 1: "Male speech, man"}
    (tmp_path / "names.txt").write_text("dog\n\ndog\n")
    with pytest.raises(UserError, match="names.txt: line 3: dog is named twice, before on line 1"):
        annotation_files.read_classes(str(tmp_path / "names.txt"))
    (tmp_path / "c.csv").write_text("name\ndog\n")
    with pytest.raises(UserError, match="no column 'index', .*: give class_labels_indices.csv, or a text file"):
        annotation_files.read_classes(str(tmp_path / "c.csv"))
    with pytest.raises(UserError, match="nowhere.txt: no such file"):
        annotation_files.read_classes(str(tmp_path / "nowhere.txt"))
