import os

import pytest

from audioset_triplet import files
from audioset_triplet.errors import UserError


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = str(tmp_path / "file")
    with files.atomic_path(path) as temporary:
        with open(temporary, "w") as file:
            file.write("whole")
        assert not os.path.exists(path)
    assert open(path).read() == "whole" and os.listdir(tmp_path) == ["file"]


def test_a_folder_appears_when_the_block_ends(tmp_path):
    path = str(tmp_path / "folder")
    with files.atomic_path(path) as temporary:
        os.makedirs(os.path.join(temporary, "inner"))
        assert not os.path.exists(path)
    assert os.listdir(path) == ["inner"] and os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("make", [lambda path: open(path, "w").close(), lambda path: os.makedirs(f"{path}/inner")])
def test_a_block_that_raises_leaves_nothing(tmp_path, make):
    with pytest.raises(KeyError), files.atomic_path(str(tmp_path / "name")) as temporary:
        make(temporary)
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_a_file_is_made_anew_where_it_is_missing_or_older_than_what_it_is_made_from(tmp_path):
    made, *made_from = (str(tmp_path / name) for name in ("made", "first", "second"))
    for seconds, path in enumerate(made_from):
        files.write_text(path, "")
        os.utime(path, (seconds, seconds))
    assert not files.is_newer(made, made_from)
    files.write_text(made, "")
    for seconds, expected in ((0, False), (1, True), (2, True)):
        os.utime(made, (seconds, seconds))
        assert files.is_newer(made, made_from) is expected


def test_text_replaces_the_old_one(tmp_path):
    path = str(tmp_path / "text")
    files.write_text(path, "old")
    files.write_text(path, "neu: ä\n")
    assert open(path, encoding="utf-8").read() == "neu: ä\n" and os.listdir(tmp_path) == ["text"]


def test_json_comes_back_and_damage_is_named(tmp_path):
    path = str(tmp_path / "values.json")
    files.write_json(path, {"a": [1, None]})
    assert files.read_json(path) == {"a": [1, None]}
    files.write_text(path, "{")
    with pytest.raises(UserError, match="values.json: damaged"):
        files.read_json(path)
