"""Sounds in archives, packs and elsewhere are found and read as if they were plain files."""

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile

import h5py
import numpy as np
import pytest

from audioset_triplet.config import RecordsConfig
from audioset_triplet.data import audio_files
from audioset_triplet.data.audio_files import AudioError
from audioset_triplet.errors import UserError
from data_prep import audio_names, clip_maker, plan, sounds
from data_prep.plan import ClipRequest, Shard
from data_prep.segments import Segment
from data_prep.sounds import Location
from tests import datasets
from tests.data_prep.packed import FarFileSystem, noise, sound_bytes, write_pack, write_tar

LONG = "/".join(["folder with a long name"] * 6 + ["grüße.wav"])  # more than a header of tar holds
SOUNDS = {
    "a.wav": sound_bytes(noise(0.4, 22050, channels=2), 22050),
    "deep/er/b.FLAC": sound_bytes(noise(0.3, 44100), 44100, "FLAC"),
    "deep/c.ogg": sound_bytes(noise(0.5, 48000), 48000, "OGG", "VORBIS"),
    LONG: sound_bytes(noise(0.2), 16000),
}
OTHERS = {"notes.txt": b"text", "deep/._c.ogg": b"of macOS", "cover.jpg": b"picture"}
BLOCK = 512


def write_files(folder, members):
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def gzipped(members):
    return {f"{name}.gz": gzip.compress(data) for name, data in members.items()}


def load(location):
    with sounds.local_file(location) as path:
        return audio_files.load(path)


def found_below(source):
    return {sounds.below(source, sound): sound for sound in sounds.find(source)}


def packed(kind, folder, members):
    """(source, what `below` gives, without the sound's own name) for sounds that are put into a container."""
    folder.mkdir()
    if kind == "files":
        return write_files(folder, members), "", ""
    if kind == "gzip":
        return write_files(folder, gzipped(members)), "", ".gz"
    if kind == "gzip in tar":
        write_tar(folder / "x.tar", gzipped(members))
        return folder, "x.tar/", ".gz"
    formats = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT}
    write_tar(folder / "x.tar", members, formats[kind.split()[0]])
    return (folder / "x.tar", "", "") if kind.endswith("alone") else (folder, "x.tar/", "")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = write_files(tmp_path_factory.mktemp("plain"), SOUNDS)
    return {name: audio_files.load(folder / name) for name in SOUNDS}


@pytest.mark.parametrize("place", ["", "far://"], ids=["here", "elsewhere"])
@pytest.mark.parametrize("kind", ["files", "gzip", "pax", "pax alone", "gnu", "gzip in tar"])
def test_every_container_gives_the_samples_of_the_plain_file(tmp_path, plain, kind, place, capfd):
    source, before, after = packed(kind, tmp_path / "in", {**SOUNDS, **OTHERS})
    source = f"{place}{source}"
    found = found_below(source)
    assert list(found) == sorted((f"{before}{name}{after}" for name in SOUNDS), key=lambda name: name.split("/"))
    for name, samples in plain.items():
        location = found[f"{before}{name}{after}"]
        assert str(location) == (f"{source}/{before}{name}{after}")
        assert location.stem == os.path.splitext(os.path.basename(name))[0]
        np.testing.assert_array_equal(load(location), samples)
        assert Location(**json.loads(json.dumps(vars(location)))) == location
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("place", ["", "far://"], ids=["here", "elsewhere"])
def test_a_pack(tmp_path, place):
    """Scale 1/32767, and rows without a name are clips that were missing."""
    waveforms = np.random.default_rng(0).integers(-32767, 32768, [4, 1600], np.int16)
    waveforms[1] = 0
    write_pack(tmp_path / "eval.h5", ["Yb.wav", "", "Ya.wav", "no extension"], waveforms, rate_hz=16000)
    found = found_below(f"{place}{tmp_path}")
    assert list(found) == ["eval.h5/Ya.wav", "eval.h5/Yb.wav", "eval.h5/no extension"]
    assert [sound.stem for sound in found.values()] == ["Ya", "Yb", "no extension"]
    for sound, row in zip(found.values(), (2, 0, 3)):
        np.testing.assert_array_equal(load(sound), waveforms[row].astype(np.float32) / np.float32(32767))
        assert sound.start == row and sound.size == 3200


def test_a_pack_of_another_rate_equals_a_plain_file_of_floats(tmp_path):
    waveform = np.random.default_rng(0).integers(-9999, 9999, [1, 32000], np.int16)
    write_pack(tmp_path / "x.hdf5", ["a.wav"], waveform)
    floats = waveform[0].astype(np.float32) / np.float32(32767)
    (tmp_path / "a.wav").write_bytes(sound_bytes(floats, 32000, subtype="FLOAT"))
    in_file, in_pack = sounds.find(tmp_path)
    np.testing.assert_array_equal(load(in_pack), load(in_file))


def test_a_segment_that_was_padded_with_silence_to_ten_seconds_is_trimmed(tmp_path):
    """As packs hold the segments of AudioSet that are shorter. What goes on after its end is no such segment."""
    waveforms = np.zeros([2, 320000], np.int16)
    waveforms[:, : 7 * 32000] = np.random.default_rng(0).integers(-9999, 9999, 7 * 32000)
    waveforms[1, -1] = 99
    write_pack(tmp_path / "x.h5", ["padded", "other"], waveforms)
    found = found_below(tmp_path)

    def make(name, audio="pcm"):
        request = ClipRequest("g", found[f"x.h5/{name}"], name, name, 3.0, 10.0, (), (), -1)
        return list(clip_maker.make_clips(request, RecordsConfig(audio=audio)))

    [made] = make("padded")
    assert len(made.clip.pcm) == 7 * 16000 and made.rate_hz == 32000 and not made.is_short
    [encoded] = make("padded", "encoded")  # a row has no bytes that a record could keep
    np.testing.assert_array_equal(encoded.clip.pcm, made.clip.pcm)
    with pytest.raises(AudioError, match=r"x\.h5/other: wrong duration: longer than the 7\.00 s") as caught:
        make("other")
    assert caught.value.reason == "wrong duration"


CONVENTIONS = (
    "Y{}.wav",
    "{}_30000_40000.flac",
    "Y{}_30.000_40.000.wav",
    "{}_30-40.mp3",
    "{}_30.wav",
    "{}.flac",
)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("kind", ["files", "gzip", "pax", "gzip in tar", "pack"])
def test_every_naming_convention_is_known_in_every_container(tmp_path, kind, convention):
    ids = ["-0_y-_30_40", "Yabcdefghi-", "__________Y", "R9_ZSCveAHg"]
    names = [convention.format(id_) for id_ in ids]
    if kind == "pack":
        write_pack(tmp_path / "x.h5", names, np.ones([4, 8], np.int16))
    else:
        packed(kind, tmp_path / "in", {f"part00/{name}": b"x" for name in names})
    found = audio_names.find(tmp_path, [Segment(id_, 30.0, 40.0, ("/m/1",)) for id_ in [*ids, "absent_____"]])
    assert {clip_id: sound.name.replace(".gz", "") for clip_id, sound in found.items()} == {
        f"{id_}_30000": name for id_, name in zip(ids, names)
    }


def test_of_one_name_the_last_member_counts_and_links_are_followed(tmp_path):
    first, second = (sound_bytes(noise(0.1, seed=seed), 16000) for seed in (1, 2))
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name, data in (("./a.wav", first), ("a.wav", second), ("other/b.wav", first)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, type_, target in (
            ("hard.wav", tarfile.LNKTYPE, "other/b.wav"),
            ("other/soft.wav", tarfile.SYMTYPE, "../a.wav"),
            ("nowhere.wav", tarfile.SYMTYPE, "/gone.wav"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = type_, target
            tar.addfile(info)
    found = found_below(tmp_path / "x.tar")
    assert list(found) == ["a.wav", "hard.wav", "other/b.wav", "other/soft.wav"]
    for name, data in {"a.wav": second, "hard.wav": first, "other/soft.wav": second}.items():
        with sounds.local_file(found[name]) as path:
            assert path.read_bytes() == data


def test_one_sound_of_a_large_archive_is_read_alone(tmp_path):
    """Ten gigabytes of which nothing is stored: a hole in the file."""
    data = sound_bytes(noise(0.1), 16000)
    with open(tmp_path / "x.tar", "wb") as file:
        info = tarfile.TarInfo("huge.bin")
        info.size = 10 << 30
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.seek(info.size, io.SEEK_CUR)
        info = tarfile.TarInfo("a.wav")
        info.size = len(data)
        file.write(info.tobuf() + data)
        file.truncate(-(-file.tell() // BLOCK) * BLOCK + 2 * BLOCK)
    FarFileSystem.num_bytes_read = 0
    [location] = sounds.find(f"far://{tmp_path}")
    with sounds.local_file(location) as path:
        assert path.read_bytes() == data
    assert FarFileSystem.num_bytes_read < 100_000


THREE = {f"{name}.wav": sound_bytes(noise(0.1, seed=ord(name)), 16000) for name in "abc"}


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def what_can_be_read(source):
    """Name -> "fine", or why not."""
    results = {}
    for name, location in found_below(source).items():
        try:
            results[name] = "fine" if len(load(location)) else ""
        except AudioError as error:
            assert str(error).startswith(f"{source}/{name}: {error.reason}: ")
            results[name] = error.reason
    return results


def test_a_damaged_member_costs_that_member_alone(tmp_path, capfd):
    infos = write_tar(tmp_path / "x.tar", THREE)
    overwrite(tmp_path / "x.tar", infos["b.wav"].offset_data, b"no sound at all")
    assert what_can_be_read(tmp_path / "x.tar") == {"a.wav": "fine", "b.wav": "unreadable", "c.wav": "fine"}
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("damaged", THREE)
def test_a_damaged_header_costs_that_member_alone(tmp_path, capfd, damaged):
    infos = write_tar(tmp_path / "x.tar", THREE)
    overwrite(tmp_path / "x.tar", infos[damaged].offset + 100, b"\xff\xff\xff")
    assert what_can_be_read(tmp_path / "x.tar") == dict.fromkeys(set(THREE) - {damaged}, "fine")
    message = capfd.readouterr().err
    assert f"{tmp_path / 'x.tar'}: " in message and message.count("\n") == 1
    assert ("cut off, or damaged, behind b.wav" if damaged == "c.wav" else "damaged in 1 places") in message


def test_a_header_for_all_members_is_no_damage(tmp_path, capfd):
    """As git archive writes one."""
    with tarfile.open(tmp_path / "x.tar", "w", pax_headers={"comment": "of the whole archive"}) as tar:
        for name, data in THREE.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    assert what_can_be_read(tmp_path / "x.tar") == dict.fromkeys(THREE, "fine")
    assert capfd.readouterr().err == ""


def test_a_sparse_member_is_said_and_left_out(tmp_path, capfd):
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
def test_a_damaged_header_behind_a_long_name_costs_that_member_alone(tmp_path, capfd, damaged):
    names = [f"{index}/{LONG}" for index in range(3)]
    infos = write_tar(tmp_path / "x.tar", dict.fromkeys(names, SOUNDS[LONG]))
    start = infos[names[damaged]].offset_data - BLOCK
    overwrite(tmp_path / "x.tar", start + 100, b"\xff\xff\xff")
    assert set(what_can_be_read(tmp_path / "x.tar")) == set(names) - {names[damaged]}
    assert "damaged in 1 places" in capfd.readouterr().err


def test_an_archive_that_was_cut_off(tmp_path, capfd):
    infos = write_tar(tmp_path / "x.tar", THREE)
    whole = (tmp_path / "x.tar").read_bytes()
    b = infos["b.wav"]
    for num_bytes, expected in {
        b.offset_data + 1000: {"a.wav": "fine", "b.wav": "truncated"},  # in its sound
        b.offset_data: {"a.wav": "fine", "b.wav": "truncated"},
        b.offset + 100: {"a.wav": "fine"},  # in its header
        b.offset: {"a.wav": "fine"},  # between two members, of which there is no sign but the missing end
    }.items():
        (tmp_path / "x.tar").write_bytes(whole[:num_bytes])
        assert what_can_be_read(tmp_path / "x.tar") == expected
        last = list(expected)[-1]
        assert f"x.tar: cut off, or damaged, behind {last}: files that may" in capfd.readouterr().err
    (tmp_path / "x.tar").write_bytes(whole)
    assert what_can_be_read(tmp_path / "x.tar") == dict.fromkeys(THREE, "fine")
    assert capfd.readouterr().err == ""


def test_two_archives_one_behind_the_other(tmp_path, capfd):
    for name in THREE:
        write_tar(tmp_path / f"{name}.tar", {name: THREE[name]})
    (tmp_path / "all").write_bytes(b"".join((tmp_path / f"{name}.tar").read_bytes() for name in THREE))
    (tmp_path / "all").rename(tmp_path / "all.tar")
    assert what_can_be_read(tmp_path / "all.tar") == dict.fromkeys(THREE, "fine")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "contents, message", [(b"", "empty"), (b"no archive" * 200, "behind its beginning")], ids=["empty", "other"]
)
def test_what_is_no_archive_is_said(tmp_path, capfd, contents, message):
    (tmp_path / "x.tar").write_bytes(contents)
    assert list(sounds.find(tmp_path)) == []
    assert message in capfd.readouterr().err


def test_compressed_archives_are_named(tmp_path, capfd):
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.wav"))
    with pytest.raises(UserError, match=r"--source=.*x\.tar\.gz: a compressed archive: unpack it first"):
        list(sounds.find(tmp_path / "x.tar.gz"))
    write_files(tmp_path, {"a.wav": b"x"})
    assert [sound.name for sound in sounds.find(tmp_path)] == ["a.wav"]
    assert "1 compressed archives" in capfd.readouterr().err
    write_files(tmp_path, {"y.TGZ": b"x", "deep/z.zip": b"x"})
    assert [sound.name for sound in sounds.find(tmp_path)] == ["a.wav"]
    message = capfd.readouterr().err
    assert message.count("\n") == 1
    assert "3 compressed archives, such as" in message and "deep/z.zip, are not looked into: unpack" in message


def test_a_damaged_gzip_file_is_a_reject_of_its_own(tmp_path):
    data = sound_bytes(noise(1.0), 16000)
    packed_bytes = gzip.compress(data)
    wrong_sum = packed_bytes[:-8] + bytes(4) + packed_bytes[-4:]
    damaged = {
        "cut": (packed_bytes[:-2000], "truncated"),
        "in the middle": (packed_bytes[:1000] + bytes(1000) + packed_bytes[2000:], "unreadable"),
        "sum": (wrong_sum, "unreadable"),
        "other": (b"no gzip file", "unreadable"),
        "no bytes": (b"", "empty"),
        "of no bytes": (gzip.compress(b""), "empty"),
        "of a damaged sound": (gzip.compress(data[:-1000]), "truncated"),
        "fine": (packed_bytes, "fine"),
    }
    write_files(tmp_path, {f"{name}.wav.gz": contents for name, (contents, _) in damaged.items()})
    assert what_can_be_read(tmp_path) == {f"{name}.wav.gz": reason for name, (_, reason) in damaged.items()}
    [location] = [sound for sound in sounds.find(tmp_path) if sound.stem == "fine"]
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
def test_a_file_that_is_no_pack_is_said_and_left_out(tmp_path, capfd, change, message):
    write_pack(tmp_path / "x.h5", ["a", "b"], np.ones([2, 8], np.int16))
    with h5py.File(tmp_path / "x.h5", "r+") as pack:
        change(pack)
    (tmp_path / "y.wav").touch()
    assert [sound.name for sound in sounds.find(tmp_path)] == ["y.wav"]
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and str(tmp_path / "x.h5") in error
    assert message.replace("\\", "") in error


def _replace(pack, name, values):
    del pack[name]
    pack[name] = values


def test_a_pack_that_was_cut_off_is_said_and_left_out(tmp_path, capfd):
    write_pack(tmp_path / "x.h5", ["a", "b"], np.ones([2, 8000], np.int16))
    os.truncate(tmp_path / "x.h5", 20000)
    assert list(sounds.find(tmp_path)) == []
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


def digest(source):
    requests = [
        ClipRequest("g", sound, clip_id, clip_id, 0.0, None, (), (), -1)
        for clip_id, sound in found_below(source).items()
    ]
    return Shard("x", requests).digest


def test_a_replaced_sound_is_noticed_and_a_moved_folder_is_not(tmp_path):
    folder = write_files(tmp_path / "in", {"a.wav": b"x" * 100})
    write_tar(folder / "x.tar", {"b.wav": b"y" * 100, "c.wav": b"z"})
    write_pack(folder / "x.h5", ["d"], np.ones([1, 8], np.int16))
    os.utime(folder / "x.h5", (1000, 1000))
    before = digest(folder)
    folder = folder.rename(tmp_path / "elsewhere")
    assert digest(folder) == before
    write_tar(folder / "x.tar", {"another.txt": b"", "b.wav": b"y" * 100, "c.wav": b"z"})  # they lie elsewhere in it
    assert digest(folder) == before
    shutil.copytree(folder, tmp_path / "copy")
    assert digest(tmp_path / "copy") == before

    def changed(change):
        shutil.rmtree(tmp_path / "copy")
        shutil.copytree(folder, tmp_path / "copy")
        change(tmp_path / "copy")
        return digest(tmp_path / "copy") != before

    assert not changed(lambda copy: None)
    assert changed(lambda copy: (copy / "a.wav").write_bytes(b"x" * 99))
    assert changed(lambda copy: write_tar(copy / "x.tar", {"b.wav": b"y" * 99, "c.wav": b"z"}))
    assert changed(lambda copy: write_tar(copy / "x.tar", {"b.wav": b"Y" * 100, "c.wav": b"z"}, mtime=8))
    assert changed(lambda copy: os.utime(copy / "x.h5", (2000, 2000)))


def test_a_plan_survives_its_file(tmp_path):
    write_tar(tmp_path / "x.tar", {LONG: b"y" * 100})
    (tmp_path / os.fsdecode(b"\xff.wav")).touch()  # no text
    requests = [ClipRequest("g", one, str(one), "r", 0.0, None, (), (), -1, 2.5) for one in sounds.find(tmp_path)]
    shard = Shard("x", requests)
    assert len(requests) == 2 and Shard.from_json_lines("x", shard.to_json_lines()) == shard
    assert plan.digest_of_clips(requests) and shard.digest  # of ids, which are text
    assert str(requests[1].sound).endswith("/\\udcff.wav")
    assert requests[1].is_found and os.path.exists(requests[1].sound.path)


def test_what_vanishes_elsewhere_is_missing(tmp_path):
    write_files(tmp_path, {"a.wav": SOUNDS["a.wav"]})
    [location] = sounds.find(f"far://{tmp_path}/a.wav")
    os.remove(tmp_path / "a.wav")
    with pytest.raises(AudioError, match=f"^far://{tmp_path}/a.wav: missing: "):
        load(location)


@pytest.mark.parametrize("source", ["nowhere", "far:///nowhere", "nothing://x", "far://{}/empty"])
def test_a_folder_that_is_not_there(tmp_path, source):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="--source=.*(no such folder|cannot be listed)"):
        list(sounds.find(source.format(tmp_path)))


def test_real_clips_in_every_container(tmp_path):
    clips = datasets.clips()
    members = {path.name: path.read_bytes() for path in sorted(clips.iterdir()) if path.suffix != ".mp4"}
    expected = {name: audio_files.load(clips / name) for name in members}
    for kind in ("files", "gzip", "pax", "gzip in tar"):
        source, before, after = packed(kind, tmp_path / kind, members)
        found = found_below(source)
        assert set(found) == {f"{before}{name}{after}" for name in members}
        for name, samples in expected.items():
            np.testing.assert_array_equal(load(found[f"{before}{name}{after}"]), samples)
