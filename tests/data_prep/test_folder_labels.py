"""Labels and published folds, from the names of folders or from a table."""

import gzip
import json

import numpy as np
import pytest
import soundfile

from audioset_triplet.errors import UserError
from data_prep.folder import NO_LABELS, LabelTable
from tests import processes
from tests.data_prep.audio_folders import clips_of, pcm_of, write_noises
from tests.data_prep.packed import audio_bytes, noise, write_pack, write_tar
from tests.data_prep.written import contents, read, write


def test_labels_from_folders_in_archives_too(tmp_path, capfd):
    root = write_noises(tmp_path / "in", {"dog/a.wav": 0.2, "dog/deep/b.wav": 0.2, "ant/a.wav": 0.2, "c.wav": 0.2})
    data = audio_bytes(noise(0.2), 16000)
    write_tar(root / "part0.tar", {"cat/d.wav": data, "./dog/e.wav": data, "f.wav": data})
    (root / "cow").mkdir()
    write_tar(root / "cow" / "part1.tar", {"x/g.wav": data})
    (root / "cow" / "h.wav.gz").write_bytes(gzip.compress(data))
    write_pack(root / "cow" / "i.h5", ["j.wav", ""], np.ones([2, 3200], np.int16), 16000)
    clips = clips_of(root)
    assert f"{root}: 2 of 10 files have no label, such as c.wav" in capfd.readouterr().err
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


def table(path, text, **columns):
    path.write_text(text)
    names = dict(file_column="filename", labels_column="labels", separator=",")
    return LabelTable(path, **{**names, **columns})


def test_labels_from_a_table(tmp_path, capfd):
    names = ["a.wav", "deep/b.c.wav", "deep/a.flac", "d.wav.gz", "e.wav", "e.flac", "unlisted.wav"]
    root = write_noises(tmp_path / "in", dict.fromkeys([name for name in names if name != "d.wav.gz"], 0.2))
    (root / "d.wav.gz").write_bytes(gzip.compress(audio_bytes(noise(0.2), 16000)))
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
    assert "list.csv: 2 files have no row in it: left out, such as e.flac" in capfd.readouterr().err
    before = contents(tmp_path / "out")
    soundfile.write(root / "gone.wav", noise(0.2), 16000)  # found later: the list is the same, and so are most shards
    summary = write(clips_of(root, listed), tmp_path / "out")
    assert sorted(read(tmp_path / "out")) == ["a.wav", "b.c", "d", "deep/a", "e.wav", "gone"]
    after = contents(tmp_path / "out")
    assert len([name for name in before if name.endswith(".tfrecord") and before[name] != after[name]]) == 1


def test_published_folds_of_a_table(tmp_path):
    root = write_noises(tmp_path / "in", {"a.wav": 0.2, "b.wav": 0.2})
    text = "filename,labels,part\na,x,2\nb,y,11\n"
    listed = table(tmp_path / "list.csv", text, fold_column="part")
    requests = clips_of(root, listed, num_folds=5).requests
    assert [(one.clip_id, one.fold, one.group) for one in requests] == [("a", 2, "fold2"), ("b", 11, "fold11")]
    for bad, message in (
        ("0", "there is no fold 0: they are 1, 2 and so on"),
        ("x", "part is 'x', not a number"),
        ("2.5", "part is '2.5', not a whole number"),
        ("", "part is '', not a number"),
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
        ("filename,labels\na,x\na,y\n", r"line 3: a\.wav is named twice, before on line 2 with the labels 'x'"),
        ("filename,labels\na,x\na.wav,y\n", r"line 3: a\.wav is named twice, as a and as a\.wav"),
        ("filename,labels\ngone,x\nGONE,y\ngone,y\n", "line 4: gone is named twice, before on line 2"),
        ("filename,labels\nb,x\n", r"line 2: b may be deep/b\.wav or x/b\.wav: give its path"),
        ("filename,labels\n,x\n", "line 2: the column filename is empty"),
        ("file,labels\na,x\n", "no column 'filename', only file, labels"),
        ("filename,label\na,x\n", "no column 'labels'"),
        ("filename,labels\n", "names no file"),
        ("", "is empty"),
        ("filename,labels\n\xff", "line 2: not UTF-8"),
        ("filename,labels\na.wav,x,y\n", "line 2: has 3 values, and there are 2 columns"),
        ('filename,labels\na.wav,"x\nb,y\n', "line 2: a quote opens"),
    ],
)
def test_a_bad_table_is_one_clear_line(tmp_path, text, message):
    root = write_noises(tmp_path / "in", {"a.wav": 0.1, "deep/b.wav": 0.1, "x/b.wav": 0.1})
    (tmp_path / "list.csv").write_bytes(text.encode("latin-1"))
    listed = LabelTable(tmp_path / "list.csv", "filename", "labels", ",")
    with pytest.raises(UserError, match=rf"list\.csv: .*{message}"):
        clips_of(root, listed)


def test_names_of_other_systems_find_their_files(tmp_path, capfd):
    composed, apart = "\u00e9.wav", "e\u0301.wav"  # NFC and NFD
    root = write_noises(tmp_path / "in", {"dog/1.wav": 0.1, "dog/2.wav": 0.1, "cat/" + apart: 0.1, "a\\b.wav": 0.1})
    rows = ["dog\\1.wav,x", f"cat\\{composed},x", f"{root}/dog/2.wav,x", "a\\b.wav , y"]
    listed = table(tmp_path / "list.csv", "\n".join(["filename,labels", *rows]))
    found = {one.clip_id: (one.location is not None, one.label_names) for one in clips_of(root, listed).requests}
    assert found == {
        "dog/1.wav": (True, ("x",)),
        f"cat/{composed}": (True, ("x",)),
        "dog/2.wav": (True, ("x",)),
        "a\\b.wav": (True, ("y",)),
    }
    assert not capfd.readouterr().err


@pytest.mark.parametrize("name", ["A.WAV", "a.flac", "/elsewhere/deep/a.wav", "C:\\data\\a.wav", "a .wav"])
def test_a_name_without_a_file_is_counted_with_what_may_be_meant(tmp_path, capfd, name):
    root = write_noises(tmp_path / "in", {"a.wav": 0.1, "b.wav": 0.1})
    listed = table(tmp_path / "list.csv", f"filename,labels\nb.wav,x\n{name},y\ngone,y\n")
    requests = clips_of(root, listed).requests
    assert [one.location is None for one in requests] == [False, True, True]
    said = capfd.readouterr().err
    assert "list.csv: 2 of 3 files are not there, such as " in said and "(line 3); is it a.wav?" in said
