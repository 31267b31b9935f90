import json

import pytest

from audioset_triplet import labels
from audioset_triplet.errors import UserError
from tests import datasets

# Two roots; "howl" has two parents, one of which is no class; "puppy" is reached on two ways.
CHILDREN = {
    "animal": ["dog", "wild"],
    "dog": ["howl", "puppy"],
    "wild": ["wolf"],
    "wolf": ["howl"],
    "howl": ["puppy"],
    "puppy": [],
    "music": [],
}
CLASSES = ("puppy", "animal", "music", "howl", "dog", "wolf")


def make_ontology(children=None):
    items = (children or CHILDREN).items()
    return labels.Ontology([labels.Node(id_, id_.title(), tuple(below), False, False) for id_, below in items])


def make_vocabulary(ids=CLASSES):
    return labels.Vocabulary(tuple(ids), tuple(id_.title() for id_ in ids))


def ways_down(start, children):
    """Every node on every way down from a node: slow, and without a memory of where it was."""
    return {one for child in children[start] for one in (child, *ways_down(child, children))}


def test_a_small_ontology():
    ontology = make_ontology()
    assert ontology.roots == ("animal", "music")
    assert ontology.parents["puppy"] == ("dog", "howl")
    assert ontology.ancestors("puppy") == ("animal", "dog", "wild", "wolf", "howl")
    assert ontology.descendants("wild") == ("wolf", "howl", "puppy")
    assert ontology.ancestors("music") == ontology.descendants("music") == ()


def test_labels_get_their_ancestors():
    vocabulary, ontology = make_vocabulary(), make_ontology()
    assert labels.with_ancestors([3], vocabulary, ontology) == (1, 3, 4, 5)  # howl: animal, dog, wolf; "wild" is none
    assert labels.with_ancestors([2, 0], vocabulary, ontology) == (0, 1, 2, 3, 4, 5)
    assert labels.with_ancestors([], vocabulary, ontology) == ()
    once = labels.with_ancestors([5], vocabulary, ontology)
    assert once == (1, 5) == labels.with_ancestors(once, vocabulary, ontology)


@pytest.mark.parametrize("label", [-1, 6])
def test_a_label_that_is_no_class_is_refused(label):
    with pytest.raises(UserError, match=f"label {label} is not one of the 6 classes"):
        labels.with_ancestors([label], make_vocabulary(), make_ontology())


def test_a_class_that_is_not_in_the_ontology_is_named():
    with pytest.raises(UserError, match=r"cat \(Cat\) is not in the ontology"):
        labels.with_ancestors([0], make_vocabulary(["cat"]), make_ontology())


@pytest.mark.parametrize(
    "children, message",
    [
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, " is a circle"),
        ({"a": ["a"]}, "a -> a is a circle"),
        ({"a": ["b"]}, "a has the child b, which is not defined"),
    ],
)
def test_a_bad_ontology_is_refused(children, message):
    with pytest.raises(UserError, match=message):
        make_ontology(children)


@pytest.mark.parametrize(
    "text, message",
    [
        ("[", "damaged .Expecting value: line 1 column 2"),
        ("", "damaged: it is empty"),
        ("[3]", "not the ontology .TypeError"),
        ('{"a": 1}', "not the ontology"),
        ('[{"id": "a"}]', "not the ontology .KeyError: 'name'"),
        (json.dumps([{"id": "a", "name": "A", "child_ids": [], "restrictions": []}] * 2), "a is defined twice"),
    ],
)
def test_a_bad_ontology_file_is_one_clear_line(tmp_path, text, message):
    (tmp_path / "ontology.json").write_text(text)
    with pytest.raises(UserError, match=f"ontology.json: {message}"):
        labels.read_ontology(str(tmp_path / "ontology.json"))


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty"),
        ("index,mid\n0,/m/1\n", "line 1: no column 'display_name', only index, mid: is this class_labels_indices.csv"),
        ("index,mid,display_name\n", "names no class"),
        ('index,mid,display_name\n0,/m/1,"A"\n2,/m/2,"B"\n', "line 3: expected class 1 with its id and name, not '2'"),
        ("index,mid,display_name\n0,/m/1\n", "line 2: has 2 values"),
        ('index,mid,display_name\n0,/m/1,"A"\n1,/m/1,"B"\n', "line 3: /m/1 is named twice"),
    ],
)
def test_a_bad_vocabulary_file_is_one_clear_line(tmp_path, text, message):
    (tmp_path / "classes.csv").write_text(text)
    with pytest.raises(UserError, match=f"classes.csv: {message}"):
        labels.read_vocabulary(str(tmp_path / "classes.csv"))


@pytest.mark.parametrize("read", [labels.read_vocabulary, labels.read_ontology])
def test_a_missing_file_is_one_clear_line(read, tmp_path):
    with pytest.raises(UserError, match="none: (?i:no such file)"):
        read(str(tmp_path / "none"))


def test_names_may_hold_commas_and_a_byte_order_mark_does_no_harm(tmp_path):
    text = '\ufeffindex,mid,display_name\n0,/m/1,"Male speech, man speaking"\n'
    (tmp_path / "classes.csv").write_text(text, encoding="utf-8")
    vocabulary = labels.read_vocabulary(str(tmp_path / "classes.csv"))
    assert (vocabulary.ids, vocabulary.names) == (("/m/1",), ("Male speech, man speaking",))


@pytest.fixture(scope="module")
def audioset():
    folder = datasets.audioset()
    return (
        labels.read_vocabulary(str(folder / "class_labels_indices.csv")),
        labels.read_ontology(str(folder / "ontology.json")),
    )


def test_the_published_files(audioset):
    vocabulary, ontology = audioset
    nodes = ontology.nodes.values()
    assert (len(vocabulary), vocabulary.names[0], vocabulary.names[-1]) == (527, "Speech", "Field recording")
    assert (len(nodes), len(ontology.roots), sum(len(node.children) for node in nodes)) == (632, 7, 670)
    assert sum(len(parents) > 1 for parents in ontology.parents.values()) == 38
    assert (sum(node.is_abstract for node in nodes), sum(node.is_blacklisted for node in nodes)) == (23, 67)
    assert [id_ for id_ in ontology.nodes if id_ in vocabulary.numbers] == list(vocabulary.ids)
    assert [ontology.nodes[id_].name for id_ in vocabulary.ids] == list(vocabulary.names)
    assert not any(ontology.nodes[id_].is_abstract for id_ in vocabulary.ids)


def test_ancestors_and_descendants_of_the_published_ontology(audioset):
    _, ontology = audioset
    children = {id_: node.children for id_, node in ontology.nodes.items()}
    below = {id_: ways_down(id_, children) for id_ in ontology.nodes}
    for id_ in ontology.nodes:
        assert set(ontology.descendants(id_)) == below[id_]
        assert set(ontology.ancestors(id_)) == {other for other in ontology.nodes if id_ in below[other]}


def test_labels_of_the_published_classes_get_their_ancestors(audioset):
    vocabulary, ontology = audioset

    def names(*given):
        found = labels.with_ancestors([vocabulary.names.index(name) for name in given], vocabulary, ontology)
        return {vocabulary.names[number] for number in found}

    assert names("Bow-wow") == {"Bow-wow", "Dog", "Animal", "Domestic animals, pets"}
    assert names("Speech") == {"Speech"}  # no class lies above it
