"""The families of inputs: valid files of each, and the programs that read them.

A family makes what its programs need once, in a folder of its own that no run changes. `run` gives the programs one
input (or, of audio, a folder of them), with a new folder to work in, and says how many were used and refused.
"""

import io
import json
import pathlib
import shutil
import tempfile
from typing import Dict, List

import numpy as np
import pyarrow.parquet as pq
import soundfile

from audioset_triplet.clips import ClipInfo
from audioset_triplet.export import saved_model
from audioset_triplet.frontend import registry
from audioset_triplet.media import video_writing
from audioset_triplet.records import schema
from audioset_triplet.store.ratings import ANSWERS
from tests import clustered_clips, example_clips, released_features, tiny_records
from tests.data_prep import test_prepare_audioset
from tests.evaluation import scored_windows
from tests.fuzz import annotation_families, outcomes
from tests.fuzz.family import EXAMPLE, Family
from tests.fuzz.outcomes import Fault, Outcome
from tests.reference import feature_records
from tests.tiny_network import build_tiny_network

AUDIO = "audio"
_RATE_HZ = 16000


def make(root: pathlib.Path) -> Dict[str, Family]:
    """All families, with what they need below `root`."""
    model = str(root / "model")
    saved_model.export(build_tiny_network(), model, registry.FRONT_ENDS["log_mel"], {})
    families = {AUDIO: _audio(model)}
    for make_family in (_label_tables, _audioset_lists, _record_settings, _embeddings, _assignments, _scores):
        families[make_family.__name__[1:]] = make_family(root / make_family.__name__[1:])
    families["answers"] = annotation_families.answers(root / "answers")
    families["label_studio"] = annotation_families.label_studio(root / "label_studio")
    families["records"] = _records(root / "records", model)
    families["feature_records"] = _feature_records(root / "feature_records")
    return families


def _tone(seconds: float, frequency_hz: float = 440.0, rate_hz: int = _RATE_HZ) -> np.ndarray:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(0).normal(0, 0.02, len(times))
    return 0.4 * np.sin(2 * np.pi * frequency_hz * times) + noise


def _audio(model: str) -> Family:
    samples = {}
    for name, rate_hz, subtype in (
        ("a.wav", 16000, "PCM_16"),
        ("b.wav", 44100, "FLOAT"),
        ("c.wav", 22050, "PCM_24"),
        ("d.flac", 16000, "PCM_16"),
        ("e.ogg", 44100, "VORBIS"),
        ("f.mp3", 44100, "MPEG_LAYER_III"),
        ("g.aiff", 16000, "PCM_16"),
    ):
        file = io.BytesIO()
        soundfile.write(file, _tone(1.2, rate_hz=rate_hz), rate_hz, subtype, format=name.split(".")[1].upper())
        samples[name] = file.getvalue()
    for name in ("h.mp4", "i.webm"):
        samples[name] = _container(name)
    return Family(samples, lambda folder, work: _run_audio(folder, work, model), takes_folder=True)


def _container(name: str) -> bytes:
    """The sound track alone, as in an M4A."""
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch, name)
        with video_writing.output(path) as container:
            track = video_writing.add_audio_track(container, video_writing.CODECS[path.suffix].audio, _RATE_HZ)
            video_writing.write_audio(container, track, _tone(1.2).astype(np.float32))
        return path.read_bytes()


def _run_audio(folder: pathlib.Path, work: pathlib.Path, model: str) -> Outcome:
    """A folder of audio: prepared and embedded; both must use the same files, and store what they use."""
    given = {path.name for path in folder.iterdir()}
    prepared, embedded = work / "records", work / "embeddings"
    outcomes.run(
        "data_prep.prepare_folder",
        source=folder,
        labels="none",
        clip_seconds=0,
        output=prepared,
        max_reject_fraction=1,
        num_workers=1,
        min_seconds=0,
    )
    outcomes.run("experiments.embed", model=model, input=folder, output=embedded)
    outcomes.refuse_leftovers(work)
    in_records = outcomes.ids_in_records(prepared)
    in_store = set(outcomes.clip_ids(embedded))
    outcomes.require_all(given, set(in_records), set(outcomes.rejected(prepared / "rejects.csv")))
    outcomes.require_all(given, in_store, set(outcomes.rejected(embedded / "_rejects.csv")))
    if len(in_records) != len(set(in_records)):
        raise Fault("a clip has two records")
    if set(in_records) != in_store:
        raise Fault(f"prepared or embedded, not both: {sorted(set(in_records) ^ in_store)[0]!r}")
    return Outcome(len(in_store), len(given) - len(in_store))


def _label_tables(root: pathlib.Path) -> Family:
    audio = root / "audio"
    audio.mkdir(parents=True)
    names = ["dog.wav", "cat 2.wav", "bird.flac", "e\u0301t\u00e9.wav"]
    for index, name in enumerate(names):
        soundfile.write(audio / name, _tone(0.3, 200.0 * (1 + index)), _RATE_HZ)
    rows = [f'{name},"label {index},other","{1 + index % 2}"' for index, name in enumerate(names)]
    text = "filename,labels,fold\n" + "\n".join(rows) + "\n"
    samples = {"table.csv": text.encode(), "windows.csv": b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()}

    def run(path: pathlib.Path, work: pathlib.Path) -> Outcome:
        output = work / "out"
        flags = {"source": audio, "labels": path, "output": output, "num_workers": 1, "fold_column": "fold"}
        result = outcomes.run("data_prep.prepare_folder", **flags)
        outcomes.refuse_leftovers(work)
        ids = outcomes.ids_in_records(output)
        if (result.returncode == 0) != bool(ids):
            raise Fault(f"exit code {result.returncode} with {len(ids)} records")
        if result.returncode == 0 and len(ids) != json.loads((output / "records.json").read_text())["num_clips"]:
            raise Fault("records.json has another number of clips than the records")
        return Outcome(int(result.returncode == 0), result.returncode)

    return Family(samples, run)


def _audioset_lists(root: pathlib.Path) -> Family:
    (root / "audio").mkdir(parents=True)
    soundfile.write(root / "audio" / "YbbbbbbbbbB.wav", _tone(9), _RATE_HZ)
    soundfile.write(root / "audio" / "--aaaaaaaaa_30000_40000.wav", _tone(10), _RATE_HZ)
    classes = "".join(f'{i},{id_},"{name}"\n' for i, (id_, name) in enumerate(test_prepare_audioset.CLASSES))
    nodes = [
        {"id": id_, "name": id_, "child_ids": below, "restrictions": []}
        for id_, below in test_prepare_audioset.ONTOLOGY.items()
    ]
    samples = {
        "segments.csv": test_prepare_audioset.LIST.encode(),
        "class_labels.csv": ("index,mid,display_name\n" + classes).encode(),
        "ontology.json": json.dumps(nodes, indent=1).encode(),
    }
    for name, content in samples.items():
        (root / name).write_bytes(content)

    def run(path: pathlib.Path, work: pathlib.Path) -> Outcome:
        kind = next(name for name in samples if path.name.endswith(name))
        flags = {name.split(".")[0]: root / name for name in samples}
        flags[kind.split(".")[0]] = path
        result = outcomes.run(
            "data_prep.prepare_audioset", **flags, source=root / "audio", output=work / "out", num_workers=1
        )
        outcomes.refuse_leftovers(work)
        if (result.returncode == 0) != bool(outcomes.ids_in_records(work / "out")):
            raise Fault(f"exit code {result.returncode} beside other records")
        return Outcome(int(result.returncode == 0), result.returncode)

    return Family(samples, run)


def _record_settings(root: pathlib.Path) -> Family:
    """The files that say what a folder of records holds, when the preparation is run again."""
    (root / "audio").mkdir(parents=True)
    for index in range(3):
        soundfile.write(root / "audio" / f"{index}.wav", _tone(0.3, 200.0 * (1 + index)), _RATE_HZ)
    flags = {"source": root / "audio", "labels": "none", "num_workers": 1, "num_folds": 0}
    outcomes.run("data_prep.prepare_folder", **flags, output=root / "out")
    inside = [root / "out" / "shards" / "settings.json", *sorted((root / "out" / "shards").glob("*.tfrecord.json"))]
    samples = {path.name: path.read_bytes() for path in inside}

    def run(path: pathlib.Path, work: pathlib.Path) -> Outcome:
        output = work / "out"
        shutil.copytree(root / "out", output)
        kind = next(name for name in samples if path.name.endswith(name))
        shutil.copy(path, output / "shards" / kind)
        result = outcomes.run("data_prep.prepare_folder", **flags, output=output)
        outcomes.refuse_leftovers(work)
        if sorted(outcomes.ids_in_records(output)) != ["0.wav", "1.wav", "2.wav"]:
            raise Fault("records are lost or doubled")
        return Outcome(int(result.returncode == 0), result.returncode)

    return Family(samples, run)


def _embeddings(root: pathlib.Path) -> Family:
    example_clips.write(root / "all", clustered_clips.INFOS, rows_per_part=1000)
    [part] = (root / "all").glob("*.parquet")

    def run(path: pathlib.Path, work: pathlib.Path) -> Outcome:
        folder = work / "all"
        folder.mkdir()
        shutil.copy(path, folder / part.name)
        result = outcomes.run(
            "experiments.evaluate", task="knn", embeddings=folder, train_folds=1, folds=2, output=work / "report"
        )
        outcomes.refuse_leftovers(work)
        if (result.returncode == 0) != (work / "report" / "results.json").exists():
            raise Fault(f"exit code {result.returncode} beside results.json")
        return Outcome(int(result.returncode == 0), result.returncode)

    return Family({"part.parquet": part.read_bytes()}, run)


def _assignments(root: pathlib.Path) -> Family:
    root.mkdir(parents=True)
    clips = clustered_clips.write(root)

    def run(path: pathlib.Path, work: pathlib.Path) -> Outcome:
        (work / "clusters").mkdir()
        shutil.copy(path, work / "clusters" / "assignments.parquet")
        result = outcomes.run(
            "experiments.label_clusters",
            task="query",
            workdir=work / "w",
            assignments=work / "clusters",
            embeddings=clips / "all",
            budget=3,
        )
        outcomes.refuse_leftovers(work)
        return Outcome(int(result.returncode == 0), result.returncode)

    return Family({"assignments.parquet": (clips / "clusters" / "assignments.parquet").read_bytes()}, run)


def _scores(root: pathlib.Path) -> Family:
    """The scores of windows, and the files that they are evaluated on."""
    names = ("Dog", "Cat, big")
    clips = [
        (ClipInfo(f"v_{row}", f"v{row}", (row % 2,), (names[row % 2],)), np.full((3, 2), 0.1 * row)) for row in range(8)
    ]
    scored_windows.write(root / "scores", clips, names)
    where = [(f"v_{row}", 0.96 * (row % 3), 0.96 * (row % 3 + 1), "/m/0bt9lr") for row in range(8)]
    rated = [(*one, ANSWERS[row % 4]) for row, one in enumerate(where)]
    for kind in ("tsv", "parquet"):
        scored_windows.write_ratings(root / f"ratings.{kind}", rated)
    scored_windows.write_events(root / "strong_labels.tsv", where)
    (root / "class_labels.csv").write_text('index,mid,display_name\n0,/m/0bt9lr,"Dog"\n1,/m/01yrx,"Cat, big"\n')
    flag_files = {name: root / f"{name}.tsv" for name in ("ratings", "strong_labels")}
    flag_files["class_labels"] = root / "class_labels.csv"
    part = sorted((root / "scores").glob("*.parquet"))[0]
    samples = {path.name: path.read_bytes() for path in (*flag_files.values(), root / "ratings.parquet", part)}

    def run(path: pathlib.Path, work: pathlib.Path) -> Outcome:
        scores = work / "scores"
        shutil.copytree(root / "scores", scores)
        flags = dict(flag_files)
        if path.name.endswith(part.name):
            shutil.copy(path, scores / part.name)
        else:
            flags[next(name for name in flag_files if f"{name}." in path.name)] = path
        result = outcomes.run("experiments.evaluate", task="scores", scores=scores, output=work / "report", **flags)
        outcomes.refuse_leftovers(work)
        if (result.returncode == 0) != (work / "report" / "results.json").exists():
            raise Fault(f"exit code {result.returncode} beside results.json")
        return Outcome(int(result.returncode == 0), result.returncode)

    return Family(samples, run)


def _records(root: pathlib.Path, model: str) -> Family:
    root.mkdir(parents=True)
    clips = tiny_records.make_clips(6, 2, 1.2)
    path = tiny_records.write(root / "clips.tfrecord", clips)

    def run(path: pathlib.Path, work: pathlib.Path) -> Outcome:
        inspected = outcomes.run("data_prep.inspect_tfrecords", data=path)
        result = outcomes.run("experiments.embed", model=model, input=path, output=work / "e")
        outcomes.refuse_leftovers(work)
        if inspected.returncode == 0 and result.returncode == 1 and "given twice" not in result.stderr:
            raise Fault(f"inspect_tfrecords sees no damage, embed does: {result.stderr.strip()}")
        if result.returncode == 0 and not outcomes.clip_ids(work / "e"):
            raise Fault("embed says that it is done, and nothing is stored")
        return Outcome(int(result.returncode == 0), result.returncode)

    samples = {"clips.tfrecord": pathlib.Path(path).read_bytes()}
    return Family({**samples, **_examples(schema.clip_to_example(clips[0]))}, run)


def _examples(content: bytes) -> Dict[str, bytes]:
    """Three of four inputs of a family with these samples are one record with right checksums."""
    return {f"{index}{EXAMPLE}": content for index in range(3)}


def _feature_records(root: pathlib.Path) -> Family:
    records = [released_features.audioset_record(f"--aaaaaaa{i:02d}".encode(), 3, 16)[0] for i in range(4)]
    path = released_features.write(root / "features.tfrecord", records)

    def run(path: pathlib.Path, work: pathlib.Path) -> Outcome:
        result = outcomes.run("experiments.import_features", features=path, output=work / "e", model_id="released")
        outcomes.refuse_leftovers(work)
        parts: List[pathlib.Path] = sorted((work / "e").glob("*.parquet")) if (work / "e").exists() else []
        if result.returncode == 0 and not sum(pq.read_metadata(part).num_rows for part in parts):
            raise Fault("import_features says that it is done, and nothing is stored")
        return Outcome(int(result.returncode == 0), result.returncode)

    samples = {"features.tfrecord": pathlib.Path(path).read_bytes()}
    return Family({**samples, **_examples(feature_records.to_bytes(records[0]))}, run)
