"""Tar archives and packs that are damaged, truncated, sparse, or something else."""

import gzip
import io
import os
import shutil
import subprocess
import tarfile

import h5py
import numpy as np
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.media.folder_walk import LeftOut
from data_prep import audio_sources
from tests.data_prep.packed import (
    BLOCK,
    LONG,
    audio_bytes,
    load,
    locations_below,
    noise,
    write_files,
    write_pack,
    write_tar,
)

THREE = {f"{name}.wav": audio_bytes(noise(0.1, seed=ord(name)), 16000) for name in "abc"}


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def what_can_be_read(source):
    """Name -> "fine", or why not."""
    results = {}
    for name, location in locations_below(source).items():
        try:
            results[name] = "fine" if len(load(location)) else ""
        except AudioError as error:
            assert str(error).startswith(f"{source}/{name}: {error.reason}: ")
            results[name] = error.reason
    return results


def test_a_damaged_member_costs_that_member_alone(tmp_path, capfd):
    infos = write_tar(tmp_path / "x.tar", THREE)
    overwrite(tmp_path / "x.tar", infos["b.wav"].offset_data, b"no audio at all")
    assert what_can_be_read(tmp_path / "x.tar") == {"a.wav": "fine", "b.wav": "unreadable", "c.wav": "fine"}
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("damaged", THREE)
def test_a_damaged_header_costs_that_member_alone(tmp_path, capfd, damaged):
    infos = write_tar(tmp_path / "x.tar", THREE)
    overwrite(tmp_path / "x.tar", infos[damaged].offset + 100, b"\xff\xff\xff")
    assert what_can_be_read(tmp_path / "x.tar") == dict.fromkeys(set(THREE) - {damaged}, "fine")
    message = capfd.readouterr().err
    assert f"{tmp_path / 'x.tar'}: " in message and message.count("\n") == 1
    assert ("truncated, or damaged, after b.wav" if damaged == "c.wav" else "damaged in 1 places") in message


def test_a_header_for_all_members_is_no_damage(tmp_path, capfd):
    """As git archive writes one."""
    with tarfile.open(tmp_path / "x.tar", "w", pax_headers={"comment": "of the whole archive"}) as tar:
        for name, data in THREE.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    assert what_can_be_read(tmp_path / "x.tar") == dict.fromkeys(THREE, "fine")
    assert capfd.readouterr().err == ""


def test_a_sparse_member_is_named_and_left_out(tmp_path, capfd):
    tar = shutil.which("tar")
    if not tar or "GNU" not in subprocess.run([tar, "--version"], capture_output=True, text=True).stdout:
        pytest.skip("needs GNU tar, which writes sparse files")
    (tmp_path / "in").mkdir()
    with open(tmp_path / "in" / "a.wav", "wb") as file:
        file.write(THREE["a.wav"])
        file.truncate(10_000_000)
    (tmp_path / "in" / "b.wav").write_bytes(THREE["b.wav"])
    for format in ("gnu", "pax"):
        subprocess.run(
            [tar, "--sparse", f"--format={format}", "-cf", "x.tar", "-C", "in", "."], cwd=tmp_path, check=True
        )
        assert what_can_be_read(tmp_path / "x.tar") == {"b.wav": "fine"}
        error = capfd.readouterr().err
        assert "x.tar: a.wav is stored as a sparse file" in error and error.count("\n") == 1


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_damaged_header_after_a_long_name_costs_that_member_alone(tmp_path, capfd, damaged):
    names = [f"{index}/{LONG}" for index in range(3)]
    infos = write_tar(tmp_path / "x.tar", dict.fromkeys(names, audio_bytes(noise(0.2), 16000)))
    start = infos[names[damaged]].offset_data - BLOCK
    overwrite(tmp_path / "x.tar", start + 100, b"\xff\xff\xff")
    assert set(what_can_be_read(tmp_path / "x.tar")) == set(names) - {names[damaged]}
    assert "damaged in 1 places" in capfd.readouterr().err


def test_a_truncated_archive(tmp_path, capfd):
    infos = write_tar(tmp_path / "x.tar", THREE)
    whole = (tmp_path / "x.tar").read_bytes()
    b = infos["b.wav"]
    for num_bytes, expected in {
        b.offset_data + 1000: {"a.wav": "fine", "b.wav": "truncated"},  # in its audio
        b.offset_data: {"a.wav": "fine", "b.wav": "truncated"},
        b.offset + 100: {"a.wav": "fine"},  # in its header
        b.offset: {"a.wav": "fine"},  # between two members, of which there is no sign but the missing end
    }.items():
        (tmp_path / "x.tar").write_bytes(whole[:num_bytes])
        assert what_can_be_read(tmp_path / "x.tar") == expected
        last = list(expected)[-1]
        assert f"x.tar: truncated, or damaged, after {last}: any later files" in capfd.readouterr().err
    (tmp_path / "x.tar").write_bytes(whole)
    assert what_can_be_read(tmp_path / "x.tar") == dict.fromkeys(THREE, "fine")
    assert capfd.readouterr().err == ""


def test_two_archives_in_a_row(tmp_path, capfd):
    for name in THREE:
        write_tar(tmp_path / f"{name}.tar", {name: THREE[name]})
    (tmp_path / "all").write_bytes(b"".join((tmp_path / f"{name}.tar").read_bytes() for name in THREE))
    (tmp_path / "all").rename(tmp_path / "all.tar")
    assert what_can_be_read(tmp_path / "all.tar") == dict.fromkeys(THREE, "fine")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "contents, message", [(b"", "empty"), (b"no archive" * 200, "after its beginning")], ids=["empty", "other"]
)
def test_a_file_that_is_no_archive_is_named(tmp_path, capfd, contents, message):
    (tmp_path / "x.tar").write_bytes(contents)
    assert list(audio_sources.find(tmp_path)) == []
    assert message in capfd.readouterr().err


def test_compressed_archives_are_named(tmp_path):
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.wav"))
    with pytest.raises(UserError, match=r"--source=.*x\.tar\.gz: a compressed archive: unpack it first"):
        list(audio_sources.find(tmp_path / "x.tar.gz"))
    write_files(tmp_path, {"a.wav": b"x"})
    write_files(tmp_path, {"y.TGZ": b"x", "deep/z.zip": b"x"})
    left_out = LeftOut()
    assert [location.name for location in audio_sources.find(tmp_path, left_out)] == ["a.wav"]
    [(kind, (number, example))] = left_out.kinds.items()
    assert kind.startswith("compressed archives, which are not searched: unpack") and number == 3
    assert example.endswith("deep/z.zip")


@pytest.mark.parametrize("place", ["", "far://"], ids=["local", "remote"])
def test_hidden_and_other_members_are_counted_as_in_a_folder(tmp_path, place):
    members = dict.fromkeys(("a/b.wav", "__MACOSX/a/._b.wav", "a/._b.wav", "a/.DS_Store", "a/b.txt"), b"x")
    write_tar(tmp_path / "in.tar", members)
    write_files(tmp_path / "in", members)
    for source in ("in.tar", "in"):
        left_out = LeftOut()
        assert [one.name for one in audio_sources.find(f"{place}{tmp_path}/{source}", left_out)] == ["b.wav"]
        counts = {kind: number for kind, (number, _) in left_out.kinds.items()}
        assert counts == {"hidden folders": 1, "hidden files": 2, ".txt files": 1}


def test_an_archive_that_cannot_be_opened_is_named(tmp_path, capfd):
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    write_tar(tmp_path / "x.tar", THREE)
    (tmp_path / "x.tar").chmod(0)
    assert list(audio_sources.find(tmp_path)) == []
    assert "x.tar: left out: Permission denied" in capfd.readouterr().err


def test_a_damaged_gzip_file_is_a_reject_of_its_own(tmp_path):
    data = audio_bytes(noise(1.0), 16000)
    packed_bytes = gzip.compress(data)
    wrong_sum = packed_bytes[:-8] + bytes(4) + packed_bytes[-4:]
    damaged = {
        "cut": (packed_bytes[:-2000], "truncated"),
        "in the middle": (packed_bytes[:1000] + bytes(1000) + packed_bytes[2000:], "unreadable"),
        "sum": (wrong_sum, "unreadable"),
        "other": (b"no gzip file", "unreadable"),
        "no bytes": (b"", "empty"),
        "of no bytes": (gzip.compress(b""), "empty"),
        "of a damaged file": (gzip.compress(data[:-1000]), "truncated"),
        "fine": (packed_bytes, "fine"),
    }
    write_files(tmp_path, {f"{name}.wav.gz": contents for name, (contents, _) in damaged.items()})
    assert what_can_be_read(tmp_path) == {f"{name}.wav.gz": reason for name, (_, reason) in damaged.items()}
    [location] = [location for location in audio_sources.find(tmp_path) if location.stem == "fine"]
    os.remove(location.path)
    with pytest.raises(AudioError, match="fine.wav.gz: missing"):
        load(location)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda pack: pack.__delitem__("waveform"), "waveform"),
        (lambda pack: pack.attrs.__delitem__("sample_rate"), "sample_rate"),
        (lambda pack: pack.attrs.modify("sample_rate", 0), "sample_rate"),
        (lambda pack: pack.move("target", "x") or _replace(pack, "audio_name", np.array([b"a"])), "for 1 names"),
        (lambda pack: _replace(pack, "waveform", np.zeros([2, 8], np.int32)), "int32"),
        (lambda pack: _replace(pack, "waveform", np.zeros(2, np.int16)), r"\(2,\)"),
    ],
)
def test_a_file_that_is_no_pack_is_named_and_left_out(tmp_path, capfd, change, message):
    write_pack(tmp_path / "x.h5", ["a", "b"], np.ones([2, 8], np.int16))
    with h5py.File(tmp_path / "x.h5", "r+") as pack:
        change(pack)
    (tmp_path / "y.wav").touch()
    assert [location.name for location in audio_sources.find(tmp_path)] == ["y.wav"]
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and str(tmp_path / "x.h5") in error
    assert message.replace("\\", "") in error


def _replace(pack, name, values):
    del pack[name]
    pack[name] = values


def test_a_truncated_pack_is_named_and_left_out(tmp_path, capfd):
    write_pack(tmp_path / "x.h5", ["a", "b"], np.ones([2, 8000], np.int16))
    os.truncate(tmp_path / "x.h5", 20000)
    assert list(audio_sources.find(tmp_path)) == []
    assert "truncated file" in capfd.readouterr().err


def test_a_damaged_row_of_a_pack_costs_that_row_alone(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as pack:
        pack["audio_name"] = ["a", "b", "c"]  # of variable length, as h5py stores text
        waveform = pack.create_dataset("waveform", (3, 4000), np.int16, chunks=(1, 4000), fletcher32=True)
        waveform[:] = 100
        pack.attrs["sample_rate"] = 16000
        offset = waveform.id.get_chunk_info(1).byte_offset
    overwrite(tmp_path / "x.h5", offset, b"12345678")
    assert what_can_be_read(tmp_path / "x.h5") == {"a": "fine", "b": "unreadable", "c": "fine"}
