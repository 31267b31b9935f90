"""weak_labels.csv: what is written is read, and what is no such file is refused."""

import os

import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.store import weak_labels

HEADER = "clip_id,label,label_name,cluster,annotated"
ROWS = [
    weak_labels.Row("a, “b”", 3, "Speech, male", 17, True),
    weak_labels.Row("a, “b”", 1, "dog", 17, True),
    weak_labels.Row("c", 1, "dog", 0, False),
    weak_labels.Row("d", None, None, None, True),
]


def test_what_is_written_is_read(tmp_path):
    path = str(tmp_path / "weak_labels.csv")
    weak_labels.write(path, ROWS)
    found = weak_labels.read(path)
    assert found.labels == {"a, “b”": (1, 3), "c": (1,), "d": ()}
    assert found.class_names == {1: "dog", 3: "Speech, male"}
    assert found.annotated == {"a, “b”", "d"}
    first, second = open(path, encoding="utf-8").read().split("\n")[:2]
    assert first == "clip_id,label,label_name,cluster,annotated" and second == '"a, “b”",3,"Speech, male",17,1'
    assert os.listdir(tmp_path) == ["weak_labels.csv"]
    weak_labels.write(path, ROWS[::-1])
    assert weak_labels.digest(weak_labels.read(path)) == weak_labels.digest(found)
    weak_labels.write(path, ROWS[:3])  # a clip that is unknown is not one that has no label
    assert weak_labels.digest(weak_labels.read(path)) != weak_labels.digest(found)


@pytest.mark.parametrize(
    "text, named",
    [
        ("clip_id,label,label_name,annotated\na,1,dog,1\n", "no column 'cluster'"),
        (f"{HEADER}\n", "labels no clip"),
        (f"{HEADER}\na,,,,1\n", "labels no clip"),
        (f"{HEADER}\na,,dog,,1\n", "line 2"),
        (f"{HEADER}\na,x,dog,1,0\n", "line 2"),
        (f"{HEADER}\na,-1,dog,1,0\n", "line 2"),
        (f"{HEADER}\na,1,dog,1,yes\n", "line 2"),
        (f"{HEADER}\na,1,dog,1,0\nb,1\n", "line 3"),
        (f"{HEADER}\na,1,dog,1,0\nb,1,cat,1,0\n", "line 3: class 1 is called both 'dog' and 'cat'"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, text, named):
    path = tmp_path / "weak_labels.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=named) as caught:
        weak_labels.read(str(path))
    assert str(path) in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        weak_labels.read(str(tmp_path / "nowhere.csv"))
