"""Folders of scenes: lists that agree with each other, with the audio and with the clips that they come from."""

import csv
import dataclasses
import json
import pathlib
import shutil
import signal
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import pytest
import soundfile

from audioset_triplet import labels
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.scenes import SceneConfig
from audioset_triplet.errors import UserError
from audioset_triplet.media.pcm import to_pcm
from audioset_triplet.store import ratings, strong_labels
from audioset_triplet.store.intervals import Intervals
from audioset_triplet.synthetic import recordings
from data_prep import audioset, esc50, folder, scene_folder, scene_sources, segments
from data_prep.folder import ClipRules
from data_prep.plan import ClipList
from tests import processes
from tests.data_prep import written
from tests.data_prep.written import contents
from tests.tiny_esc50 import HEADER, write_tiny_esc50

NUM_SCENES = 40
CONFIG = SceneConfig(prior_ratio=8.0, max_event_seconds=1.5, seconds=4.0, hard_negatives=1)
TEXTS = (
    "segments.csv",
    "class_labels_indices.csv",
    "strong.tsv",
    "framed_posneg.tsv",
    "weak_posneg.tsv",
    "scenes.jsonl",
    "scenes.json",
)


def make_material(source: pathlib.Path, folds: Sequence[int], **options: Any) -> scene_sources.Material:
    arguments: Dict[str, Any] = {"backgrounds": None, "background_classes": (), **options}
    clips = esc50.clips(source, [], "all")
    return scene_sources.material(scene_sources.ESC50, clips, folds=folds, **arguments)


def write(
    output: pathlib.Path,
    material: scene_sources.Material,
    num_scenes: int = NUM_SCENES,
    num_workers: int = 1,
    **changes: Any,
) -> scene_folder.Summary:
    config = SceneConfig(**{**vars(CONFIG), **changes})
    return scene_folder.write(str(output), material, config, num_scenes, RunnerConfig(num_workers=num_workers))


def milliseconds(intervals: Intervals) -> Tuple[List[int], List[int]]:
    starts, ends = (
        np.rint(1000 * seconds).astype(int).tolist() for seconds in (intervals.start_seconds, intervals.end_seconds)
    )
    return starts, ends


def scenes_of(output: pathlib.Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in (output / "scenes.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Five classes, whose clips begin with 0.2 s of digital silence, in four folds."""
    root = write_tiny_esc50(
        tmp_path_factory.mktemp("source") / "esc", classes=5, clips_per_class=8, rate=8000, seconds=1.5
    )
    for path in (root / "audio").iterdir():
        samples, rate_hz = soundfile.read(path)
        samples[: rate_hz // 5] = 0
        soundfile.write(path, samples, rate_hz)
    return root


@pytest.fixture(scope="module")
def world(source: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Tuple[pathlib.Path, scene_folder.Summary]:
    output = tmp_path_factory.mktemp("world") / "scenes"
    return output, write(output, make_material(source, [1, 2, 3]))


def test_the_lists_agree(world: Tuple[pathlib.Path, scene_folder.Summary]) -> None:
    output, summary = world
    listed, bad = segments.read_segments(str(output / "segments.csv"))
    vocabulary = labels.read_vocabulary(str(output / "class_labels_indices.csv"))
    assert not bad and vocabulary.ids == tuple(f"/t/esc50/class_{label}" for label in range(5))
    assert sorted(path.stem for path in (output / "audio").iterdir()) == [segment.video_id for segment in listed]
    events = strong_labels.read(str(output / "strong.tsv"))
    assert (0 <= events.start_seconds).all() and (events.end_seconds <= 4).all()
    assert (events.start_seconds < events.end_seconds).all()
    assert list(dict.fromkeys(events.clip_ids)) == [segment.clip_id for segment in listed]
    for segment in listed:
        assert {*events.labels[events.clip_ids == segment.clip_id]} == {*segment.label_ids} != set()
    assert (summary.num_scenes, summary.num_events) == (40, sum(len(segment.label_ids) for segment in listed))
    for label, id_ in enumerate(vocabulary.ids):
        assert summary.priors[label] == np.mean([id_ in segment.label_ids for segment in listed])


def test_ratings_agree_with_the_strong_labels(world: Tuple[pathlib.Path, scene_folder.Summary]) -> None:
    """Counted in milliseconds."""
    output, summary = world
    heard: Dict[Tuple[str, str], np.ndarray] = {}
    events = strong_labels.read(str(output / "strong.tsv"))
    for pair, start, end in zip(zip(events.clip_ids, events.labels), *milliseconds(events)):
        heard.setdefault(pair, np.zeros(4000, bool))[start:end] = True
    rated = ratings.read(str(output / "framed_posneg.tsv"))
    is_present = rated.answers == ratings.PRESENT
    assert (len(rated), np.mean(is_present)) == (summary.num_rated, summary.present_share)
    assert {*rated.answers} == {ratings.PRESENT, ratings.NOT_PRESENT}
    absent = set()
    for pair, start, end, present in zip(zip(rated.clip_ids, rated.labels), *milliseconds(rated), is_present):
        assert (start % 960, end - start) == (0, 960)
        mask = heard.get(pair, np.zeros(4000, bool))
        absent |= set() if mask.any() else {pair}
        covered = mask[start:end].sum()
        if not present:
            assert covered == 0
        elif covered < 480:
            onsets = np.diff(mask.astype(int), prepend=0) == 1
            assert 2 * covered >= min(np.bincount(np.cumsum(onsets)[mask])[1:]) - 1
    whole = ratings.read(str(output / "weak_posneg.tsv"))
    assert np.isnan(whole.start_seconds).all()
    pairs = np.array(list(zip(whole.clip_ids, whole.labels)))
    assert {*map(tuple, pairs[whole.answers == ratings.PRESENT])} == {*heard}
    assert {*map(tuple, pairs[whole.answers == ratings.NOT_PRESENT])} == absent
    wide = [f"{scene['video_id']}_0" for scene in scenes_of(output) if len(scene["labels"]) < 5]
    assert sorted(clip_id for clip_id, _ in absent) == wide  # one for each


def test_events_are_louder_than_the_background_and_begin_behind_the_silence(
    world: Tuple[pathlib.Path, scene_folder.Summary],
) -> None:
    output, _ = world
    for scene in scenes_of(output):
        waveform, rate_hz = soundfile.read(output / "audio" / f"{scene['video_id']}.flac")
        assert (len(waveform), rate_hz, np.abs(waveform).max() < 0.981) == (64000, 16000, True)
        level_dbfs = scene["background"]["level_dbfs"] + scene["scale_db"]
        is_event = np.zeros(len(waveform), bool)
        for event in scene["events"]:
            assert event["source_start_seconds"] >= 0.19 and event["seconds"] <= 1.31
            first, last = (round(rate_hz * at) for at in (event["heard"][0][0], event["heard"][-1][1]))
            assert event["onset_seconds"] <= event["heard"][0][0] + 1e-3
            is_event[max(0, first - 400) : last + 400] = True
            part = np.concatenate([waveform[round(rate_hz * a) : round(rate_hz * b)] for a, b in event["heard"]])
            expected = level_dbfs + 10 * np.log10(1 + 10 ** (event["snr_db"] / 10))
            # Noise varies by 3 dB, and other events add to it; a heard part is at least 10 dB below the background.
            assert 10 * np.log10(np.mean(part**2)) > expected - 4
        if (~is_event).sum() > rate_hz:
            assert 10 * np.log10(np.mean(waveform[~is_event] ** 2)) == pytest.approx(level_dbfs, abs=5)


def test_scenes_become_records(world: Tuple[pathlib.Path, scene_folder.Summary], tmp_path: pathlib.Path) -> None:
    output, summary = world
    arguments = [str(output / "segments.csv")], str(output / "class_labels_indices.csv"), "", str(output / "audio")
    listed = audioset.clips(*arguments)
    assert listed.settings["data_set"] == "scenes of ESC-50"
    prepared = written.write(listed, tmp_path / "records")
    assert (prepared.num_clips, prepared.missing, prepared.rejects) == (40, (), ())
    clips = written.read(tmp_path / "records")
    for scene in scenes_of(output):
        clip = clips[f"{scene['video_id']}_0"]
        assert (clip.labels, clip.recording_id) == (tuple(scene["labels"]), scene["video_id"])
        assert clip.label_names == tuple(f"class_{label}" for label in scene["labels"])
        samples, _ = soundfile.read(output / "audio" / f"{scene['video_id']}.flac")
        assert clip.pcm is not None
        np.testing.assert_array_equal(clip.pcm, to_pcm(samples))
    assert {*strong_labels.read(str(output / "strong.tsv")).clip_ids} == {*clips}


def test_folds_stay_apart_and_sets_share_their_classes(
    world: Tuple[pathlib.Path, scene_folder.Summary], source: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    output, _ = world
    write(tmp_path / "eval", make_material(source, [4]), num_scenes=20)
    used = {}
    for name, path in (("train", output), ("eval", tmp_path / "eval")):
        events = [event for scene in scenes_of(path) for event in scene["events"]]
        used[name] = {event["recording_id"] for event in events}
        assert {event["fold"] for event in events} == ({1, 2, 3} if name == "train" else {4})
        for event in events:
            assert int(event["clip_id"].split("-")[0]) == event["fold"]
            assert int(event["clip_id"].split("-")[-1]) == event["label"]
    assert not used["train"] & used["eval"]
    assert not {s["video_id"] for s in scenes_of(output)} & {s["video_id"] for s in scenes_of(tmp_path / "eval")}
    both = [json.loads((path / "scenes.json").read_text())["classes"] for path in (output, tmp_path / "eval")]
    for key in ("mid", "display_name", "target_prior"):
        assert [entry[key] for entry in both[0]] == [entry[key] for entry in both[1]]
    assert [entry["num_clips"] for entry in both[0]] == [6] * 5


def test_more_scenes_begin_with_the_same(
    world: Tuple[pathlib.Path, scene_folder.Summary], source: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Few scenes, then more, and one whose file was lost; and what cannot be added to a folder."""
    output, _ = world
    material = make_material(source, [1, 2, 3])
    write(tmp_path / "few", material, num_scenes=5)
    few = {name: data for name, data in contents(tmp_path / "few").items() if name.startswith("audio")}
    assert len(few) == 5 and few.items() <= contents(output).items()
    (tmp_path / "few" / sorted(few)[2]).unlink()
    write(tmp_path / "few", material)
    assert contents(tmp_path / "few") == contents(output)
    with pytest.raises(UserError, match="holds 40 scenes: give --scenes=40 or more, or another --output"):
        write(tmp_path / "few", material, num_scenes=39)
    with pytest.raises(UserError, match=r"holds other scenes \(seed: 0, now 1\): .* another --output"):
        write(tmp_path / "few", material, seed=1)
    with pytest.raises(UserError, match=r"holds other scenes \(folds: \[1, 2, 3\], now \[1, 2\]"):
        write(tmp_path / "few", make_material(source, [1, 2]))
    with processes.held_by_another(tmp_path / "few"), pytest.raises(UserError, match="another process writes there"):
        write(tmp_path / "few", material)
    assert contents(tmp_path / "few") == contents(output)


@pytest.mark.slow
def test_a_killed_run_of_two_processes_is_continued(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """The files are those of one process without a stop."""
    output, module = tmp_path / "killed", "data_prep.synthesize_scenes"
    command = processes.flags(
        source=source,
        folds=2,
        scenes=90,
        seconds=4,
        hard_negatives=1,
        prior_ratio=8,
        max_event_seconds=1.5,
        output=output,
    )
    first = output / "parts" / "shards" / "scenes-00000.jsonl.json"
    killed = processes.stop_when_there(module, *command, "--num_workers=2", path=first, signal_number=signal.SIGKILL)
    assert killed < 0 and not (output / "scenes.json").exists()
    result = processes.run(module, *command, "--num_workers=2")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("90 scenes, ") and "5 classes, present in 0." in result.stdout
    write(tmp_path / "whole", make_material(source, [2]), num_scenes=90)
    assert contents(output) == contents(tmp_path / "whole")
    assert sorted(path.name for path in output.iterdir()) == sorted([*TEXTS, "audio", "parts"])


def test_synthetic_sounds_need_no_source(tmp_path: pathlib.Path) -> None:
    """Those that an earlier run has made are used."""
    recordings.write_world(str(tmp_path / "out" / "sounds"), num_classes=3, clips_per_class=5, seconds=1.0)
    command = processes.flags(data_set="synthetic", folds=5, scenes=4, prior_ratio=1, output=tmp_path / "out")
    result = processes.run("data_prep.synthesize_scenes", *command, "--num_workers=1")
    assert result.returncode == 0, result.stderr
    vocabulary = labels.read_vocabulary(str(tmp_path / "out" / "class_labels_indices.csv"))
    assert vocabulary.ids == ("/t/synthetic/siren", "/t/synthetic/church_bell", "/t/synthetic/bird_chirp")
    assert {event["fold"] for scene in scenes_of(tmp_path / "out") for event in scene["events"]} == {5}


def test_backgrounds_of_a_class_and_of_a_folder(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    material = make_material(source, [1, 2], background_classes=["class_3"])
    summary = write(tmp_path / "class", material, num_scenes=8, prior_ratio=2.0)
    assert material.class_names == ("class_0", "class_1", "class_2", "class_4") and len(summary.priors) == 4
    behind = {scene["background"]["clip_id"] for scene in scenes_of(tmp_path / "class")}
    assert behind <= {f"{fold}-{1300 + fold - 1 + more}-A-3" for fold in (1, 2) for more in (0, 4)} and len(behind) > 1
    assert "class_3" not in (tmp_path / "class" / "class_labels_indices.csv").read_text()

    (tmp_path / "streets").mkdir()
    for name in ("a", "b", "c", "d"):
        shutil.copy(source / "audio" / "1-1000-A-0.wav", tmp_path / "streets" / f"{name}.wav")
    streets = folder.clips(str(tmp_path / "streets"), folder.NO_LABELS, ClipRules("", 0.0, 2))
    expected = {f"background/{request.clip_id}" for request in streets.requests if request.fold == 2}
    assert 0 < len(expected) < 4
    write(tmp_path / "folder", make_material(source, [2], backgrounds=streets), num_scenes=16)
    assert {scene["background"]["clip_id"] for scene in scenes_of(tmp_path / "folder")} == expected
    for path in (tmp_path / "streets").iterdir():
        soundfile.write(path, np.zeros(8000), 8000)
    with pytest.raises(UserError, match="no background clip can be used: .*streets.*: silent"):
        write(tmp_path / "silent", make_material(source, [2], backgrounds=streets))


def test_clips_that_cannot_be_used_are_named(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    root = tmp_path / "esc"
    shutil.copytree(source, root)
    soundfile.write(root / "audio" / "1-1000-A-0.wav", np.zeros(8000), 8000)
    (root / "audio" / "1-1004-A-0.wav").write_text("no audio")
    (root / "audio" / "1-1100-A-1.wav").unlink()
    summary = write(tmp_path / "scenes", make_material(root, [1]), num_scenes=4)
    assert summary.classes_without_clips == ("class_0",) and len(summary.priors) == 4
    notes = summary.notes(1)
    assert notes[0] == "no clip of class_0 in these folds: no scene has that label"
    heard = {label for scene in scenes_of(tmp_path / "scenes") for label in scene["labels"]}
    absent = ", ".join(f"class_{label}" for label in range(1, 5) if label not in heard)
    assert absent and notes[1].startswith(f"in none of the 4 scenes: {absent}: more --scenes")
    assert "1-1000-A-0.wav: silent: nowhere above -60 dB" in notes[2] and notes[3].startswith("and 1 more rejected")
    assert all(0 not in scene["labels"] for scene in scenes_of(tmp_path / "scenes"))
    used = {event["clip_id"] for scene in scenes_of(tmp_path / "scenes") for event in scene["events"]}
    assert "1-1100-A-1" not in used


def test_recordings_that_other_folds_have_too_are_left_out(source: pathlib.Path) -> None:
    clips = esc50.clips(source, [], "all")
    first, second = clips.requests[:2]
    assert (first.fold, second.fold) == (1, 2)
    shared = dataclasses.replace(second, recording_id=first.recording_id)
    mixed = ClipList([first, shared, *clips.requests[2:]], {})
    expected = {request.clip_id for request in clips.requests if request.fold in (1, 2)}
    for folds, without in (([1], {first.clip_id}), ([2], {second.clip_id}), ([1, 2], set())):
        material = scene_sources.material("esc50", mixed, None, folds, [])
        of_folds = {clip_id for clip_id in expected if int(clip_id.split("-")[0]) in folds}
        assert {request.clip_id for request in material.requests} == of_folds - without
        assert material.num_left_out == ({"of recordings that other folds have too": 1} if without else {})


def test_classes_that_are_not_there_are_refused(source: pathlib.Path) -> None:
    with pytest.raises(UserError, match="--background_classes: dog is none of the classes class_0, class_1"):
        make_material(source, [1], background_classes=["dog"])
    with pytest.raises(UserError, match="at least two classes, and the source has 1"):
        make_material(source, [1], background_classes=[f"class_{label}" for label in range(4)])


def test_a_labelled_folder(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """With a table of labels, of which one row has two; a class name that is no word; and the errors of flags."""
    (tmp_path / "sounds").mkdir()
    table = [("filename", "labels")]
    for row in csv.DictReader(open(source / "meta" / "esc50.csv")):
        shutil.copy(source / "audio" / row["filename"], tmp_path / "sounds")
        table.append((row["filename"], {"0": "Dog, bark", "1": "dog bark", "2": "!"}.get(row["target"], "other;more")))
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(table)
    command = processes.flags(
        source=tmp_path / "sounds", labels=tmp_path / "labels.csv", label_separator=";", num_folds=2, folds=1, scenes=3
    )
    module = "data_prep.synthesize_scenes"
    result = processes.run(module, *command, f"--output={tmp_path / 'out'}", "--prior_ratio=1", "--num_workers=1")
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1] == "16 clips with several labels are left out"
    vocabulary = labels.read_vocabulary(str(tmp_path / "out" / "class_labels_indices.csv"))
    assert vocabulary.names == ("!", "Dog, bark", "dog bark")
    assert vocabulary.ids == ("/t/folder/class_0", "/t/folder/dog_bark", "/t/folder/dog_bark_2")
    result = processes.run(module, *command, f"--output={tmp_path / 'other'}", "--highest_prior=0.1")
    assert "priors of 3 classes sum to" in processes.error_of(result)
    assert not (tmp_path / "other").exists()


def test_the_data_set_is_told_by_its_list(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert scene_sources.data_set_of(str(source)) == "esc50" == scene_sources.data_set_of(str(source.parent))
    (tmp_path / "UrbanSound8K" / "metadata").mkdir(parents=True)
    (tmp_path / "UrbanSound8K" / "metadata" / "UrbanSound8K.csv").write_text(",".join(HEADER))
    assert scene_sources.data_set_of(str(tmp_path)) == "urbansound8k"
    assert scene_sources.data_set_of(str(source / "audio")) == "folder"
