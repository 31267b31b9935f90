"""A folder of synthetic scenes, with everything that AudioSet has.

    audio/ID.flac       a scene each
    segments.csv, ...   the lists of `data_prep.scene_lists`
    scenes.jsonl        a line for each scene: its clips, onsets, gains and background
    scenes.json         settings, classes with their priors, counts; written last
    parts/              results of processes, for the next run

Scaper (Salamon et al. 2017) makes such scenes too. It is not used: Scaper 1.6.5 needs soxbindings, of which there is no
wheel for Python 3.10 and newer, and jams with pandas, jsonschema and mir_eval.
"""

import dataclasses
import functools
import io
import json
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np
import soundfile

from audioset_triplet import settings as folder_settings
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.scenes import SceneConfig
from audioset_triplet.errors import UserError
from audioset_triplet.jobs import storage
from audioset_triplet.jobs.folder import Folder
from audioset_triplet.labels import Vocabulary
from audioset_triplet.media.pcm import to_pcm
from audioset_triplet.synthetic import scene_audio, scenes
from audioset_triplet.synthetic.scenes import World
from data_prep import line_jobs, scene_lists, scene_sources
from data_prep.line_jobs import LineJob
from data_prep.plan import ClipRequest
from data_prep.scene_sources import Material

AUDIO, SCENES, DESCRIPTION = "audio", "scenes.jsonl", "scenes.json"
_PARTS = "parts"
_SCENES_PER_SHARD = 32
_NUM_SIMILAR = 5  # classes that scenes.json names for each


@dataclasses.dataclass(frozen=True)
class _Places:
    """The output, and what stays in it for the next run."""

    root: Folder
    parts: Folder

    def write(self, name: str, data: bytes) -> None:
        """Writes a file of the output so that a reader sees the old one or the whole new one."""
        storage.write_bytes(self.parts.temporary(), self.root.path(name), data)


@dataclasses.dataclass(frozen=True)
class Summary:
    """A folder of scenes in numbers, and what was not used for it."""

    num_scenes: int
    num_events: int
    num_rated: int  # frames, for each class that is rated in them
    present_share: float  # of them
    priors: Tuple[float, ...]  # measured, of the classes that have clips
    classes_without_clips: Tuple[str, ...]
    classes_without_scenes: Tuple[str, ...]  # of those that have clips: too rare for so few scenes
    left_out: Mapping[str, int]  # reason -> clips of the source
    rejects: Tuple[str, ...]  # why a file cannot be used, each

    def __str__(self) -> str:
        labels = self.num_events / self.num_scenes
        return (
            f"{self.num_scenes} scenes, {labels:.2f} labels in each, {len(self.priors)} classes, present in "
            f"{max(self.priors):.3g} to {min(self.priors):.3g} of them, {self.num_rated} rated frames "
            f"({self.present_share:.1%} present)"
        )

    def notes(self, num_named: int) -> List[str]:
        """What was not used, a line each; of the files that cannot be used at most `num_named` by name."""
        lines = [f"{number} clips {reason} are left out" for reason, number in self.left_out.items()]
        if self.classes_without_clips:
            classes = ", ".join(self.classes_without_clips)
            lines.append(f"no clip of {classes} in these folds: no scene has that label")
        if self.classes_without_scenes:
            classes = ", ".join(self.classes_without_scenes)
            lines.append(
                f"in none of the {self.num_scenes} scenes: {classes}: more --scenes, more labels in a scene or a "
                "lower --prior_ratio has them"
            )
        lines += self.rejects[:num_named]
        if self.rejects[num_named:]:
            lines.append(f"and {len(self.rejects) - num_named} more rejected: see {DESCRIPTION}")
        return lines


def write(
    output: str,
    material: Material,
    config: SceneConfig,
    num_scenes: int,
    runner: RunnerConfig,
    beam_options: Sequence[str] = (),
) -> Summary:
    """Writes scenes. The same arguments write the same bytes, whatever the runner; more scenes begin with the same.

    Args:
        output: the folder, here or on another machine (gs://, s3://, hdfs://).
        material: the clips.
        config: the scenes.
        num_scenes: how many.
        runner: where and how they are made.
        beam_options: arguments for Apache Beam.

    Raises:
        UserError: the folder holds other scenes, or more; another process writes there; too few usable clips.
    """
    if not 1 <= num_scenes <= scenes.MAX_SCENES:
        raise UserError(f"--scenes must be from 1 to {scenes.MAX_SCENES}, not {num_scenes}.")
    scenes.draw_probabilities(scenes.priors(material.class_names, config))  # refuses before anything is written
    root = storage.absolute(output)
    places = _Places(Folder(root), Folder(storage.join(root, _PARTS)))
    settings = {
        **dataclasses.asdict(config),
        "data_set": material.data_set,
        "folds": list(material.folds),
        "clips": material.digest,
    }
    with places.root.held(), places.parts.held():
        _refuse_others(places, settings, num_scenes)
        places.parts.make()
        places.parts.write_settings(settings)
        storage.delete([places.root.path(DESCRIPTION)])  # now the folder is unfinished
        requests = [*material.requests, *material.backgrounds]
        analysis = scene_sources.analysis(config.sample_rate_hz)
        results = line_jobs.results(analysis, scene_sources.items(requests), places.parts, runner, beam_options)
        world = make_world(material, config, results)
        job, missing = _scenes_job(places, world, requests, num_scenes)
        lines = line_jobs.results(job, list(range(num_scenes)), places.parts, runner, beam_options, missing)
        rejects = [result["message"] for result in results if "message" in result]
        return _finish(places, world, material, {"settings": settings, "rejects": rejects}, lines)


def make_world(material: Material, config: SceneConfig, results: Sequence[Mapping[str, Any]]) -> World:
    """What all scenes have in common.

    Args:
        material: the clips.
        config: the settings.
        results: of `scene_sources.analysis`, of every clip that has a file.

    Raises:
        UserError: too few classes with usable clips, or no usable background of those that are listed.
    """
    num_classes = len(material.class_names)
    clips: List[List[scenes.Source]] = [[] for _ in range(num_classes)]
    backgrounds: List[scenes.Source] = []
    for source in scene_sources.sources([*material.requests, *material.backgrounds], results):
        (backgrounds if source.label == scenes.BACKGROUND else clips[source.label]).append(source)
    messages = {result["clip_id"]: result["message"] for result in results if "message" in result}
    if sum(map(bool, clips)) < 2:
        raise UserError(f"fewer than two classes have a clip that can be used{_such_as(messages, material.requests)}.")
    if material.backgrounds and not backgrounds:
        raise UserError(f"no background clip can be used{_such_as(messages, material.backgrounds)}.")
    profile_of = {result["clip_id"]: result["profile"] for result in results if "profile" in result}
    target = scenes.priors(material.class_names, config) * np.array([bool(members) for members in clips])
    return World(
        config=config,
        identity=[material.data_set, list(material.folds), material.digest],
        probabilities=scenes.draw_probabilities(target),
        clips=tuple(map(tuple, clips)),
        backgrounds=tuple(backgrounds),
        similar=scenes.similar_classes([[profile_of[clip.clip_id] for clip in members] for members in clips]),
    )


def _such_as(messages: Mapping[str, str], requests: Sequence[ClipRequest]) -> str:
    """Why the first of these clips that cannot be used cannot, for an error."""
    unusable = [request for request in requests if request.clip_id in messages or not request.is_found]
    reasons = [messages.get(request.clip_id, f"{request.location}: no such file") for request in unusable]
    return f": {reasons[0]}" if reasons else ""


def _refuse_others(places: _Places, settings: Mapping[str, Any], num_scenes: int) -> None:
    root, audio = places.root.root, places.root.path(AUDIO)
    if storage.exists(places.parts.settings_path):
        before = json.loads(storage.read_bytes(places.parts.settings_path))
        folder_settings.require_same(f"{root} holds other scenes", before, settings, "--output")
    elif storage.exists(audio) or storage.exists(places.root.path(DESCRIPTION)):
        raise UserError(f"{root}: holds something else: give another --output.")
    num_there = len(storage.sizes(audio, "*.flac"))
    if num_there > num_scenes:
        raise UserError(f"{root}: holds {num_there} scenes: give --scenes={num_there} or more, or another --output.")


def _scenes_job(
    places: _Places, world: World, requests: Sequence[ClipRequest], num_scenes: int
) -> Tuple[LineJob, List[int]]:
    """The job that writes the audio of all scenes, and the numbers of those without a file."""
    storage.make_folder(places.root.path(AUDIO))
    there = storage.sizes(places.root.path(AUDIO), "*.flac")
    missing = [number for number in range(num_scenes) if f"{world.video_id(number)}.flac" not in there]
    clips = [dataclasses.astuple(clip) for members in (*world.clips, world.backgrounds) for clip in members]
    request_of = {request.clip_id: request for request in requests}
    work = functools.partial(_write_scene, places=places, world=world, requests=request_of)
    return LineJob("scenes", work, json.dumps([world.entropy, clips]), "scene", _SCENES_PER_SHARD), missing


def _write_scene(number: int, places: _Places, world: World, requests: Mapping[str, ClipRequest]) -> Dict[str, Any]:
    """Writes the audio of a scene; returns its line."""
    rate_hz = world.config.sample_rate_hz
    scene = scenes.plan(number, world)
    rendered = scene_audio.render(scene, world, lambda clip_id: scene_sources.load(requests[clip_id], rate_hz))
    encoded = io.BytesIO()
    soundfile.write(encoded, to_pcm(rendered.waveform), rate_hz, format="FLAC", subtype="PCM_16")
    places.write(f"{AUDIO}/{world.video_id(number)}.flac", encoded.getvalue())
    return described(scene, world, rendered)


def described(scene: scenes.Scene, world: World, rendered: scene_audio.Rendered) -> Dict[str, Any]:
    """The line of a scene in scenes.jsonl."""
    background = scene.background
    return {
        "video_id": world.video_id(scene.number),
        "labels": list(scene.labels),
        "hard_negatives": list(scene.hard_negatives),
        "scale_db": round(rendered.scale_db, 2),
        "background": {
            "clip_id": background.source.clip_id if background.source else None,
            "source_start_seconds": round(background.source_start, 3),
            "noise_exponent": None if background.source else round(background.exponent, 3),
            "level_dbfs": round(background.level_dbfs, 2),
        },
        "events": [
            {
                "label": event.source.label,
                "clip_id": event.source.clip_id,
                "recording_id": event.source.recording_id,
                "fold": event.source.fold,
                "source_start_seconds": round(event.source_start, 3),
                "onset_seconds": round(event.onset, 3),
                "seconds": round(event.seconds, 3),
                "snr_db": round(event.snr_db, 2),
                "gain_db": round(gain_db, 2),
                "heard": [[round(start, 3), round(end, 3)] for start, end in heard],
            }
            for event, gain_db, heard in zip(scene.events, rendered.gains_db, rendered.heard)
        ],
    }


def _finish(
    places: _Places, world: World, material: Material, about: Mapping[str, Any], lines: Sequence[Dict[str, Any]]
) -> Summary:
    """Writes the lists, and scenes.json last."""
    config, names = world.config, material.class_names
    vocabulary = Vocabulary(tuple(scene_sources.class_ids(material.data_set, names)), names)
    rated = list(scene_lists.rated_frames(lines, config.seconds, config.frame_seconds))
    texts = {
        scene_lists.SEGMENTS: scene_lists.segments(lines, vocabulary, config.seconds),
        scene_lists.CLASSES: scene_lists.class_labels(vocabulary),
        scene_lists.STRONG: scene_lists.strong(lines, vocabulary),
        scene_lists.FRAMED: scene_lists.framed(lines, vocabulary, rated),
        scene_lists.WEAK: scene_lists.weak(lines, vocabulary),
        SCENES: "".join(f"{json.dumps(line)}\n" for line in lines),
    }
    for name, text in texts.items():
        places.write(name, text.encode())
    present = [rating.is_present for of_scene in rated for rating in of_scene]
    classes = _classes(world, vocabulary, lines)
    summary = Summary(
        num_scenes=len(lines),
        num_events=sum(len(line["events"]) for line in lines),
        num_rated=len(present),
        present_share=float(np.mean(present)) if present else 0.0,
        priors=tuple(entry["prior"] for entry in classes if entry["num_clips"]),
        classes_without_clips=tuple(entry["display_name"] for entry in classes if not entry["num_clips"]),
        classes_without_scenes=tuple(
            entry["display_name"] for entry in classes if entry["num_clips"] and not entry["prior"]
        ),
        left_out=material.num_left_out,
        rejects=tuple(about["rejects"]),
    )
    numbers = ("num_scenes", "num_events", "num_rated", "present_share", "left_out")
    description = {**about, **{name: getattr(summary, name) for name in numbers}, "classes": classes}
    places.write(DESCRIPTION, (json.dumps(description, indent=2) + "\n").encode())
    return summary


def _classes(world: World, vocabulary: Vocabulary, lines: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """What scenes.json says of each class."""
    targets = scenes.priors(vocabulary.names, world.config)
    counts = np.bincount([label for line in lines for label in line["labels"]], minlength=len(vocabulary))
    return [
        {
            "mid": id_,
            "display_name": name,
            "target_prior": float(targets[label]) if world.clips[label] else 0.0,
            "prior": int(counts[label]) / len(lines),
            "num_clips": len(world.clips[label]),
            "most_similar": [vocabulary.ids[other] for other in world.similar[label][:_NUM_SIMILAR]],
        }
        for label, (id_, name) in enumerate(zip(vocabulary.ids, vocabulary.names))
    ]
