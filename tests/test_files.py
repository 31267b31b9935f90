import errno
import fcntl
import os

import pytest

from audioset_triplet import files
from audioset_triplet.errors import UserError
from tests import processes


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


def test_a_folder_has_one_writer(tmp_path):
    folder = tmp_path / "new" / "folder"
    with files.one_writer(str(folder)), files.one_writer(str(folder)):  # a process may hold it several times
        assert folder.is_dir()
    assert not folder.exists()
    folder.mkdir()
    with processes.held_by_another(folder):
        with pytest.raises(UserError, match="folder: another process writes there: wait for it"):
            with files.one_writer(str(folder)):
                pass
    with files.one_writer(str(folder)):
        (folder / "file").touch()
    assert os.listdir(folder) == ["file"]
    with pytest.raises(UserError, match="file: is a file"), files.one_writer(str(folder / "file")):
        pass


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with files.one_writer(str(tmp_path)):
        assert f"{tmp_path}: cannot be locked here (No locks available)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "damaged: it is empty"),
        (b'{"a": [1,', "damaged .Expecting value: line 1 column 10"),
        (b"\xff\xfe{", "line 1: not UTF-16"),
        ("{'ä'}".encode("cp1252"), "line 1: not UTF-8"),
        (b"PK\x03\x04", "a ZIP archive, not a text"),
        (b"[" * 100_000, "damaged"),
    ],
)
def test_what_is_no_json_is_one_line(tmp_path, data, message):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(UserError, match=f"a.json: {message}") as caught:
        files.read_json(str(tmp_path / "a.json"))
    assert "\n" not in str(caught.value)


def test_json_with_a_byte_order_mark_and_of_another_type(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert files.read_json_object(str(path)) == {"a": 1}
    path.write_text("[]")
    with pytest.raises(UserError, match="a.json: damaged: it holds a list, not an object"):
        files.read_json_object(str(path))
