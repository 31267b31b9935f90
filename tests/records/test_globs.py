"""Names of records: what exists, what a glob stands for, and what is there instead."""

import os
import pathlib

import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.records import globs


def test_expand(tmp_path: pathlib.Path) -> None:
    for name in ("b1", "a1", "a2", "c"):
        (tmp_path / name).write_bytes(b"")
    assert globs.expand(f"{tmp_path}/b*, {tmp_path}/a?,{tmp_path}/a1") == [
        f"{tmp_path}/{name}" for name in ("a1", "a2", "b1")
    ]
    for pattern, problem in (
        (f"{tmp_path}/a1,{tmp_path}/x*", "x.*no such file"),
        (f"{tmp_path}/absent/*", "no such file"),
        (str(tmp_path), r"no \*\.tfrecord in this folder; .* has [abc12, ]* and others$"),
        (f"{tmp_path}/absent/a.tfrecord", "no such file: there is no folder .*absent"),
        (" , ", "empty"),
    ):
        with pytest.raises(UserError, match=problem):
            globs.expand(pattern)


def test_names_are_no_globs_where_they_exist(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "rec [v2], a*b"
    for path in (
        folder / "1.tfrecord",
        folder / "2.tfrecord",
        tmp_path / "r 2" / "3.tfrecord",
        folder / ".4.tfrecord",
    ):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    both = [f"{folder}/{number}.tfrecord" for number in (1, 2)]
    for pattern in (folder, f"{folder}/", f"{folder}/*.tfrecord", f"{folder}/[12].tfrecord", ",".join(both)):
        assert sorted(map(os.path.normpath, globs.expand(str(pattern)))) == both
    assert globs.expand(f"{folder},{tmp_path}/r 2/*") == [f"{tmp_path}/r 2/3.tfrecord", *both]
    monkeypatch.setenv("HOME", str(folder))
    (tmp_path / "rec v").mkdir()
    (tmp_path / "rec v" / "5.tfrecord").touch()
    folder.rename(tmp_path / "rec [v2]")
    assert globs.expand(f"{tmp_path}/rec [v2]/*.tfrecord") == [
        f"{tmp_path}/rec [v2]/{number}.tfrecord" for number in (1, 2)
    ]
    (tmp_path / "rec [v2]").rename(folder)
    assert (
        globs.expand("$HOME/*.tfrecord") == both
        and globs.expand("~/1.tfrecord") == both[:1]
        and globs.expand("~") == both
    )


@pytest.mark.parametrize(
    "wanted, named",
    [
        ("fold9-*.tfrecord", "fold1-00000-of-00001.tfrecord, fold2-00000-of-00001.tfrecord, z.tfrecord and others"),
        ("rejects.json", "records.json and others"),
        ("coverage.htm", "coverage.html, fold1-00000-of-00001.tfrecord, "),
    ],
)
def test_the_nearest_files_of_the_extension_are_named(tmp_path: pathlib.Path, wanted: str, named: str) -> None:
    names = ["coverage.html", "fold1-00000-of-00001.tfrecord", "fold2-00000-of-00001.tfrecord", "records.json"]
    for name in [*names, "z.tfrecord", ".tfrecord"]:
        (tmp_path / name).touch()
    with pytest.raises(UserError, match="no such file; ") as caught:
        globs.expand(f"{tmp_path}/{wanted}")
    assert named in str(caught.value)
