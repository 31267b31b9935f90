"""A copy of AudioSet as people have them: six ways of naming, a fifth missing, a twentieth damaged, all counted."""

import collections
import csv
import gzip
import json
import os
import random
import string

import numpy as np
import pytest
import soundfile

from tests import datasets, processes
from tests.data_prep.written import read

NUM_LISTED, NUM_THERE, NUM_DAMAGED = 2500, 2000, 100
SECONDS = 5
CLASSES = 20
DAMAGES = ("unreadable", "truncated", "empty", "too short", "not finite", "wrong duration")
# id, start and a class -> the path without its extension, and the extensions that go with it.
NAMES = {
    "PANNs": lambda id_, start, name: (f"part{id_[0]}/Y{id_}", ("wav",)),
    "audiosetdl": lambda id_, start, name: (f"data/{id_}_{1000 * start}_{1000 * (start + SECONDS)}", ("flac",)),
    "DCASE": lambda id_, start, name: (f"Y{id_}_{start:.3f}_{start + SECONDS:.3f}", ("wav",)),
    "audioset-download": lambda id_, start, name: (f"{name}/{id_}_{start}-{start + SECONDS}", ("wav", "flac")),
    "audioset-processing": lambda id_, start, name: (f"{id_}_{start}", ("wav", "wav.gz")),
    "Hugging Face": lambda id_, start, name: (f"audio/bal_train/{id_}", ("flac",)),
}


def ids(generator):
    """Ids that are hard to tell from what stands around them, and plain ones."""
    alphabet = string.ascii_letters + string.digits + "-_"
    seen = set()
    for start in ("-", "_", "Y", "YY", "Y_", "--", "_10_15_", "0_", "") * NUM_LISTED:
        id_ = (start + "".join(generator.choices(alphabet, k=11)))[:11]
        if id_.lower() not in seen:  # a file system may not tell cases apart
            seen.add(id_.lower())
            yield id_


def damage(kind, path, audio):
    """Puts in the place of `path` what the program is to reject for this reason."""
    wave, rate = audio
    path.unlink()
    extension = path.name.split(".", 1)[1]
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "unreadable":
        path.write_bytes(b"<html>video unavailable</html>" * 100)
    elif kind == "too short":
        soundfile.write(path, wave[:100], rate, format=extension.upper())
    elif kind == "wrong duration":
        soundfile.write(path, np.tile(wave, 3), rate, format=extension.upper())
    elif kind == "not finite":
        wave = wave.copy()
        wave[len(wave) // 2] = np.nan
        soundfile.write(path, wave, rate, format="WAV", subtype="FLOAT")
    else:
        soundfile.write(path, wave, rate, format=extension.upper())
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.slow
def test_two_thousand_files(tmp_path):
    generator = random.Random(0)
    recordings = [soundfile.read(path) for path in sorted((datasets.esc50() / "audio").glob("*.flac"))[:40:2]]
    listed = [
        (id_, generator.randrange(0, 600), index % CLASSES) for index, id_ in zip(range(NUM_LISTED), ids(generator))
    ]
    there = generator.sample(listed, NUM_THERE)
    damaged = dict(zip((id_ for id_, _, _ in there), (DAMAGES * NUM_DAMAGED)[:NUM_DAMAGED]))

    with open(tmp_path / "eval_segments.csv", "w") as file:
        file.write("YTID,start_seconds,end_seconds,positive_labels\n")
        file.writelines(f"{id_},{start},{start + SECONDS},/m/{label:02d}\n" for id_, start, label in listed)
    with open(tmp_path / "classes.csv", "w") as file:
        file.write("index,mid,display_name\n")
        file.writelines(f'{label},/m/{label:02d},"Class {label:02d}"\n' for label in range(CLASSES))

    originals = {}  # every clip in each format, to be linked to
    for extension in ("wav", "flac", "wav.gz"):
        for index, (wave, rate) in enumerate(recordings):
            path = tmp_path / f"{index}.{extension}"
            soundfile.write(path.with_name(f"{index}.{extension.split('.')[0]}"), wave, rate)
            if extension.endswith(".gz"):
                path.write_bytes(gzip.compress(path.with_suffix("").read_bytes(), 1))
            originals[extension, index] = path
    reasons = collections.Counter()
    for index, (id_, start, label) in enumerate(there):
        stem, extensions = list(NAMES.values())[index % len(NAMES)](id_, start, f"Class {label:02d}")
        kind = damaged.get(id_)
        extension = "wav" if kind == "not finite" else generator.choice(extensions)
        if kind and extension.endswith(".gz"):
            extension = "wav"
        path = tmp_path / "copy" / f"{stem}.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(originals[extension, index % len(recordings)], path)
        if kind:
            damage(kind, path, recordings[index % len(recordings)])
            reasons[kind] += 1
    for name in ("readme.txt", "x.json", "abcdefghijk.part", "Yshort.wav", "a_name_that_is_no_id_at_all.wav"):
        (tmp_path / "copy" / name).write_text("not a part of the copy")

    flags = processes.flags(
        segments=tmp_path / "eval_segments.csv",
        class_labels=tmp_path / "classes.csv",
        source=tmp_path / "copy",
        output=tmp_path / "out",
    )
    result = processes.run("data_prep.prepare_audioset", *flags)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr

    expected = {**reasons, "missing": NUM_LISTED - NUM_THERE}
    assert sum(expected.values()) == NUM_LISTED - NUM_THERE + NUM_DAMAGED and set(reasons) == set(DAMAGES)
    with open(tmp_path / "out" / "rejects.csv", newline="") as file:
        rejects = {row["clip_id"]: row["reason"] for row in csv.DictReader(file)}
    assert collections.Counter(rejects.values()) == expected
    starts = {id_: start for id_, start, _ in listed}
    for id_, kind in damaged.items():
        assert rejects[f"{id_}_{1000 * starts[id_]}"] == kind
    clips = read(tmp_path / "out")
    whole = {f"{id_}_{1000 * start}": label for id_, start, label in there if id_ not in damaged}
    assert {clip_id: clip.labels for clip_id, clip in clips.items()} == {one: (label,) for one, label in whole.items()}
    assert {len(clip.pcm) for clip in clips.values()} == {SECONDS * 16000}
    total = json.loads((tmp_path / "out" / "coverage.json").read_text())["total"]
    assert (total["listed"], total["found"], total["used"]) == (NUM_LISTED, NUM_THERE, NUM_THERE - NUM_DAMAGED)
