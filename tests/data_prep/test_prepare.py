"""The shared work of all `prepare_*` programs: shards depend on clips alone, and a run goes on after a failure."""

import csv
import dataclasses
import hashlib
import json
import pathlib
import random
import resource

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.errors import UserError
from audioset_triplet.jobs import runner
from data_prep import audio_sources, plan, prepare
from data_prep.audio_sources import Location
from data_prep.config import PreparationConfig, RecordsConfig
from data_prep.plan import ClipList, ClipRequest
from tests import processes
from tests.data_prep.written import contents, read, write
from tests.tiny_esc50 import write_tiny_esc50


def request(clip_id, recording_id, group="fold1", location=None, seconds=1.0):
    return ClipRequest(group, location, clip_id, recording_id, 0.0, seconds, (0,), ("sound",), -1)


def clip_list(folder, num_clips=12, num_recordings=6):
    """Noises of a second; clip 3 has no file and clip 5 a damaged one."""
    folder.mkdir(exist_ok=True)
    requests = []
    for index in range(num_clips):
        path = folder / f"{index}.wav"
        if not path.exists() and index not in (3, 5):
            noise = np.random.default_rng(index).uniform(-0.5, 0.5, 16000)
            soundfile.write(path, noise, 16000)
        if index == 5 and not path.exists():
            path.write_bytes(b"no audio")
        requests.append(
            request(f"clip{index}", f"recording{index % num_recordings}", location=audio_sources.of_file(path))
        )
    return ClipList(requests, {"data_set": "noises"})


def shard_bytes(folder):
    return {name: data for name, data in contents(folder).items() if name.endswith(".tfrecord")}


@given(
    recordings=st.lists(st.tuples(st.text(max_size=3), st.sampled_from(["a", "b"])), max_size=30),
    num_shards=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_a_shard_depends_on_ids_alone(recordings, num_shards, seed):
    there = Location("x.wav", 1)
    requests = [request(f"c{i}", recording, group, there) for i, (recording, group) in enumerate(recordings)]
    shuffled = random.Random(seed).sample(requests, len(requests))
    shards = plan.make_shards(requests, num_shards)
    assert plan.make_shards(shuffled, num_shards) == shards
    groups = {group for _, group in recordings}
    assert {shard.name for shard in shards} == {
        f"{group}-{index:05d}-of-{num_shards:05d}.tfrecord" for group in groups for index in range(num_shards)
    }
    place = {one.clip_id: (shard.name, one) for shard in shards for one in shard.requests}
    assert {clip_id: one for clip_id, (_, one) in place.items()} == {one.clip_id: one for one in requests}
    for group in groups:  # a recording's clips are together, and its shard is that of its digest
        for one in (one for one in requests if one.group == group):
            index = int(hashlib.sha256(one.recording_id.encode()).hexdigest()[:16], 16) % num_shards
            assert place[one.clip_id][0] == f"{group}-{index:05d}-of-{num_shards:05d}.tfrecord"
    for shard in shards:
        order = [hashlib.sha256(one.clip_id.encode()).hexdigest()[:16] for one in shard.requests]
        assert order == sorted(order)
        assert plan.Shard.from_json_lines(shard.name, shard.to_json_lines()) == shard
    fewer = plan.make_shards(requests[: len(requests) // 2], num_shards)  # adding clips moves none
    for shard in fewer:
        for one in shard.requests:
            assert place[one.clip_id][0] == shard.name


def test_as_many_shards_as_there_are_clips_for():
    def number(num_clips):
        return len(plan.make_shards([request(f"c{i}", f"r{i}") for i in range(num_clips)], 0))

    assert [number(n) for n in (1, 1024, 1025, 5120)] == [2, 2, 3, 10]


def test_written_files_and_their_description(tmp_path):
    summary = write(clip_list(tmp_path / "audio"), tmp_path / "out", num_shards=2)
    assert (summary.num_clips, summary.num_shards, summary.num_shards_before) == (10, 2, 0)
    assert summary.hours == pytest.approx(10 / 3600)
    assert {clip.recording_id for clip in read(tmp_path / "out").values()} == {f"recording{i}" for i in range(6)}
    with open(tmp_path / "out" / "rejects.csv", newline="") as file:
        assert {(row["clip_id"], row["reason"]) for row in csv.DictReader(file)} == {
            ("clip3", "missing"),
            ("clip5", "unreadable"),
        }
    description = json.loads((tmp_path / "out" / "records.json").read_text())
    assert description["class_priors"] == {"0": 1.0} and description["class_names"] == {"0": "sound"}
    shards = shard_bytes(tmp_path / "out")
    assert {name: one["sha256"] for name, one in description["shards"].items()} == {
        name: hashlib.sha256(data).hexdigest() for name, data in shards.items()
    }
    assert sum(one["num_clips"] for one in description["shards"].values()) == description["num_clips"] == 10
    assert description["settings"]["data_set"] == "noises"
    files = {*shards, *(f"shards/{name}.json" for name in shards), "shards/settings.json"}
    assert set(contents(tmp_path / "out")) == files | {"records.json", "rejects.csv", "coverage.json", "coverage.html"}
    assert not (tmp_path / "out" / "plan").exists()


def test_the_order_of_the_list_and_the_place_of_the_files_change_nothing(tmp_path):
    clips = clip_list(tmp_path / "audio")
    write(clips, tmp_path / "out", num_shards=3)
    (tmp_path / "audio").rename(tmp_path / "moved")
    moved = clip_list(tmp_path / "moved")
    write(ClipList(moved.requests[::-1], moved.settings), tmp_path / "again", num_shards=3)
    assert shard_bytes(tmp_path / "again") == shard_bytes(tmp_path / "out")
    assert write(moved, tmp_path / "out", num_shards=3).num_shards_before == 3


def test_a_second_run_leaves_finished_shards_alone_and_writes_missing_ones(tmp_path):
    clips = clip_list(tmp_path / "audio")
    write(clips, tmp_path / "out", num_shards=3)
    before = contents(tmp_path / "out")
    times = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in shard_bytes(tmp_path / "out")}
    assert write(clips, tmp_path / "out", num_shards=3).num_shards_before == 3
    first, second, third = sorted(times)
    assert times == {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in times}
    (tmp_path / "out" / first).unlink()
    (tmp_path / "out" / second).write_bytes(before[second][:-1])
    (tmp_path / "out" / "records.json").unlink()
    summary = write(clips, tmp_path / "out", num_shards=3)
    assert (summary.num_shards_before, summary.num_clips) == (1, 10)
    unusable = [[one.clip_id for one in rejects] for rejects in (summary.missing, summary.rejects)]
    assert unusable == [["clip3"], ["clip5"]]
    assert contents(tmp_path / "out") == before
    assert (tmp_path / "out" / third).stat().st_mtime_ns == times[third]


def test_new_files_cost_their_shards_alone(tmp_path):
    write(clip_list(tmp_path / "audio"), tmp_path / "out", num_shards=6)
    soundfile.write(tmp_path / "audio" / "3.wav", np.full(16000, 0.5), 16000)  # the missing one
    soundfile.write(tmp_path / "audio" / "5.wav", np.full(16000, 0.5), 16000)  # in place of the damaged one
    clips = clip_list(tmp_path / "audio")
    touched = {plan.digest(f"recording{index}") % 6 for index in (3, 5)}
    summary = write(clips, tmp_path / "out", num_shards=6)
    assert (summary.num_clips, summary.missing, summary.rejects) == (12, (), ())
    assert summary.num_shards_before == 6 - len(touched)
    write(clips, tmp_path / "fresh", num_shards=6)
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_other_settings_and_other_records_are_refused(tmp_path):
    clips = clip_list(tmp_path / "audio")
    write(clips, tmp_path / "out", num_shards=2)
    before = contents(tmp_path / "out")
    for change, message in (
        (dict(num_shards=3), "num_shards 2, now 3"),
        (dict(num_shards=2, min_seconds=0.5), "min_seconds 0.1, now 0.5"),
        (dict(num_shards=2, audio="encoded"), "audio 'pcm', now 'encoded'"),
        (dict(num_shards=2, sample_rate_hz=44100), "sample_rate_hz 16000, now 44100"),
        (dict(num_shards=2, channels=2), "channels 1, now 2"),
    ):
        with pytest.raises(UserError, match=f"holds other records .*{message}"):
            write(clips, tmp_path / "out", **change)
    others = ClipList(clips.requests[1:], clips.settings)
    with pytest.raises(UserError, match="clips were added to the list or taken from it"):
        write(others, tmp_path / "out", num_shards=2)
    assert contents(tmp_path / "out") == before
    (tmp_path / "out" / "shards" / "settings.json").write_text("{")
    with pytest.raises(UserError, match="not the settings of records"):
        write(clips, tmp_path / "out", num_shards=2)
    (tmp_path / "out" / "shards" / "settings.json").unlink()
    with pytest.raises(UserError, match="holds other records"):
        write(clips, tmp_path / "out", num_shards=1)


def test_a_folder_of_before_there_were_other_formats_is_continued(tmp_path):
    clips = clip_list(tmp_path / "audio")
    write(clips, tmp_path / "out", num_shards=2)
    before = contents(tmp_path / "out")
    path = tmp_path / "out" / "shards" / "settings.json"
    settings = json.loads(path.read_text())
    assert (settings.pop("sample_rate_hz"), settings.pop("channels"), settings["schema_version"]) == (16000, 1, 1)
    path.write_text(json.dumps(settings))
    with pytest.raises(UserError, match="sample_rate_hz 16000, now 8000"):
        write(clips, tmp_path / "out", num_shards=2, sample_rate_hz=8000)
    assert write(clips, tmp_path / "out", num_shards=2).num_shards_before == 2
    assert contents(tmp_path / "out") == before


def test_the_format_of_the_records_is_shown(tmp_path):
    summary = write(clip_list(tmp_path / "audio"), tmp_path / "out", num_shards=2, sample_rate_hz=44100, channels=2)
    assert summary.hours == pytest.approx(10 / 3600)
    settings = json.loads((tmp_path / "out" / "records.json").read_text())["settings"]
    assert (settings["sample_rate_hz"], settings["channels"], settings["schema_version"]) == (44100, 2, 2)
    card = json.loads((tmp_path / "out" / "coverage.json").read_text())
    assert card["settings"] == settings and card["total"]["hours"] == summary.hours
    page = (tmp_path / "out" / "coverage.html").read_text()
    assert "Records are 44.1 kHz stereo" in page and "<dd>44100</dd>" in page
    clips = read(tmp_path / "out").values()
    assert {(len(clip.pcm), clip.pcm.shape[1], clip.sample_rate_hz) for clip in clips} == {(44100, 2, 44100)}


def test_nothing_usable(tmp_path):
    clips = clip_list(tmp_path / "audio")
    clips = ClipList([clips.requests[3], clips.requests[5]], clips.settings)
    with pytest.raises(UserError, match=r"none of 2 clips can be used \(1 missing, 1 rejected \(unreadable 1\)\)"):
        write(clips, tmp_path / "out")
    left = {"rejects.csv", "coverage.json", "coverage.html", "shards/settings.json"}
    assert set(contents(tmp_path / "out")) == left
    (tmp_path / "audio" / "5.wav").unlink()
    clips = ClipList([dataclasses.replace(one, location=None) for one in clips.requests], clips.settings)
    with pytest.raises(UserError, match=r"none of 2 clips can be used \(2 missing, 0 rejected\)"):
        write(clips, tmp_path / "out2")
    assert set(contents(tmp_path / "out2")) == left


def many(tmp_path, num_good, num_bad):
    requests = []
    for index in range(num_good + num_bad):
        path = tmp_path / f"{index}.wav"
        if index < num_good:
            soundfile.write(path, np.full(1600, 0.5), 16000)
        else:
            path.write_bytes(b"RIFF")
        requests.append(request(f"c{index}", f"r{index}", location=audio_sources.of_file(path), seconds=0.1))
    return ClipList(requests, {})


def test_too_many_rejects_stop_the_run(tmp_path):
    clips = many(tmp_path, 20, 10)

    def run(output, fraction):
        config = PreparationConfig(num_workers=1, max_reject_fraction=fraction)
        return prepare.prepare(clips, str(tmp_path / output), RecordsConfig(num_shards=1), config)

    with pytest.raises(UserError, match=r"10 of 30 files cannot be used, .*max_reject_fraction=0.3 allows; the last"):
        run("out", 0.3)
    assert not shard_bytes(tmp_path / "out") and not (tmp_path / "out" / "records.json").exists()
    assert not list((tmp_path / "out").rglob("tmp-*"))
    summary = run("out", 0.35)  # the same records: the fraction is no setting of theirs
    assert (summary.num_clips, len(summary.rejects)) == (20, 10)


def test_a_finished_folder_is_unfinished_after_a_failed_continuation(tmp_path):
    clips = many(tmp_path, 30, 0)
    write(clips, tmp_path / "out", num_shards=2)
    for one in clips.requests[:20]:
        pathlib.Path(one.location.path).write_bytes(b"RIFF")
    requests = [dataclasses.replace(one, location=audio_sources.of_file(one.location.path)) for one in clips.requests]
    with pytest.raises(UserError, match="--max_reject_fraction=0.5"):
        write(ClipList(requests, {}), tmp_path / "out", num_shards=2)
    assert not (tmp_path / "out" / "records.json").exists()


def test_a_finished_folder_without_its_audio_files_loses_its_records(tmp_path):
    clips = many(tmp_path, 3, 0)
    write(clips, tmp_path / "out")
    requests = [dataclasses.replace(one, location=None) for one in clips.requests]
    with pytest.raises(UserError, match=r"none of 3 clips can be used \(3 missing, 0 rejected\)"):
        write(ClipList(requests, {}), tmp_path / "out")
    assert set(contents(tmp_path / "out")) == {"rejects.csv", "coverage.json", "coverage.html", "shards/settings.json"}


def test_few_rejects_never_stop_a_run(tmp_path):
    config = PreparationConfig(num_workers=1, max_reject_fraction=0.0)
    summary = prepare.prepare(many(tmp_path, 1, 9), str(tmp_path / "out"), RecordsConfig(), config)
    assert (summary.num_clips, len(summary.rejects)) == (1, 9)


def test_lengths(tmp_path):
    for name, seconds in (("longer", 2.5), ("as_listed", 2.0), ("shorter", 1.5), ("short", 1.25), ("long", 2.51)):
        soundfile.write(tmp_path / f"{name}.wav", np.full(round(seconds * 16000), 0.5), 16000)
    soundfile.write(tmp_path / "silent.wav", np.full(32000, 3 / 32768), 16000)
    soundfile.write(tmp_path / "quiet.wav", np.full(32000, 4 / 32768), 16000)  # -78 dB
    paths = sorted(tmp_path.glob("*.wav"))
    requests = [request(path.stem, path.stem, location=audio_sources.of_file(path), seconds=2.0) for path in paths]
    summary = write(ClipList(requests, {}), tmp_path / "out", num_shards=1)
    assert [(reject.clip_id, reject.reason) for reject in summary.rejects] == [("long", "wrong duration")]
    clips = read(tmp_path / "out")
    lengths = {name: len(clip.pcm) for name, clip in clips.items()}
    whole = dict.fromkeys(["longer", "as_listed", "shorter", "silent", "quiet"], 32000)
    assert lengths == {**whole, "short": 20000}
    assert clips["short"].end_seconds == 1.25 and clips["shorter"].end_seconds == 2.0
    assert (clips["shorter"].pcm == [16384] * 24000 + [0] * 8000).all()
    report = json.loads((tmp_path / "out" / "shards" / "fold1-00000-of-00001.tfrecord.json").read_text())
    assert (report["silent"], report["short"], report["rates_hz"]) == (["silent"], ["short"], {"16000": 6})


def test_one_process_prepares_a_folder_at_a_time(tmp_path):
    clips = clip_list(tmp_path / "audio")
    (tmp_path / "out").mkdir()
    with processes.held_by_another(tmp_path / "out"):
        with pytest.raises(UserError, match="out: another process writes there"):
            write(clips, tmp_path / "out")
    assert write(clips, tmp_path / "out").num_clips == 10


def test_an_output_that_cannot_be_written(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="out: is a file"):
        write(clip_list(tmp_path / "audio"), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "a file"


def test_a_disk_that_is_full_is_one_line_and_leaves_no_half_shard(tmp_path):
    clips = clip_list(tmp_path / "audio")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))  # a shard has more bytes, all else has fewer
        with pytest.raises(UserError, match="File too large"):
            write(clips, tmp_path / "out", num_shards=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not shard_bytes(tmp_path / "out") and not list((tmp_path / "out").rglob("tmp-*"))
    write(clips, tmp_path / "out", num_shards=2)
    write(clips, tmp_path / "undisturbed", num_shards=2)
    assert contents(tmp_path / "out") == contents(tmp_path / "undisturbed")


@pytest.mark.slow
def test_options_of_beam_and_runners_that_do_not_exist(tmp_path):
    root = write_tiny_esc50(tmp_path / "esc", 1, 1, 1, rate=16000)
    arguments = processes.flags(source=root, output=tmp_path / "out")
    result = processes.run("data_prep.prepare_esc50", *arguments, "--", "--no_such_option=1")
    assert "Beam has no option --no_such_option" in processes.error_of(result)
    with pytest.raises(UserError, match="--runner=abacus: there is no such runner: direct, dask, dataflow"):
        runner.check(RunnerConfig(runner="abacus"), [])
