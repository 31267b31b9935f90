"""Files of questions become screens, and labels get their names."""

import json

import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.labelling import class_names, screens
from audioset_triplet.labelling.events import Candidate, Question
from audioset_triplet.store import questions, ratings


@pytest.fixture
def lists(tmp_path):
    """A class list of AudioSet and its ontology, which has a node more."""
    (tmp_path / "classes.csv").write_text('index,mid,display_name\n0,/m/0,"Dog, big"\n1,/m/1,Bark\n')
    node = {"child_ids": [], "restrictions": [], "positive_examples": ["youtu.be/x?start=1&end=2"]}
    nodes = [("/m/0", "Dog, big", "A large dog"), ("/m/2", "Bear", "No dog at all"), ("/m/1", "Bark", "Of a dog")]
    items = [{**node, "id": id_, "name": name, "description": text} for id_, name, text in nodes]
    (tmp_path / "ontology.json").write_text(json.dumps(items))
    return class_names.read(["rooster"], str(tmp_path / "classes.csv"), str(tmp_path / "ontology.json"))


def test_rows_of_one_interval_are_one_screen(tmp_path, lists):
    path = tmp_path / "questions.csv"
    rows = [
        "a,1,2,/m/0,0.5,mined,",
        "b,,,,,random,",
        'a,1.0001,2,Bark,,,"{""rank"": 3}"',
        "a,1,2.5,/m/9,,,",
        "a,1,2,/m/0,0.1,top,",  # again
    ]
    path.write_text("\n".join([",".join(questions.COLUMNS), *rows]))
    assert screens.of_questions(questions.read(str(path)), lists.names_of_ids) == [
        Question("a", 1.0, 2.0, (Candidate("Dog, big", 0.5, "mined"), Candidate("Bark", None, "file", {"rank": 3}))),
        Question("b", None, None, (Candidate("", None, "random"),)),
        Question("a", 1.0, 2.5, (Candidate("/m/9", None, "file"),)),
    ]


def test_known_ratings_become_questions_that_know_their_answers(tmp_path):
    path = tmp_path / "gold.tsv"
    path.write_text("\t".join(ratings.COLUMNS) + "\na\t\t\tdog\tPRESENT\na\t\t\tcat\tNOT_PRESENT\n")
    (question,) = screens.of_gold(ratings.read(str(path)))
    assert [candidate.details for candidate in question.candidates] == [{"gold": "PRESENT"}, {"gold": "NOT_PRESENT"}]


def test_names_are_found_by_their_beginning_their_words_and_their_description(lists):
    def found(text):
        return [one.name for one in lists.search(text, 9)]

    assert found("b") == ["Bark", "Bear", "Dog, big"]  # a class comes before a node
    assert found("DOG") == ["Dog, big", "Bark", "Bear"] and found("oo") == ["rooster"] and found(" ") == []
    assert lists.meant("dog,  BIG") == "Dog, big" and lists.meant("cow") is None
    assert lists.get("Bear").examples == ("youtu.be/x?start=1&end=2",) and lists.get("cow").description == ""


def test_a_list_of_names_is_read_too(tmp_path):
    (tmp_path / "names.txt").write_text("Wren\nRobin\n")
    names = class_names.read(["rooster"], str(tmp_path / "names.txt"), "")
    assert [one.name for one in names.search("r", 9)] == ["rooster", "Robin", "Wren"]
    with pytest.raises(UserError, match="no such file"):
        class_names.read([], str(tmp_path / "nothing.csv"), "")
