"""Feature records become a folder of embeddings that every evaluation reads."""

import dataclasses
import gzip
import json
import tracemalloc

import numpy as np
import pytest

from audioset_triplet.config.evaluation import RetrievalConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import retrieval
from audioset_triplet.labels import Vocabulary
from audioset_triplet.store import embeddings, feature_import, stored_clips
from audioset_triplet.store.feature_import import Additions
from tests import example_clips, feature_folders
from tests.released_features import audioset_record, write

VOCABULARY = Vocabulary(tuple(f"/m/{index}" for index in range(527)), tuple(f"name {index}" for index in range(527)))
RELEASED = Additions("audioset-v1", VOCABULARY)
SIZE = 128


def videos(first, count):
    return [f"{number:011d}".encode() for number in range(first, first + count)]


def released(folder, first=0, count=6, per_file=2):
    """Files of `per_file` clips each; their paths."""
    names = videos(first, count)
    return [
        write(folder / f"{start:02d}.tfrecord", [audioset_record(name)[0] for name in names[start : start + per_file]])
        for start in range(0, count, per_file)
    ]


def rows(folder):
    """Every row: clip id, recording, start, labels, names, fold, and its embedding as bytes."""
    return [
        (*row[:-1], row[-1].tobytes())
        for batch in embeddings.read_batches(str(folder))
        for row in zip(
            batch.clip_ids,
            batch.recording_ids,
            batch.window_start_seconds.tolist(),
            batch.labels,
            batch.label_names,
            batch.folds.tolist(),
            batch.embeddings,
        )
    ]


def message(files, additions, output):
    with pytest.raises(UserError) as caught:
        feature_import.import_features(files, additions, str(output))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_released_features_become_rows(tmp_path):
    files = released(tmp_path / "eval")
    totals = feature_import.import_features(files, dataclasses.replace(RELEASED, fold=2), str(tmp_path / "out"))
    assert (totals.num_clips, totals.num_windows, totals.num_skipped, totals.clips_left_out) == (6, 60, 0, [])
    info = embeddings.read_info(str(tmp_path / "out"))
    assert (info.model_id, info.front_end_id, info.embedding_size) == ("audioset-v1-8bit", "unknown", SIZE)
    found = rows(tmp_path / "out")
    assert len(found) == 60
    for number, name in enumerate(videos(0, 6)):
        _, codes = audioset_record(name)
        values = codes.astype(float) * 4 / 255 + (4 / 512 - 2)  # google/youtube-8m, utils.py
        expected = values / np.linalg.norm(values, axis=1, keepdims=True)
        own = found[10 * number : 10 * number + 10]
        np.testing.assert_allclose([np.frombuffer(row[-1], np.float32) for row in own], expected, atol=1e-6)
        np.testing.assert_allclose([row[2] for row in own], 0.96 * np.arange(10), rtol=1e-6)
        names = ("name 0", "name 7", "name 526")
        shared = {(*row[:2], *row[3:-1]) for row in own}
        assert shared == {(f"{name.decode()}_30000", name.decode(), (0, 7, 526), names, 2)}


def test_our_features_come_back_as_they_went_and_are_found_as_before(tmp_path):
    infos = example_clips.make_infos(60, 5)
    infos[7] = dataclasses.replace(infos[7], labels=(), label_names=(), fold=-1)
    windows = example_clips.write(tmp_path / "parquet", infos, noise=4.0, size=SIZE, num_windows=4)
    for part, half in enumerate((infos[:30], infos[30:])):
        for start in range(0, 30, 7):
            with feature_folders.writing(tmp_path / f"features{part}", SIZE, start // 7) as writer:
                for info in half[start : start + 7]:
                    writer.write(info, 0.96 * np.arange(4), windows[infos.index(info)])
    files = sorted(map(str, tmp_path.glob("features?/*.tfrecord")))
    assert len(files) == 10
    totals = feature_import.import_features(files, Additions(), str(tmp_path / "imported"))
    assert (totals.num_clips, totals.num_windows) == (60, 240)
    for ours, imported in zip(rows(tmp_path / "parquet"), rows(tmp_path / "imported")):
        assert ours[:-1] == imported[:-1]
        difference = np.frombuffer(ours[-1], np.float32) - np.frombuffer(imported[-1], np.float32)
        # Off by at most 0.00788 per value before the length is mended, which at most doubles that.
        assert np.linalg.norm(difference) <= 2 * 0.00788 * np.sqrt(SIZE)
    before, after = (stored_clips.read_clips(str(tmp_path / name)) for name in ("parquet", "imported"))
    stored_clips.require_same_clips(before, "parquet", after, "imported")
    assert (after.info.model_id, after.info.front_end_id) == ("model-8bit", "front-end")
    expected, found = (retrieval.evaluate(RetrievalConfig(), clips) for clips in (before, after))
    assert 0.3 < expected.map < 0.95  # neither chance nor faultless: an error would show
    assert found.map == pytest.approx(expected.map, abs=0.01)
    assert found.map != expected.map  # the bits that were lost


def test_an_import_that_stopped_goes_on_and_ends_as_one_that_did_not(tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings.EmbeddingWriter.__init__, "__defaults__", (25,))  # rows per part
    files = released(tmp_path / "eval")
    feature_import.import_features(files, RELEASED, str(tmp_path / "whole"))
    contents = open(files[2], "rb").read()
    with open(files[2], "wb") as file:
        file.write(contents[:-3])
    out = tmp_path / "out"
    assert message(files, RELEASED, out).startswith(f"{files[2]}: record 1: truncated: 3 of")
    assert [path.name for path in out.iterdir()] == ["embeddings-00000.parquet"]  # three clips; the rest is thrown away
    with open(files[2], "wb") as file:
        file.write(contents)
    totals = feature_import.import_features(files, RELEASED, str(out))
    assert (totals.num_clips, totals.num_skipped) == (3, 3)
    assert rows(out) == rows(tmp_path / "whole")
    totals = feature_import.import_features(files, RELEASED, str(out))
    assert (totals.num_clips, totals.num_skipped) == (0, 6)
    more = released(tmp_path / "train", first=6)
    totals = feature_import.import_features(more, dataclasses.replace(RELEASED, fold=1), str(out))
    assert (totals.num_clips, totals.num_skipped) == (6, 0) and len(rows(out)) == 120


def test_a_folder_of_other_features_is_refused(tmp_path):
    files, out = released(tmp_path / "eval"), tmp_path / "out"
    feature_import.import_features(files, RELEASED, str(out))
    before = rows(out)
    for additions, expected in [
        (Additions("vggish", VOCABULARY), "model_id audioset-v1-8bit, but this run has vggish-8bit"),
        (Additions("audioset-v1"), "class 0 is called both 'name 0' and '0'"),
        (Additions("audioset-v1", VOCABULARY, fold=1), "holds clip 00000000000_30000 with other labels or in another"),
    ]:
        assert expected in message(files, additions, out)
    relabelled = [write(tmp_path / "new" / "a.tfrecord", [audioset_record(videos(0, 1)[0], labels=[7])[0]])]
    assert "holds clip 00000000000_30000 with other labels" in message(relabelled, RELEASED, out)
    wider = [write(tmp_path / "new" / "b.tfrecord", [audioset_record(b"wide", size=130)[0]])]
    assert "embedding_size 128, but this run has 130" in message(wider, RELEASED, out)
    assert rows(out) == before


def test_clips_that_are_not_wanted_are_left_out(tmp_path):
    files, wanted = released(tmp_path / "eval"), {"00000000001_30000", "00000000004_30000", "another"}
    totals = feature_import.import_features(files, RELEASED, str(tmp_path / "out"), wanted)
    assert (totals.num_clips, totals.num_not_selected) == (2, 4)
    assert {row[0] for row in rows(tmp_path / "out")} == wanted - {"another"}


def test_features_of_a_model_that_nobody_names_or_of_two_are_refused(tmp_path):
    infos = example_clips.make_infos(4, 2)
    vectors = example_clips.windows_of(infos, 0.5, SIZE, 2)
    for name in ("one", "two"):
        with feature_folders.writing(tmp_path / name, SIZE, model_id=name) as writer:
            writer.write(infos[0], np.arange(2), vectors[0])
    one, two = (str(tmp_path / name / "features-00000-of-00010.tfrecord") for name in ("one", "two"))
    (other, *_), out = released(tmp_path / "eval"), tmp_path / "out"
    assert "no features.json beside it" in message([other], Additions(vocabulary=VOCABULARY), out)
    assert "has model_id one, but" in message([one, two], Additions(), out)
    assert f"{tmp_path}/one has a features.json, {tmp_path}/eval has none" in message([other, one], Additions(), out)
    for additions in (Additions("name"), Additions(vocabulary=VOCABULARY), Additions(fold=0)):
        assert "leave out --model_id, --class_labels and --fold" in message([one], additions, out)
    (tmp_path / "two" / "features.json").unlink()
    assert f"{two}: record 0: of this project, but features.json is missing" in message([two], Additions("x"), out)
    (tmp_path / "eval" / "features.json").write_text((tmp_path / "one" / "features.json").read_text())
    assert f"{other}: record 0: no recording_id" in message([other], Additions(), out)
    info = json.loads((tmp_path / "one" / "features.json").read_text())
    (tmp_path / "one" / "features.json").write_text(json.dumps({**info, "embedding_size": 64}))
    assert f"{one}: record 0: clip clip00000 has 128 values per window, not 64" in message([one], Additions(), out)
    assert not list(tmp_path.glob("out/*"))


def test_float_features_become_rows_and_are_not_mixed_with_quantized_ones(tmp_path):
    record, codes = audioset_record()
    floats = dataclasses.replace(
        record, lists={"audio_embedding": [[float(code) - 99 for code in row] for row in codes]}
    )
    path = write(tmp_path / "floats.tfrecord", [floats])
    totals = feature_import.import_features([path], RELEASED, str(tmp_path / "out"))
    assert totals.num_windows == 10 and embeddings.read_info(str(tmp_path / "out")).model_id == "audioset-v1"
    expected = codes - 99.0
    found = [np.frombuffer(row[-1], np.float32) for row in rows(tmp_path / "out")]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    mixed = write(tmp_path / "mixed.tfrecord", [floats, audioset_record(b"other")[0]])
    assert f"{mixed}: record 1: some records hold quantized" in message([mixed], RELEASED, tmp_path / "mixed")
    (tmp_path / "packed.tfrecord").write_bytes(gzip.compress((tmp_path / "floats.tfrecord").read_bytes()))
    files = [path, str(tmp_path / "packed.tfrecord")]
    assert "packed.tfrecord: not a TFRecord file as it is: compressed" in message(files, RELEASED, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_record_that_does_not_fit_is_named(tmp_path):
    good = audioset_record()[0]
    for number, (bad, expected) in enumerate(
        [
            (audioset_record(b"narrow", size=127)[0], "clip narrow_30000 has 127 values per window, not 128"),
            (
                audioset_record(b"unknown", labels=[527])[0],
                "clip unknown_30000: label 527 is not among the 527 classes",
            ),
            (
                audioset_record(b"negative", labels=[-1])[0],
                "clip negative_30000: label -1 is not among the 527 classes",
            ),
            (good, "clip --aaaaaaaaa_30000 comes twice"),
        ]
    ):
        path = write(tmp_path / f"{number}.tfrecord", [good, bad])
        out = tmp_path / f"out{number}"
        assert message([path], RELEASED, out).startswith(f"{path}: record 1: {expected}")
        assert not list(out.iterdir())


def test_a_clip_that_comes_twice_is_refused_also_when_it_was_there_before(tmp_path):
    paths = [write(tmp_path / f"{name}.tfrecord", [audioset_record()[0]]) for name in "ab"]
    feature_import.import_features(paths[:1], RELEASED, str(tmp_path / "out"))
    assert "b.tfrecord: record 0: clip --aaaaaaaaa_30000 comes twice" in message(paths, RELEASED, tmp_path / "out")


def test_files_without_a_record_are_refused(tmp_path):
    path = write(tmp_path / "empty.tfrecord", [])
    assert f"{path}: no features in 1 file" in message([path], RELEASED, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_windows_of_zeros_are_left_out_and_clips_without_others_too(tmp_path):
    silent, some, empty = (audioset_record(name)[0] for name in (b"silent", b"some", b"empty"))
    zero = [bytes([127] * SIZE)]
    silent.lists["audio_embedding"] = [zero] * 10
    some.lists["audio_embedding"][4] = zero
    empty.lists["audio_embedding"] = []
    path = write(tmp_path / "x.tfrecord", [empty, silent, some])
    totals = feature_import.import_features([path], Additions("audioset-v1"), str(tmp_path / "out"))
    assert (totals.num_clips, totals.num_windows, totals.num_zero_windows) == (1, 9, 11)
    assert totals.clips_left_out == ["empty_30000", "silent_30000"]
    found = rows(tmp_path / "out")
    np.testing.assert_allclose([row[2] for row in found], 0.96 * np.delete(np.arange(10), 4), rtol=1e-6)
    assert {row[4] for row in found} == {("0", "7", "526")}
    assert np.isfinite([np.frombuffer(row[-1], np.float32) for row in found]).all()


def test_memory_does_not_grow_with_the_number_of_clips(tmp_path):
    infos = example_clips.make_infos(24, 2)
    vectors = example_clips.windows_of(infos[:1], 1.0, 1024, 300)[0]
    for start in range(0, 24, 4):
        with feature_folders.writing(tmp_path, 1024, start // 4) as writer:
            for info in infos[start : start + 4]:
                writer.write(info, 0.96 * np.arange(300), vectors)
    paths = sorted(map(str, tmp_path.glob("*.tfrecord")))

    def peak(files, name):
        tracemalloc.start()
        totals = feature_import.import_features(files, Additions(), str(tmp_path / name))
        assert totals.num_clips == 4 * len(files)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(paths[:1], "first")  # whatever is made once
    assert peak(paths, "all") < peak(paths[:1], "some") + 5e6  # the 20 clips between them are 25 MB
