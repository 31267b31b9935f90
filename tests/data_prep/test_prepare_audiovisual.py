"""A folder of videos becomes records of clips with audio and images."""

import csv
import dataclasses
import gzip
import json
import math
import pathlib
import re
import signal
import subprocess
import sys
from typing import Dict

import numpy as np
import pytest
from absl.testing import flagsaver

from audioset_triplet.errors import UserError
from audioset_triplet.media import audio_files
from audioset_triplet.media.pcm import to_pcm
from audioset_triplet.records import globs, parsing, reading, scanning
from audioset_triplet.synthetic import videos
from audioset_triplet.synthetic.videos import World
from data_prep import folder, frames, prepare, prepare_audiovisual, record_report
from data_prep.config import FramesConfig, PreparationConfig, RecordsConfig
from data_prep.folder import NO_LABELS, ClipRules, LabelTable
from tests import datasets, processes, video_examples
from tests.data_prep.packed import write_tar
from tests.data_prep.written import contents, read, write

pytest.importorskip("av", reason="needs the video extra")

MODULE = "data_prep.prepare_audiovisual"
SMALL = FramesConfig(frames_per_second=2.0, image_size=32)


def write_videos(root: pathlib.Path, **seconds: float) -> pathlib.Path:
    """Name (extension behind an underscore) -> seconds; each with images of its time and a click in the middle."""
    root.mkdir(parents=True, exist_ok=True)
    for name, length in seconds.items():
        path = root / name.replace("_", ".")
        video_examples.write(path, video_examples.steady(length), video_examples.clicks(length, length / 2))
    return root


def clips_of(source: pathlib.Path, labels=NO_LABELS, frames: FramesConfig = SMALL, **made):
    return folder.clips(str(source), labels, ClipRules(**made), frames)


def test_clips_hold_the_samples_of_audio_files_and_images_of_their_times(tmp_path: pathlib.Path) -> None:
    root = write_videos(tmp_path / "in", a_mp4=2.5, b_webm=1.0, c_mkv=3.04)
    summary = write(clips_of(root, seconds=1.0), tmp_path / "out")
    assert not summary.rejects
    clips = read(tmp_path / "out")
    lengths = {"a.mp4": 3, "b.webm": 1, "c.mkv": 3}  # of the last 0.04 s are too few
    assert len(clips) == sum(lengths.values())
    for name, num_clips in lengths.items():
        pcm = to_pcm(audio_files.load(root / name, sample_rate_hz=16000))
        ids = [name] if num_clips == 1 else [f"{name}@{1000 * second}" for second in range(num_clips)]
        together = np.concatenate([clips[clip_id].pcm for clip_id in ids])
        np.testing.assert_array_equal(together, pcm[: len(together)])
        for second, clip_id in enumerate(ids):
            clip = clips[clip_id]
            assert clip.image_size == 32 and len(clip.frames) == round(2 * clip.num_samples / 16000)
            assert [int(2 * time) for time in clip.frame_seconds] == list(range(len(clip.frames)))
            for time, frame in zip(clip.frame_seconds, clip.frames):
                assert video_examples.decoded(frame).shape == (32, 32, 3)
                assert abs(second + time - video_examples.time_of(frame)) < 2 * video_examples.FRAME_SECONDS


def test_records_are_read_by_the_graph_with_images_and_without(tmp_path: pathlib.Path) -> None:
    write(clips_of(write_videos(tmp_path / "in", a_mkv=1.0)), tmp_path / "out", num_shards=1)
    files = globs.expand(f"{tmp_path}/out/*.tfrecord")
    (clip,) = reading.read_clips(files, [], True, with_frames=True)
    assert clip["frame_seconds"].numpy().tolist() == pytest.approx([0, 0.52])
    image = parsing.decode_frame(clip["frames"][1], reading.image_size(files))
    assert image.shape == (32, 32, 3) and abs(float(np.mean(image)) - 51) < 4  # 20 + 60 * 0.52
    (alone,) = reading.read_clips(files, [], True)
    np.testing.assert_array_equal(alone["pcm"], clip["pcm"])


def test_images_of_records_of_another_rate(tmp_path: pathlib.Path) -> None:
    root = write_videos(tmp_path / "in", a_mkv=2.5)
    write(clips_of(root, seconds=1.0), tmp_path / "mono")
    write(clips_of(root, seconds=1.0), tmp_path / "stereo", sample_rate_hz=44100, channels=2)
    mono, stereo = read(tmp_path / "mono"), read(tmp_path / "stereo")
    assert mono.keys() == stereo.keys()
    for clip_id, clip in stereo.items():
        assert (clip.sample_rate_hz, clip.num_channels, clip.seconds) == (44100, 2, mono[clip_id].seconds)
        assert clip.frames == mono[clip_id].frames
        assert clip.frame_seconds == pytest.approx(mono[clip_id].frame_seconds, abs=1e-4)


def test_a_clip_after_the_last_image_has_none(tmp_path: pathlib.Path) -> None:
    video_examples.write(tmp_path / "in.mkv", video_examples.steady(1.0), video_examples.clicks(3.0, 0.5))
    write(clips_of(tmp_path / "in.mkv", seconds=1.0), tmp_path / "out")
    num_images = {clip_id: (len(clip.frames), clip.image_size) for clip_id, clip in read(tmp_path / "out").items()}
    assert num_images == {"in.mkv@0": (2, 32), "in.mkv@1000": (0, 32), "in.mkv@2000": (0, 32)}


def test_many_images_wait_in_a_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_videos(tmp_path / "in", a_mp4=2.0)
    write(clips_of(root, seconds=1.0), tmp_path / "memory")
    monkeypatch.setattr(frames, "_HELD_BYTES", 1000)
    write(clips_of(root, seconds=1.0), tmp_path / "file")
    assert contents(tmp_path / "file") == contents(tmp_path / "memory")


def write_rejects(root: pathlib.Path) -> Dict[str, str]:
    """Writes files that cannot be used; name -> reason."""
    good = write_videos(root, good_webm=1.0) / "good.webm"
    video_examples.write(root / "images_alone.mp4", video_examples.steady(1.0), None)
    video_examples.write(root / "audio_alone.mp4", None, video_examples.clicks(1.0, 0.5))
    video_examples.write(root / "short.mkv", video_examples.steady(0.08), video_examples.clicks(0.05, 0.01))
    (root / "cut.webm").write_bytes(good.read_bytes()[: good.stat().st_size // 3])
    (root / "cut.webm.gz").write_bytes(gzip.compress(good.read_bytes())[:-2000])
    (root / "empty.mp4").write_bytes(b"")
    (root / "page.mp4").write_text("<html><body>403 Forbidden</body></html>")
    return {
        "images_alone.mp4": "no audio",
        "audio_alone.mp4": "no images",
        "short.mkv": "too short",
        "cut.webm": "truncated",
        "cut.webm.gz": "truncated",
        "empty.mp4": "empty",
        "page.mp4": "unreadable",
    }


def test_the_program_names_rejected_videos(tmp_path: pathlib.Path) -> None:
    expected = write_rejects(tmp_path / "in" / "deep")
    (tmp_path / "in" / "deep" / "audio.wav").write_bytes(b"no video: ignored")
    flags = processes.flags(source=tmp_path / "in", output=tmp_path / "out", num_workers=1, image_size=16, num_folds=0)
    result = processes.run(MODULE, *flags)
    assert result.returncode == 0, result.stderr
    assert re.search(r"1 clip, (1|0\.9\d*) s, 0 missing, 7 rejected", result.stdout)
    assert "Traceback" not in result.stderr
    assert list(read(tmp_path / "out")) == ["deep/good.webm"]
    with open(tmp_path / "out" / "rejects.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["clip_id"]: row["reason"] for row in rows} == {f"deep/{name}": why for name, why in expected.items()}
    assert all("\n" not in row["message"] and row["message"].startswith(row["path"]) for row in rows)
    card = json.loads((tmp_path / "out" / "coverage.json").read_text())
    assert card["total"]["reasons"]["no images"] == 1
    assert "audio alone, where a video is expected" in (tmp_path / "out" / "coverage.html").read_text()
    settings = json.loads((tmp_path / "out" / "records.json").read_text())["settings"]
    assert (settings["image_size"], settings["frames_per_second"], settings["jpeg_quality"]) == (16, 1.0, 90)
    other = clips_of(tmp_path / "in", folder.FROM_FOLDERS, FramesConfig(image_size=16, jpeg_quality=50))
    with pytest.raises(UserError, match=r"holds other records \(jpeg_quality 90, now 50\)"):
        write(other, tmp_path / "out")


def test_the_report_shows_images_and_names_damaged_ones(tmp_path: pathlib.Path) -> None:
    write(clips_of(write_videos(tmp_path / "in", a_mkv=1.5, b_mkv=1.0), seconds=1.0), tmp_path / "out", num_shards=1)
    (file,) = globs.expand(f"{tmp_path}/out/*.tfrecord")
    clips = [record.clip for record in scanning.scan(file) if record.clip]
    clips[0] = dataclasses.replace(clips[0], frames=(b"no image",), frame_seconds=(0.0,))
    clips.append(dataclasses.replace(clips[1], clip_id="other", image_size=64))
    clips.append(dataclasses.replace(clips[1], clip_id="audio", frames=(), frame_seconds=(), image_size=0))
    report = record_report.Report()
    for index, clip in enumerate(clips):
        report.add(scanning.Record(file, index, clip))
    lines = report.lines(limit=9)
    count = sum(len(clip.frames) for clip in clips[1:3])
    rate = count / sum(clip.num_samples / 16000 for clip in clips[1:3])
    assert f"images     {count}, {rate:.2f} per second; clips without: 1" in lines
    assert "pixels     32 x 32: 2" in lines and "damaged    2" in lines
    assert any(f"record 0: clip {clips[0].clip_id}: " in line for line in lines)
    assert any("record 3: clip other: " in line for line in lines) and not any("\n" in line for line in lines)


def test_bad_settings_are_one_clear_line(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_videos(tmp_path / "in", a_mkv=0.2)
    with pytest.raises(UserError, match="--clip_seconds=0.4: clips of this length would lack images at .*=2: raise"):
        clips_of(root, seconds=0.4)
    for name, value in (
        ("frames_per_second", 0.0),
        ("frames_per_second", math.nan),
        ("image_size", 7),
        ("jpeg_quality", 96),
    ):
        with pytest.raises(UserError, match=f"--{name} must be .*not {value}"):
            dataclasses.replace(SMALL, **{name: value})  # type: ignore[arg-type]
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "a.wav").write_bytes(b"")
    with pytest.raises(UserError, match="audio: no video in it"):
        clips_of(tmp_path / "audio")
    with flagsaver.as_parsed(source=str(root), audio="encoded"):
        with pytest.raises(UserError, match="--audio=encoded: records cannot hold the bytes of a video"):
            prepare_audiovisual.list_clips()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match="PyAV, which is not installed: pip install"):
        prepare_audiovisual.list_clips()


def test_labels_and_folds_of_a_table_and_videos_in_archives(tmp_path: pathlib.Path) -> None:
    root = write_videos(tmp_path / "in", a_mp4=0.5, b_mkv=0.5)
    write_tar(root / "c.tar", {"d.mkv": (root / "b.mkv").read_bytes()})
    (root / "b.mkv.gz").write_bytes(gzip.compress((root / "b.mkv").read_bytes()))
    (root / "b.mkv").unlink()
    (tmp_path / "list.csv").write_text("filename,labels,part\na.mp4,dog,3\nb,cat,1\nd.mkv,dog,1\ngone.mp4,cat,2\n")
    table = LabelTable(tmp_path / "list.csv", "filename", "labels", ",", "part")
    summary = write(clips_of(root, table), tmp_path / "out")
    clips = {clip_id: (clip.fold, clip.label_names) for clip_id, clip in read(tmp_path / "out").items()}
    assert clips == {"a.mp4": (3, ("dog",)), "b": (1, ("cat",)), "d.mkv": (1, ("dog",))}
    assert [reject.clip_id for reject in summary.missing] == ["gone.mp4"]


def test_a_world_of_synthetic_videos_is_prepared_with_its_labels_and_folds(tmp_path: pathlib.Path) -> None:
    videos.write_world(str(tmp_path / "world"), 6, World(num_kinds=3, seconds=1.0, seed=1))
    table = LabelTable(tmp_path / "world" / "videos.csv", "filename", "labels", ",", "fold")
    summary = write(clips_of(tmp_path / "world" / "videos", table, FramesConfig(10.0, 64)), tmp_path / "out")
    assert not summary.rejects and not summary.missing
    with open(tmp_path / "world" / "videos.csv", newline="") as file:
        rows = {row["filename"]: row for row in csv.DictReader(file)}
    clips = read(tmp_path / "out")
    assert clips.keys() == rows.keys()
    for name, clip in clips.items():
        assert (clip.label_names, clip.fold) == ((rows[name]["labels"],), int(rows[name]["fold"]))
        assert len(clip.frames) == 10 and {video_examples.decoded(frame).shape for frame in clip.frames} == {
            (64, 64, 3)
        }


def test_a_real_video(tmp_path: pathlib.Path) -> None:
    write(clips_of(datasets.clips() / "bento.mp4", frames=FramesConfig(5.0, 64)), tmp_path / "out")
    (clip,) = read(tmp_path / "out").values()
    assert clip.pcm is not None
    np.testing.assert_array_equal(
        clip.pcm, to_pcm(audio_files.load(datasets.clips() / "bento.mp4", sample_rate_hz=16000))
    )
    assert clip.frame_seconds == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert len(set(clip.frames)) == 5  # the dog runs


@pytest.mark.slow
def test_two_processes_write_the_bytes_of_one(tmp_path: pathlib.Path) -> None:
    clips = clips_of(write_videos(tmp_path / "in", a_mp4=2.0, b_webm=1.0, c_mkv=1.0), seconds=1.0)
    for number in (1, 2):
        runner = PreparationConfig(num_workers=number)
        prepare.prepare(clips, str(tmp_path / str(number)), RecordsConfig(num_shards=2), runner)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_gives_the_same_bytes(tmp_path: pathlib.Path) -> None:
    world = processes.flags(output=tmp_path / "world", num_videos=40, num_kinds=4, seconds=3.0, num_workers=1)
    made = processes.run("data_prep.synthesize_videos", *world)
    assert made.stdout == f"40 videos -> {tmp_path}/world (labels: {tmp_path}/world/videos.csv)\n", made.stderr
    again = processes.error_of(processes.run("data_prep.synthesize_videos", *world))
    assert (
        again == f"error: {tmp_path}/world exists already: name another folder for the synthetic world, or remove it."
    )
    flags = processes.flags(
        source=tmp_path / "world" / "videos",
        labels=tmp_path / "world" / "videos.csv",
        fold_column="fold",
        frames_per_second=10,
        num_workers=2,
    )
    result = processes.run(MODULE, *flags, f"--output={tmp_path / 'whole'}")
    assert result.returncode == 0, result.stderr
    expected = contents(tmp_path / "whole")
    output = tmp_path / "killed"
    names = sorted(name for name in expected if name.endswith(".tfrecord"))
    for name in (names[0], names[3]):
        path = output / name
        processes.stop_when_there(MODULE, *flags, f"--output={output}", path=path, signal_number=signal.SIGKILL)
        assert not (output / "records.json").exists()
    there = {name: data for name, data in contents(output).items() if name.endswith(".tfrecord")}
    assert there and there.items() <= expected.items()
    result = processes.run(MODULE, *flags, f"--output={output}")
    assert result.returncode == 0, result.stderr
    assert contents(output) == expected


_PEAK = """
import pathlib, resource, sys
from data_prep import clip_maker
from data_prep.config import FramesConfig, RecordsConfig
from tests.data_prep.audio_folders import request_for
made = clip_maker.make_clips(request_for(pathlib.Path(sys.argv[1])), RecordsConfig(), FramesConfig())
assert sum(len(one.clip.frames) for one in made) == int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path: pathlib.Path) -> None:
    """That of a whole process: what FFmpeg holds is not Python's."""

    def peak_kib(seconds: int) -> int:
        shown = video_examples.grey(0.5).resize((640, 480))
        waveform = np.tile(video_examples.clicks(1.0, 0.5), seconds)
        path = tmp_path / f"{seconds}.mkv"
        video_examples.write(path, video_examples.steady(seconds), waveform, image=lambda _: shown, size=shown.size)
        result = subprocess.run(
            [sys.executable, "-c", _PEAK, path, str(seconds)],
            env=processes.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return int(result.stdout)

    added_frames_kib = 25 * 100 * 640 * 480 * 3 // 2 // 1024  # in YUV 4:2:0: more than a GiB
    assert peak_kib(120) - peak_kib(20) < added_frames_kib / 20
