"""Any folder of sounds becomes records: names, labels, folds, and long sounds cut into clips."""

import csv
import gzip
import json
import os
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audioset_triplet.data import audio_files, clip_ids
from audioset_triplet.data.audio_files import AudioError
from audioset_triplet.errors import UserError
from data_prep import clip_maker, fold_sets, folder, plan, sounds
from data_prep.config import RecordsConfig
from data_prep.folder import FROM_FOLDERS, NO_LABELS, Clips, LabelTable
from data_prep.plan import ClipRequest
from tests import datasets, processes
from tests.data_prep.packed import noise, sound_bytes, write_pack, write_tar
from tests.data_prep.written import contents, read, write


def write_sounds(root, lengths, rate_hz=16000):
    """Name -> seconds; noises, each of its own."""
    for seed, (name, seconds) in enumerate(lengths.items()):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, noise(seconds, rate_hz, seed=seed), rate_hz)
    return root


def clips_of(source, labels=FROM_FOLDERS, **made):
    return folder.clips(str(source), labels, Clips(**made))


def pcm_of(path):
    return audio_files.to_pcm(audio_files.load(path))


def test_sounds_are_cut_into_clips(tmp_path):
    root = write_sounds(
        tmp_path / "in", {"long.wav": 5.5, "exact.flac": 2.0, "short.wav": 1.5, "over.wav": 4.05}, 22050
    )
    summary = write(clips_of(root, seconds=2.0), tmp_path / "out")
    clips = read(tmp_path / "out")
    times = {clip_id: (clip.start_seconds, clip.end_seconds) for clip_id, clip in clips.items()}
    assert times == {
        "long.wav@0": (0, 2),
        "long.wav@2000": (2, 4),
        "long.wav@4000": (4, 5.5),
        "exact.flac": (0, 2),  # a sound that gives one clip keeps its name
        "short.wav": (0, 1.5),
        "over.wav@0": (0, 2),  # 0.05 s are less than --min_seconds
        "over.wav@2000": (2, 4),
    }
    assert summary.num_clips == 7 and summary.hours == pytest.approx((5.5 + 2 + 1.5 + 4) / 3600)
    assert {clip_id: clip.recording_id for clip_id, clip in clips.items()} == {
        clip_id: clip_id.split("@")[0] for clip_id in clips
    }
    pieces = [clips[f"long.wav@{start}"].pcm for start in (0, 2000, 4000)]
    np.testing.assert_array_equal(np.concatenate(pieces), pcm_of(root / "long.wav"))
    np.testing.assert_array_equal(clips["exact.flac"].pcm, pcm_of(root / "exact.flac"))


def test_a_last_piece_is_dropped_only_if_it_is_too_short(tmp_path):
    root = write_sounds(tmp_path / "in", {"a.wav": 2.5, "b.wav": 0.4, "c.wav": 0.5})
    summary = write(clips_of(root, seconds=1.0), tmp_path / "out", min_seconds=0.5)
    assert sorted(read(tmp_path / "out")) == ["a.wav@0", "a.wav@1000", "a.wav@2000", "c.wav"]
    assert [(reject.clip_id, reject.reason) for reject in summary.rejects] == [("b.wav", "too short")]


def test_uncut(tmp_path, monkeypatch):
    root = write_sounds(tmp_path / "in", {"a.wav": 2.5, "b.wav": 3.5})
    monkeypatch.setattr(clip_maker, "_MOST_UNCUT_SAMPLES", 3 * 16000)
    summary = write(clips_of(root, seconds=0), tmp_path / "out")
    clips = read(tmp_path / "out")
    np.testing.assert_array_equal(clips["a.wav"].pcm, pcm_of(root / "a.wav"))
    assert clips["a.wav"].end_seconds == 2.5
    assert [(reject.clip_id, reject.reason) for reject in summary.rejects] == [("b.wav", "wrong duration")]


def test_encoded_records_keep_the_file_of_a_sound_that_is_one_clip(tmp_path):
    root = write_sounds(tmp_path / "in", {"a.flac": 1.0, "b.flac": 3.0}, 22050)
    (root / "c.flac.gz").write_bytes(gzip.compress((root / "a.flac").read_bytes()))
    write(clips_of(root, seconds=2.0), tmp_path / "out", audio="encoded")
    clips = read(tmp_path / "out")
    assert clips["a.flac"].encoded == clips["c.flac.gz"].encoded == (root / "a.flac").read_bytes()
    assert clips["a.flac"].encoded_num_samples == 16000 and clips["a.flac"].pcm is None
    assert not clips["b.flac@0"].encoded and len(clips["b.flac@2000"].pcm) == 16000


@pytest.mark.parametrize("held_seconds", [600, 1], ids=["read once", "read twice"])
def test_of_a_sound_that_is_damaged_in_the_middle_nothing_is_used(tmp_path, monkeypatch, held_seconds):
    monkeypatch.setattr(clip_maker, "_HELD_SAMPLES", held_seconds * 16000)
    root = write_sounds(tmp_path / "in", {"good.flac": 65.0, "cut.flac": 65.0, "bad.wav": 65.0})
    os.truncate(root / "cut.flac", os.path.getsize(root / "cut.flac") * 9 // 10)
    samples = noise(65).astype(np.float32)
    samples[64 * 16000] = np.nan
    soundfile.write(root / "bad.wav", samples, 16000, subtype="FLOAT")
    summary = write(clips_of(root), tmp_path / "out")
    clips = read(tmp_path / "out")
    assert sorted(clips) == [f"good.flac@{start}" for start in range(0, 65000, 10000)]
    np.testing.assert_array_equal(
        np.concatenate([clips[f"good.flac@{start}"].pcm for start in range(0, 65000, 10000)]),
        pcm_of(root / "good.flac"),
    )
    assert {reject.clip_id: reject.reason for reject in summary.rejects} == {
        "cut.flac": "truncated",
        "bad.wav": "not finite",
    }


def request_for(path):
    return ClipRequest("g", sounds.of_file(path), path.name, path.name, 0.0, None, (), (), -1, clip_seconds=10.0)


def test_memory_does_not_grow_with_the_length_of_a_sound(tmp_path, monkeypatch):
    monkeypatch.setattr(clip_maker, "_HELD_SAMPLES", 60 * 16000)
    soundfile.write(tmp_path / "a.wav", np.tile(noise(60), 10), 16000)  # 19 MB, 38 as floats
    tracemalloc.start()
    num_samples = sum(
        len(made.clip.pcm) for made in clip_maker.make_clips(request_for(tmp_path / "a.wav"), RecordsConfig())
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_samples == 600 * 16000 and peak < 15e6


def test_a_long_sound_that_changes_while_it_is_read_is_no_reject(tmp_path, monkeypatch):
    """Some of its clips are in the shard by then: it must not go on as if they were not."""
    monkeypatch.setattr(clip_maker, "_HELD_SAMPLES", 16000)
    soundfile.write(tmp_path / "a.wav", noise(95), 16000)
    clips = clip_maker.make_clips(request_for(tmp_path / "a.wav"), RecordsConfig())
    assert next(clips).clip.clip_id == "a.wav@0"
    os.truncate(tmp_path / "a.wav", 65 * 32000)
    with pytest.raises(UserError, match=r"a\.wav: changed while it was read") as caught:
        list(clips)
    assert not isinstance(caught.value, AudioError)


def test_labels_from_folders_in_archives_too(tmp_path, capfd):
    root = write_sounds(tmp_path / "in", {"dog/a.wav": 0.2, "dog/deep/b.wav": 0.2, "ant/a.wav": 0.2, "c.wav": 0.2})
    data = sound_bytes(noise(0.2), 16000)
    write_tar(root / "part0.tar", {"cat/d.wav": data, "./dog/e.wav": data, "f.wav": data})
    (root / "cow").mkdir()
    write_tar(root / "cow" / "part1.tar", {"x/g.wav": data})
    (root / "cow" / "h.wav.gz").write_bytes(gzip.compress(data))
    write_pack(root / "cow" / "i.h5", ["j.wav", ""], np.ones([2, 3200], np.int16), 16000)
    clips = clips_of(root)
    assert f"{root}: 2 of 10 sounds have no label, such as c.wav" in capfd.readouterr().err
    write(clips, tmp_path / "out")
    expected = {
        "dog/a.wav": "dog",
        "dog/deep/b.wav": "dog",
        "ant/a.wav": "ant",
        "c.wav": None,
        "part0.tar/cat/d.wav": "cat",
        "part0.tar/dog/e.wav": "dog",
        "part0.tar/f.wav": None,
        "cow/part1.tar/x/g.wav": "cow",
        "cow/h.wav.gz": "cow",
        "cow/i.h5/j.wav": "cow",
    }
    numbers = {"ant": 0, "cat": 1, "cow": 2, "dog": 3}
    written = {clip_id: (clip.labels, clip.label_names) for clip_id, clip in read(tmp_path / "out").items()}
    assert written == {name: ((numbers[label],), (label,)) if label else ((), ()) for name, label in expected.items()}
    description = json.loads((tmp_path / "out" / "records.json").read_text())
    assert description["class_names"] == {str(number): name for name, number in numbers.items()}
    capfd.readouterr()
    assert not any(request.labels or request.label_names for request in clips_of(root, NO_LABELS).requests)
    assert not capfd.readouterr().err
    alone = clips_of(root / "part0.tar").requests  # an archive is a folder
    assert [(one.clip_id, one.label_names) for one in alone] == [
        ("cat/d.wav", ("cat",)),
        ("dog/e.wav", ("dog",)),
        ("f.wav", ()),
    ]


def test_priors_count_clips_and_what_is_said_of_the_copy_counts_sounds(tmp_path):
    root = write_sounds(tmp_path / "in", {"dog/a.wav": 3.0, "ant/b.wav": 1.0})
    soundfile.write(root / "ant" / "silent.wav", np.zeros(32000), 16000)
    half = np.concatenate([np.zeros(16000), noise(1.0)])
    soundfile.write(root / "ant" / "half.wav", half, 16000)
    write(clips_of(root, seconds=1.0, num_folds=0), tmp_path / "out", num_shards=1)
    description = json.loads((tmp_path / "out" / "records.json").read_text())
    assert description["class_priors"] == {"0": 5 / 8, "1": 3 / 8} and description["num_clips"] == 8
    account = json.loads((tmp_path / "out" / "shards" / "sounds-00000-of-00001.tfrecord.json").read_text())
    assert account["silent"] == ["ant/silent.wav"] and account["rates_hz"] == {"16000": 4}
    assert account["cut"] == {"dog/a.wav": 3, "ant/silent.wav": 2, "ant/half.wav": 2}
    # The digest is of the clips, as evaluations know them.
    card = json.loads((tmp_path / "out" / "coverage.json").read_text())
    assert len(read(tmp_path / "out")) == 8 and card["total"]["clips_digest"] == clip_ids.digest(read(tmp_path / "out"))
    assert (card["total"]["used"], card["total"]["records"]) == (4, 8)
    page = (tmp_path / "out" / "coverage.html").read_text()
    assert "4 of 4 sounds, cut into 8 clips, can be used: 100%" in page
    assert "4 of 4 sounds, cut into 8 clips, (100%)" in page
    assert (account["num_clips"], account["num_samples"]) == (8, 8 * 16000)


def table(path, text, **columns):
    path.write_text(text)
    names = dict(file_column="filename", labels_column="labels", separator=",")
    return LabelTable(path, **{**names, **columns})


def test_labels_from_a_table(tmp_path, capfd):
    names = ["a.wav", "deep/b.c.wav", "deep/a.flac", "d.wav.gz", "e.wav", "e.flac", "unlisted.wav"]
    root = write_sounds(tmp_path / "in", dict.fromkeys([name for name in names if name != "d.wav.gz"], 0.2))
    (root / "d.wav.gz").write_bytes(gzip.compress(sound_bytes(noise(0.2), 16000)))
    listed = table(
        tmp_path / "list.csv",
        'fname,note,tags\na.wav,x,"Dog; bark, loud"\nb.c,x,Cat\n./deep/a,x,\nd,x,Dog;Dog;\ne.wav,,Cat\ngone,,Ant\n',
        file_column="fname",
        labels_column="tags",
        separator=";",
    )
    summary = write(clips_of(root, listed), tmp_path / "out")
    clips = read(tmp_path / "out")
    assert {clip_id: clip.label_names for clip_id, clip in clips.items()} == {
        "a.wav": ("Dog", "bark, loud"),
        "b.c": ("Cat",),
        "deep/a": (),
        "d": ("Dog",),
        "e.wav": ("Cat",),
    }
    assert clips["a.wav"].labels == (2, 3)  # Ant, Cat, Dog, "bark, loud"
    np.testing.assert_array_equal(clips["deep/a"].pcm, pcm_of(root / "deep" / "a.flac"))
    assert [(reject.clip_id, reject.reason) for reject in summary.missing] == [("gone", "missing")]
    assert not summary.rejects
    assert "list.csv: 2 sounds have no row in it and are left out, such as e.flac" in capfd.readouterr().err
    before = contents(tmp_path / "out")
    soundfile.write(root / "gone.wav", noise(0.2), 16000)  # found later: the list is the same, and so are most shards
    summary = write(clips_of(root, listed), tmp_path / "out")
    assert sorted(read(tmp_path / "out")) == ["a.wav", "b.c", "d", "deep/a", "e.wav", "gone"]
    after = contents(tmp_path / "out")
    assert len([name for name in before if name.endswith(".tfrecord") and before[name] != after[name]]) == 1


def test_published_folds_of_a_table(tmp_path):
    root = write_sounds(tmp_path / "in", {"a.wav": 0.2, "b.wav": 0.2})
    text = "filename,labels,part\na,x,2\nb,y,11\n"
    listed = table(tmp_path / "list.csv", text, fold_column="part")
    requests = clips_of(root, listed, num_folds=5).requests
    assert [(one.clip_id, one.fold, one.group) for one in requests] == [("a", 2, "fold2"), ("b", 11, "fold11")]
    for bad, message in (
        ("0", "there is no fold 0: they are 1, 2 and so on"),
        ("x", "invalid literal"),
        ("", "invalid"),
    ):
        listed = table(tmp_path / "bad.csv", text.replace("11", bad), fold_column="part")
        with pytest.raises(UserError, match=rf"bad\.csv: line 3: {message}"):
            clips_of(root, listed)
    with pytest.raises(UserError, match="no column 'fold', only filename, labels, part"):
        clips_of(root, table(tmp_path / "list.csv", text, fold_column="fold"))
    flags = processes.flags(source=root, output=tmp_path / "out", fold_column="part")
    result = processes.run("data_prep.prepare_folder", *flags)
    assert processes.error_of(result) == "error: --fold_column=part needs a CSV file in --labels."


@pytest.mark.parametrize(
    "text, message",
    [
        ("filename,labels\na,x\na,y\n", "line 3: a is named twice"),
        ("filename,labels\na,x\na.wav,y\n", r"line 3: a\.wav is named twice, as a and as a\.wav"),
        ("filename,labels\nb,x\n", r"line 2: b may be deep/b\.wav or x/b\.wav: give its path"),
        ("filename,labels\n,x\n", "line 2: the column filename is empty"),
        ("file,labels\na,x\n", "no column 'filename', only file, labels"),
        ("filename,label\na,x\n", "no column 'labels'"),
        ("filename,labels\n", "names no file"),
        ("", "names no file"),
        ("filename,labels\n\xff", "line"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(tmp_path, text, message):
    root = write_sounds(tmp_path / "in", {"a.wav": 0.1, "deep/b.wav": 0.1, "x/b.wav": 0.1})
    (tmp_path / "list.csv").write_bytes(text.encode("latin-1"))
    listed = LabelTable(tmp_path / "list.csv", "filename", "labels", ",")
    with pytest.raises(UserError, match=rf"list\.csv: .*{message}"):
        clips_of(root, listed)


def test_what_cannot_be_is_one_line(tmp_path):
    root = write_sounds(tmp_path / "in", {"a.wav": 0.1})
    (tmp_path / "empty").mkdir()
    for made, message in {
        ("seconds", -1.0): "--clip_seconds must be 0 or at least 0.1, not -1.0",
        ("seconds", 0.01): "--clip_seconds",
        ("seconds", float("nan")): "--clip_seconds",
        ("num_folds", -1): "--num_folds must be at least 0, not -1",
        ("recording", "(a"): "--recording=\\(a: no regular expression",
        ("recording", "a"): "--recording=a: needs one group in parentheses, not 0",
    }.items():
        with pytest.raises(UserError, match=message):
            clips_of(root, **dict([made]))
    with pytest.raises(UserError, match="empty: no sound in it"):
        clips_of(tmp_path / "empty")
    with pytest.raises(UserError, match=r"--labels=.*nothing\.csv: No such file"):
        clips_of(root, LabelTable(tmp_path / "nothing.csv", "filename", "labels", ","))


def test_folds_keep_recordings_together(tmp_path):
    names = [f"{recording}_{take}.wav" for recording in range(20) for take in range(3)]
    root = write_sounds(tmp_path / "in", dict.fromkeys(names, 0.1))
    requests = clips_of(root, recording=r"([^/_]+)_[^/]*$", num_folds=3).requests
    assert {(one.clip_id, one.recording_id) for one in requests} == {(name, name.split("_")[0]) for name in names}
    folds = {(one.recording_id, one.fold, one.group) for one in requests}
    assert len(folds) == 20 and {fold for _, fold, _ in folds} == {1, 2, 3}
    assert all(group == f"fold{fold}" for _, fold, group in folds)
    without = clips_of(root, num_folds=0).requests
    assert {(one.fold, one.group) for one in without} == {(-1, "sounds")}
    assert {one.recording_id for one in clips_of(root, recording="(nowhere)").requests} == set(names)


@settings(deadline=None)
@given(st.lists(st.text(max_size=5), unique=True, max_size=20), st.text(max_size=5), st.integers(1, 9))
def test_adding_a_recording_moves_no_other(recordings, another, num_folds):
    def folds(ids):
        made = Clips(num_folds=num_folds)
        return {one: made.request(one, None, ()).fold for one in ids}

    before, after = folds(recordings), folds([another, *recordings[::-1]])
    assert {one: after[one] for one in before} == before
    assert set(after.values()) <= set(range(1, num_folds + 1))


@pytest.mark.parametrize("num_folds", [2, 5, 10])
def test_folds_are_of_one_size_and_fill_all_shards(num_folds):
    """Within what chance allows: each count is binomial, and a fault would be far outside."""
    ids = [f"recording {number}" for number in range(5000)]
    folds = np.array([fold_sets.fold_of(one, num_folds) for one in ids])
    shards = np.array([plan.digest(one) % num_folds for one in ids])
    low, high = stats.binom.interval(1 - 1e-6, len(ids), 1 / num_folds)
    assert all(low <= (folds == fold).sum() <= high for fold in range(1, num_folds + 1))
    low, high = stats.binom.interval(1 - 1e-6, len(ids), 1 / num_folds**2)
    for fold in range(1, num_folds + 1):
        for shard in range(num_folds):
            assert low <= ((folds == fold) & (shards == shard)).sum() <= high


def test_the_program(tmp_path):
    root = write_sounds(tmp_path / "in", {"dog/a_1.wav": 2.5, "ant/b_1.wav": 1.0})
    (root / "ant" / "c.wav").write_bytes(b"no sound")
    arguments = processes.flags(
        source=root, output=tmp_path / "out", clip_seconds=1.0, num_folds=2, recording="([^/_]+)_", num_workers=1
    )
    result = processes.run("data_prep.prepare_folder", *arguments)
    assert result.returncode == 0, result.stderr
    assert "4 clips, 0.00 hours, 0 missing, 1 rejected" in result.stdout
    clips = read(tmp_path / "out")
    assert {(clip_id, clip.recording_id, clip.label_names) for clip_id, clip in clips.items()} == {
        *((f"dog/a_1.wav@{start}", "a", ("dog",)) for start in (0, 1000, 2000)),
        ("ant/b_1.wav", "b", ("ant",)),
    }
    with open(tmp_path / "out" / "rejects.csv", newline="") as file:
        assert [(row["clip_id"], row["reason"]) for row in csv.DictReader(file)] == [("ant/c.wav", "unreadable")]


def test_real_clips_in_a_folder_and_in_an_archive(tmp_path):
    """One clip in several codecs and rates: the records of both hold the same sound."""
    clips = datasets.clips()
    names = [path.name for path in sorted(clips.iterdir()) if path.suffix in (".flac", ".mp3", ".ogg", ".wav")]
    source = tmp_path / "tar"
    source.mkdir()
    write_tar(source / "x.tar", {name: (clips / name).read_bytes() for name in names})
    summary = write(clips_of(source, seconds=3.0), tmp_path / "out")
    written = read(tmp_path / "out")
    assert not summary.rejects and {clip.recording_id for clip in written.values()} == {f"x.tar/{n}" for n in names}
    for name in names:
        pieces = sorted(
            (c for c in written.values() if c.recording_id == f"x.tar/{name}"), key=lambda c: c.start_seconds
        )
        pcm = pcm_of(clips / name)
        together = np.concatenate([piece.pcm for piece in pieces])
        np.testing.assert_array_equal(together, pcm[: len(together)])
        assert 0 <= len(pcm) - len(together) < 0.1 * 16000
