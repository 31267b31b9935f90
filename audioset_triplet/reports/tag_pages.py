"""What a classifier hears in clips over time: a page and an image for each, tags.csv of all, and text to print.

    CLIP.html, CLIP.png     audio, waveform, spectrogram, and the strongest classes over time
    index.html              links to them, where there are several clips
    tags.csv                the score of each class that is shown, in each window

Shapes: W windows, C classes, K classes that are shown.
"""

import csv
import dataclasses
import math
import os
import urllib.parse
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy as np

from audioset_triplet import files
from audioset_triplet.config.tagging import TagConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import audio_clips, clip_windows
from audioset_triplet.export.audio_clips import AudioClip
from audioset_triplet.export.clip_windows import ClipWindows
from audioset_triplet.export.loaded_model import WindowModel
from audioset_triplet.frontend import registry
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.reports import clip_figure, images, page, wording
from audioset_triplet.reports.clip_figure import ScoreRows
from audioset_triplet.store.window_scores import ScoreInfo

_SECONDS_PER_IMAGE = 60.0
_MOST_LINES = 60  # of one clip, that are printed
_NAME_BYTES = 200  # of a file, without its extension


@dataclasses.dataclass(frozen=True)
class _Tagged:
    """A clip with its scores and the beginning of its audio."""

    windows: ClipWindows  # vectors: scores [W, C]
    shown: List[int]  # [K] columns of the classes that are shown, the highest score first
    titles: List[str]  # [C] names of the classes
    waveform: np.ndarray  # [L], mono
    seconds: float  # length of the clip

    @property
    def clip_id(self) -> str:
        return self.windows.clip.clip_id


class _Recorder:
    """Hands blocks of audio on; keeps the first ones, counts all, and shows how far it is."""

    def __init__(self, audio: AudioClip, num_kept: int, rate_hz: int) -> None:
        self.kept: List[np.ndarray] = []
        self.num_samples = 0
        self._audio, self._num_kept, self._rate_hz = audio, num_kept, rate_hz

    def read(self) -> Iterator[np.ndarray]:
        name = files.printable(self._audio.clip.clip_id)
        with progress_bar(name=name, unit="s", bar_format="{desc}: {n:.0f} s", leave=False) as bar:
            for block in self._audio.read():
                missing = self._num_kept - self.num_samples
                if missing > 0:
                    self.kept.append(block[:missing])
                self.num_samples += len(block)
                bar.update(len(block) / self._rate_hz)
                yield block

    def waveform(self) -> np.ndarray:
        """What was kept, mono [L]."""
        kept = np.concatenate(self.kept) if self.kept else np.zeros(0, np.float32)
        return kept if kept.ndim == 1 else kept.mean(axis=1)


def write(source: str, folder: str, model: WindowModel, config: TagConfig) -> Iterator[str]:
    """Writes the pages of all clips of a path, one after the other; gives the lines to print as they come.

    Args:
        source: as for `audio_clips.find`.
        folder: for the pages; made if it is missing.
        model: gives scores.
        config: what is shown.

    Raises:
        UserError: what `audio_clips.find` raises; no clip can be used; a damaged record.
    """
    assert isinstance(model.info, ScoreInfo)
    front_end = registry.by_id(model.front_end_id)
    items = audio_clips.find(source, (), model).items
    is_one = len(items) == 1 and not items[0].is_records
    index: List[Dict[str, Any]] = []
    rejects: List[AudioError] = []
    names: Dict[str, int] = {}
    os.makedirs(folder, exist_ok=True)
    table = os.path.join(folder, "tags.csv")
    with files.atomic_path(table) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["clip_id", "start_seconds", "label", "label_name", "score"])
        for audio in (audio for item in items for audio in audio_clips.clips_of(item, (), model)):
            try:
                tagged = _tag(audio, model, config)
            except AudioError as error:
                rejects.append(error)
                continue
            name = _file_name(tagged.clip_id, names)
            _write_page(os.path.join(folder, name), tagged, model.info, front_end, "" if is_one else _up(name))
            rows.writerows(_rows(tagged, model.info))
            index.append({"href": urllib.parse.quote(f"{name}.html"), **_summary(tagged)})
            yield from _lines(tagged, config.top) if is_one else [_line(index[-1])]
        if not index:
            why = f" The first: {rejects[0]}" if rejects else ""
            raise UserError(f"{source}: none of {len(rejects)} clips could be used.{why}")
    yield from (f"rejected: {error}" for error in rejects)
    if not is_one:
        html = page.render("tags_index.html.jinja", [], _facts(model.info), clips=index, num_rejects=len(rejects))
        files.write_text(os.path.join(folder, "index.html"), html)
    yield f"wrote {os.path.join(folder, name + '.html' if is_one else 'index.html')} and {table}"


def _tag(audio: AudioClip, model: WindowModel, config: TagConfig) -> _Tagged:
    """The scores of a clip; of a long clip only the beginning of the audio is kept."""
    assert isinstance(model.info, ScoreInfo)
    recorder = _Recorder(audio, round(60 * config.minutes * model.sample_rate_hz), model.sample_rate_hz)
    windows = clip_windows.of_clip(AudioClip(audio.clip, recorder.read), model)
    model.info.check(windows.vectors, [audio.clip.clip_id] * len(windows.vectors), f"model {model.info.model_id}")
    highest = windows.vectors.max(axis=0)
    titles = list(page.readable(model.info.names).values())
    return _Tagged(
        windows=windows,
        shown=np.argsort(-highest, kind="stable")[: config.top].tolist(),
        titles=titles,
        waveform=recorder.waveform(),
        seconds=recorder.num_samples / model.sample_rate_hz,
    )


def _write_page(path: str, tagged: _Tagged, info: ScoreInfo, front_end: FrontEnd, index: str) -> None:
    """Writes path.html and path.png; `index` is the address of the index page, seen from there."""
    rows = ScoreRows(
        names=[tagged.titles[column] for column in tagged.shown],
        start_seconds=tagged.windows.start_seconds,
        scores=tagged.windows.vectors[:, tagged.shown],
        window_seconds=info.window_seconds,
        hop_seconds=info.hop_seconds,
    )
    drawn_seconds = len(tagged.waveform) / front_end.sample_rate_hz
    parts = []
    for start, end in _sections(len(tagged.waveform), front_end.sample_rate_hz):
        first_second = start / front_end.sample_rate_hz
        png = clip_figure.draw(tagged.waveform[start:end], first_second, front_end, rows)
        parts.append((first_second, end / front_end.sample_rate_hz, png))
    if len(parts) > 1 or drawn_seconds < tagged.seconds:
        parts.insert(0, (0.0, tagged.seconds, clip_figure.overview(rows, tagged.seconds)))
    html = page.render(
        "tags.html.jinja",
        [],
        _facts(info),
        clip=_summary(tagged),
        index=index,
        parts=[{"start": start, "end": end, "image": page.data_uri("image/png", png)} for start, end, png in parts],
        time_axis=clip_figure.TIME_AXIS,
        audio=page.data_uri("audio/mpeg", images.mp3(_audible(tagged.waveform), front_end.sample_rate_hz)),
        drawn="" if drawn_seconds >= tagged.seconds else _duration(drawn_seconds),
    )
    os.makedirs(os.path.dirname(path) or os.curdir, exist_ok=True)
    files.write_text(f"{path}.html", html)
    with files.atomic_path(f"{path}.png") as temporary, open(temporary, "wb") as file:
        file.write(images.below_each_other([png for *_, png in parts]))


def _sections(num_samples: int, rate_hz: int) -> Iterator[Tuple[int, int]]:
    """Parts of equal length, of at most a minute: the samples at which each begins and ends."""
    count = max(1, math.ceil(num_samples / (_SECONDS_PER_IMAGE * rate_hz)))
    edges = np.linspace(0, num_samples, count + 1).round().astype(int).tolist()
    return zip(edges[:-1], edges[1:])


def _audible(waveform: np.ndarray) -> np.ndarray:
    """An empty file has no MP3."""
    return waveform if len(waveform) else np.zeros(1, np.float32)


def _summary(tagged: _Tagged) -> Dict[str, Any]:
    """A clip for the templates: its id, its length, and the classes that are shown."""
    windows = tagged.windows
    means = np.average(windows.vectors, axis=0, weights=windows.weights)
    classes = []
    for column in tagged.shown:
        strongest = windows.vectors[:, column].argmax()
        start = float(windows.start_seconds[strongest])
        classes.append(
            {
                "title": tagged.titles[column],
                "highest": float(windows.vectors[strongest, column]),
                "at": start,
                "time": _time(start),
                "mean": float(means[column]),
            }
        )
    labels = ", ".join(windows.clip.label_names)
    return {"clip_id": tagged.clip_id, "length": _duration(tagged.seconds), "classes": classes, "labels": labels}


def _rows(tagged: _Tagged, info: ScoreInfo) -> Iterator[List[Any]]:
    for start, scores in zip(tagged.windows.start_seconds, tagged.windows.vectors):
        for column in tagged.shown:
            label, name = info.classes[column], info.class_names[column]
            yield [tagged.clip_id, f"{start:.2f}", label, name, f"{scores[column]:.6f}"]


def _lines(tagged: _Tagged, top: int) -> Iterator[str]:
    """A line for each window: its start, and its own strongest classes."""
    yield f"{files.printable(tagged.clip_id)}, {_duration(tagged.seconds)}"
    windows = list(zip(tagged.windows.start_seconds, tagged.windows.vectors))
    for start, scores in windows[:_MOST_LINES]:
        strongest = np.argsort(-scores, kind="stable")[:top]
        texts = (f"{tagged.titles[column]} {scores[column]:.2f}" for column in strongest)
        yield f"{_time(start):>10}  {', '.join(texts)}"
    if windows[_MOST_LINES:]:
        yield f"and {len(windows) - _MOST_LINES} windows more, in tags.csv"


def _line(clip: Dict[str, Any]) -> str:
    """A clip in a line, where there are several."""
    classes = ", ".join(f"{one['title']} {one['highest']:.2f} at {one['time']}" for one in clip["classes"])
    return f"{files.printable(clip['clip_id'])}, {clip['length']}: {classes}"


def _file_name(clip_id: str, names: Dict[str, int]) -> str:
    """The path of the files of a clip below the folder, without extension: its id, as far as that is a path."""
    parts = [part for part in files.printable(clip_id).replace("\\", "_").split("/") if part not in ("", ".", "..")]
    path = "/".join(_shortened(part) for part in parts) or "clip"
    if path == "index":
        path = "index-1"
    names[path] = names.get(path, 0) + 1
    return path if names[path] == 1 else _file_name(f"{path}-{names[path]}", names)


def _shortened(name: str) -> str:
    return name.encode()[:_NAME_BYTES].decode(errors="ignore")


def _up(name: str) -> str:
    return "../" * name.count("/") + "index.html"


def _time(seconds: float) -> str:
    """A time in a clip."""
    minutes, rest = divmod(round(seconds, 2), 60)
    return f"{rest:.2f} s" if not minutes else f"{int(minutes)}:{rest:05.2f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{rest:.1f} s" if not minutes else f"{int(minutes)} min {rest:.0f} s"


def _facts(info: ScoreInfo) -> Sequence[Tuple[str, str]]:
    return [
        ("model", info.model_id),
        ("front end", info.front_end_id),
        ("classes", str(len(info.classes))),
        ("windows", wording.windows(info.window_seconds, info.hop_seconds)),
    ]
