"""The search of a folder: what it takes, in which order, and that it counts what it leaves out."""

import os
import pathlib
import socket

import pytest

from audioset_triplet.media import extensions, folder_walk
from audioset_triplet.media.folder_walk import LeftOut


def touch(root: pathlib.Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def paths(root: pathlib.Path) -> list:
    return [os.path.relpath(file.path, root) for file in folder_walk.find(str(root)).files]


def counts(root: pathlib.Path) -> dict:
    return {kind: number for kind, (number, _) in folder_walk.find(str(root)).left_out.kinds.items()}


def test_files_in_the_order_of_their_paths(tmp_path: pathlib.Path) -> None:
    touch(tmp_path, "z.WAV", "b/a.flac", "b.mp3", "b/c/d.Opus", "a.mp4", "-rf.wav", "a, b[1].wav")
    touch(tmp_path, "%03d.m4a", "x:y.aifc")
    (tmp_path / "folder.wav").mkdir()
    assert paths(tmp_path) == [
        *("%03d.m4a", "-rf.wav", "a, b[1].wav", "a.mp4", "b/a.flac", "b/c/d.Opus", "b.mp3", "x:y.aifc", "z.WAV"),
    ]
    assert counts(tmp_path) == {}


def test_names_that_are_not_utf_8_or_hold_line_ends(tmp_path: pathlib.Path) -> None:
    names = [b"caf\xe9.wav", b"two\nlines.wav"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    assert [os.fsencode(path) for path in paths(tmp_path)] == names


@pytest.mark.parametrize("extension", extensions.AUDIO_EXTENSIONS)
def test_every_extension_in_both_cases(tmp_path: pathlib.Path, extension: str) -> None:
    touch(tmp_path, f"a{extension}", f"b{extension.upper()}")
    assert len(paths(tmp_path)) == 2


def test_hidden_files_and_folders_are_counted(tmp_path: pathlib.Path) -> None:
    touch(tmp_path, "a.wav", "._a.wav", ".DS_Store", "deep/.b.wav", "deep/Thumbs.db", "desktop.ini")
    touch(tmp_path, "__MACOSX/._a.wav", ".git/b.wav", "@eaDir/a.wav", "deep/.Trash-1/files/c.wav", "$RECYCLE.BIN/x.wav")
    assert paths(tmp_path) == ["a.wav"]
    assert counts(tmp_path) == {"hidden files": 5, "hidden folders": 5}


def test_a_hidden_folder_is_searched_where_it_is_asked_for(tmp_path: pathlib.Path) -> None:
    touch(tmp_path, ".cache/a.wav")
    assert paths(tmp_path / ".cache") == ["a.wav"]


def test_other_files_are_counted_by_extension(tmp_path: pathlib.Path) -> None:
    touch(tmp_path, "a.wav", "a.txt", "b.TXT", "README", "cover.jpg")
    assert counts(tmp_path) == {".txt files": 2, "files without an extension": 1, ".jpg files": 1}
    text = folder_walk.find(str(tmp_path)).left_out.text()
    assert text.startswith(f"2 .txt files (such as {tmp_path}/a.txt), 1 .jpg file ({tmp_path}/cover.jpg), 1 file ")


def test_links_are_followed_once(tmp_path: pathlib.Path) -> None:
    far, root = tmp_path / "far", tmp_path / "root"
    touch(far, "f.wav", "sub/g.wav")
    touch(root, "near/n.wav", ".store/s.wav")
    for name, target in {
        "0": far / "sub",
        "1": far,  # its folder sub is searched as 0
        "2": far,
        "3": root / "near",
        "4": root / ".store",  # hidden, so that the link alone leads to it
        "5": tmp_path,  # holds the folder itself
        "near/back": root,
        "self": root / "self",
        "gone.wav": tmp_path / "annex",
        "n.wav": root / "near" / "n.wav",
    }.items():
        (root / name).symlink_to(target)
    (far / "back").symlink_to(far)
    assert paths(root) == ["0/g.wav", "1/f.wav", "4/s.wav", "n.wav", "near/n.wav"]
    assert counts(root) == {
        "folders that a link has led to before": 3,
        "links to folders that are searched anyway": 3,
        "links to nothing": 2,
        "hidden folders": 1,
    }


def test_what_is_no_regular_file_is_counted_and_never_opened(tmp_path: pathlib.Path) -> None:
    touch(tmp_path, "a.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket.wav"))  # a hundred characters at most
        (tmp_path / "null.wav").symlink_to("/dev/null")
        assert paths(tmp_path) == ["a.wav"]
    assert counts(tmp_path) == {"special files": 3}


def test_an_unreadable_folder_is_counted(tmp_path: pathlib.Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every folder")
    touch(tmp_path, "a.wav", "closed/b.wav")
    (tmp_path / "closed").chmod(0)
    try:
        assert paths(tmp_path) == ["a.wav"]
        assert counts(tmp_path) == {"folders that cannot be read": 1}
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_deep_folders(tmp_path: pathlib.Path) -> None:
    deep = str(tmp_path)
    for _ in range(1200):  # deeper than Python recurses
        deep += "/d"
        os.mkdir(deep)
    pathlib.Path(deep, "a.wav").write_bytes(b"x")
    assert len(paths(tmp_path)) == 1
    os.remove(f"{deep}/a.wav")
    while deep != str(tmp_path):  # pytest would recurse
        os.rmdir(deep)
        deep = os.path.dirname(deep)


def test_paths_in_archives_are_hidden_by_the_same_names() -> None:
    assert folder_walk.hidden_part("a/b.wav") is None
    assert folder_walk.hidden_part("./b.wav") is None
    assert folder_walk.hidden_part("__MACOSX/a/b.wav") == "hidden folders"
    assert folder_walk.hidden_part("a/._b.wav") == "hidden files"


def test_a_long_account_is_cut_and_printable() -> None:
    left_out = LeftOut()
    for index in range(12):
        left_out.add_other(f"x.{index:02d}")
    left_out.add("hidden files", os.fsdecode(b"\xff\n"))
    left_out.add("hidden files", "second")
    assert left_out.text().startswith(r"2 hidden files (such as \xff\n), 1 .00 file (x.00)")
    assert left_out.text().endswith(", 5 more files")
    assert left_out.to_json()["hidden files"] == {"number": 2, "example": r"\xff\n"}
