"""Files in archives, in packs and on other machines are read like plain files."""

import io
import json
import os
import shutil
import tarfile

import numpy as np
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.media import audio_files
from audioset_triplet.media.audio_files import AudioError
from data_prep import audio_names, audio_sources, clip_maker, plan
from data_prep.audio_sources import Location
from data_prep.config import RecordsConfig
from data_prep.plan import ClipRequest, Shard
from data_prep.segments import Segment
from tests import datasets
from tests.data_prep.packed import (
    BLOCK,
    LONG,
    FarFileSystem,
    audio_bytes,
    gzipped,
    load,
    locations_below,
    noise,
    write_files,
    write_pack,
    write_tar,
)

AUDIO = {
    "a.wav": audio_bytes(noise(0.4, 22050, channels=2), 22050),
    "deep/er/b.FLAC": audio_bytes(noise(0.3, 44100), 44100, "FLAC"),
    "deep/c.ogg": audio_bytes(noise(0.5, 48000), 48000, "OGG", "VORBIS"),
    LONG: audio_bytes(noise(0.2), 16000),
}
OTHERS = {"notes.txt": b"text", "deep/._c.ogg": b"of macOS", "cover.jpg": b"image"}


def packed(kind, folder, members):
    """(source, prefix, suffix of the result of `below`) for files that are put into a container."""
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
    folder = write_files(tmp_path_factory.mktemp("plain"), AUDIO)
    return {name: audio_files.load(folder / name, sample_rate_hz=16000) for name in AUDIO}


@pytest.mark.parametrize("place", ["", "far://"], ids=["local", "remote"])
@pytest.mark.parametrize("kind", ["files", "gzip", "pax", "pax alone", "gnu", "gzip in tar"])
def test_every_container_gives_the_samples_of_the_plain_file(tmp_path, plain, kind, place, capfd):
    source, before, after = packed(kind, tmp_path / "in", {**AUDIO, **OTHERS})
    source = f"{place}{source}"
    found = locations_below(source)
    assert list(found) == sorted((f"{before}{name}{after}" for name in AUDIO), key=lambda name: name.split("/"))
    for name, samples in plain.items():
        location = found[f"{before}{name}{after}"]
        assert str(location) == (f"{source}/{before}{name}{after}")
        assert location.stem == os.path.splitext(os.path.basename(name))[0]
        np.testing.assert_array_equal(load(location), samples)
        assert Location(**json.loads(json.dumps(vars(location)))) == location
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("place", ["", "far://"], ids=["local", "remote"])
def test_a_pack(tmp_path, place):
    """Scale 1/32767, and rows without a name are clips that were missing."""
    waveforms = np.random.default_rng(0).integers(-32767, 32768, [4, 1600], np.int16)
    waveforms[1] = 0
    write_pack(tmp_path / "eval.h5", ["Yb.wav", "", "Ya.wav", "no extension"], waveforms, rate_hz=16000)
    found = locations_below(f"{place}{tmp_path}")
    assert list(found) == ["eval.h5/Ya.wav", "eval.h5/Yb.wav", "eval.h5/no extension"]
    assert [location.stem for location in found.values()] == ["Ya", "Yb", "no extension"]
    for location, row in zip(found.values(), (2, 0, 3)):
        np.testing.assert_array_equal(load(location), waveforms[row].astype(np.float32) / np.float32(32767))
        assert location.start == row and location.size == 3200


def test_a_pack_of_another_rate_equals_a_plain_file_of_floats(tmp_path):
    waveform = np.random.default_rng(0).integers(-9999, 9999, [1, 32000], np.int16)
    write_pack(tmp_path / "x.hdf5", ["a.wav"], waveform)
    floats = waveform[0].astype(np.float32) / np.float32(32767)
    (tmp_path / "a.wav").write_bytes(audio_bytes(floats, 32000, subtype="FLOAT"))
    in_file, in_pack = audio_sources.find(tmp_path)
    np.testing.assert_array_equal(load(in_pack), load(in_file))


def test_a_segment_padded_with_silence_is_trimmed(tmp_path):
    """As packs hold the segments of AudioSet that are shorter. What goes on after its end is no such segment."""
    waveforms = np.zeros([2, 320000], np.int16)
    waveforms[:, : 7 * 32000] = np.random.default_rng(0).integers(-9999, 9999, 7 * 32000)
    waveforms[1, -1] = 99
    write_pack(tmp_path / "x.h5", ["padded", "other"], waveforms)
    found = locations_below(tmp_path)

    def make(name, audio="pcm"):
        request = ClipRequest("g", found[f"x.h5/{name}"], name, name, 3.0, 10.0, (), (), -1)
        return list(clip_maker.make_clips(request, RecordsConfig(audio=audio)))

    [made] = make("padded")
    assert len(made.clip.pcm) == 7 * 16000 and made.file_rate_hz == 32000 and not made.is_short
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
    found, _, _ = audio_names.find(tmp_path, [Segment(id_, 30.0, 40.0, ("/m/1",)) for id_ in [*ids, "absent_____"]])
    assert {clip_id: location.name.replace(".gz", "") for clip_id, location in found.items()} == {
        f"{id_}_30000": name for id_, name in zip(ids, names)
    }


def test_the_last_member_of_a_name_counts_and_links_are_followed(tmp_path):
    first, second = (audio_bytes(noise(0.1, seed=seed), 16000) for seed in (1, 2))
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
    found = locations_below(tmp_path / "x.tar")
    assert list(found) == ["a.wav", "hard.wav", "other/b.wav", "other/soft.wav"]
    for name, data in {"a.wav": second, "hard.wav": first, "other/soft.wav": second}.items():
        with audio_sources.local_file(found[name]) as path:
            assert path.read_bytes() == data


def test_only_the_bytes_of_a_member_of_a_large_archive_are_read(tmp_path):
    """Ten gigabytes of which nothing is stored: a hole in the file."""
    data = audio_bytes(noise(0.1), 16000)
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
    [location] = audio_sources.find(f"far://{tmp_path}")
    with audio_sources.local_file(location) as path:
        assert path.read_bytes() == data
    assert FarFileSystem.num_bytes_read < 100_000


def digest(source):
    requests = [
        ClipRequest("g", location, clip_id, clip_id, 0.0, None, (), (), -1)
        for clip_id, location in locations_below(source).items()
    ]
    return Shard("x", requests).digest


def test_a_replaced_file_changes_the_digest_and_a_moved_folder_does_not(tmp_path):
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
    requests = [
        ClipRequest("g", one, str(one), "r", 0.0, None, (), (), -1, 2.5) for one in audio_sources.find(tmp_path)
    ]
    shard = Shard("x", requests)
    assert len(requests) == 2 and Shard.from_json_lines("x", shard.to_json_lines()) == shard
    assert plan.digest_of_clips(requests) and shard.digest  # of ids, which are text
    assert str(requests[1].location).endswith("/\\xff.wav")
    assert requests[1].is_found and os.path.exists(requests[1].location.path)


def test_a_remote_file_that_disappears_is_missing(tmp_path):
    write_files(tmp_path, {"a.wav": AUDIO["a.wav"]})
    [location] = audio_sources.find(f"far://{tmp_path}/a.wav")
    os.remove(tmp_path / "a.wav")
    with pytest.raises(AudioError, match=f"^far://{tmp_path}/a.wav: missing: "):
        load(location)


@pytest.mark.parametrize("source", ["nowhere", "far:///nowhere", "nothing://x", "far://{}/empty"])
def test_a_folder_that_is_not_there(tmp_path, source):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="--source=.*(no such folder|cannot be listed)"):
        list(audio_sources.find(source.format(tmp_path)))


def test_real_clips_in_every_container(tmp_path):
    clips = datasets.clips()
    members = {path.name: path.read_bytes() for path in sorted(clips.iterdir()) if path.suffix != ".mp4"}
    expected = {name: audio_files.load(clips / name, sample_rate_hz=16000) for name in members}
    for kind in ("files", "gzip", "pax", "gzip in tar"):
        source, before, after = packed(kind, tmp_path / kind, members)
        found = locations_below(source)
        assert set(found) == {f"{before}{name}{after}" for name in members}
        for name, samples in expected.items():
            np.testing.assert_array_equal(load(found[f"{before}{name}{after}"]), samples)
