"""The audio of clips by their ids: of the files of a folder, or of TFRecords.

A clip id is looked up in a table that is made before the server starts; no id from a request becomes a path.
"""

import io
import os
from typing import Any, Dict, List, NamedTuple, Optional, Protocol, Tuple

import numpy as np
import soundfile

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.media import audio_files, folder_walk, pcm
from audioset_triplet.media.audio_error import AudioError
from audioset_triplet.progress_bars import progress_bar

_INDEX = "record-index.json"  # in the folder of the log
_MOST_HZ = 48000  # rate of what is played


class Excerpt(NamedTuple):
    """A part of a clip."""

    samples: np.ndarray  # [L] float32, in [-1, 1] but for what codecs overshoot
    sample_rate_hz: int
    start_seconds: float  # from the start of the clip

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate_hz


class Clips(Protocol):
    """Where the audio of clips is."""

    @property
    def clip_ids(self) -> List[str]:
        """All clips, in order."""

    def read(self, clip_id: str, start_seconds: float, end_seconds: Optional[float]) -> Excerpt:
        """A part of a clip, cut at the end of the clip.

        Args:
            clip_id: one of `clip_ids`.
            start_seconds: from the start of the clip.
            end_seconds: None: to its end.

        Raises:
            AudioError, UserError: the clip cannot be read.
        """


class FolderClips:
    """The audio files of a folder; the id of a clip is its path in the folder, as in a store of the folder."""

    def __init__(self, folder: str) -> None:
        """Raises a UserError for a folder without audio files."""
        if not os.path.isdir(folder):
            raise UserError(f"--audio={folder}: no such folder.")
        found = folder_walk.find(folder)
        self._paths = {
            os.path.relpath(file.path, folder).replace(os.sep, "/"): file.path
            for file in found.files
            if files.is_text(file.path)
        }
        if not self._paths:
            rest = found.left_out.text()
            raise UserError(f"{folder}: no audio file in this folder" + (f"; it has {rest}" if rest else "."))

    @property
    def clip_ids(self) -> List[str]:
        return list(self._paths)

    def read(self, clip_id: str, start_seconds: float, end_seconds: Optional[float]) -> Excerpt:
        path = self._paths[clip_id]
        if audio_files.is_regular(path):
            with soundfile.SoundFile(path) as file:
                if file.samplerate <= _MOST_HZ and file.seekable():
                    return _of_sound_file(file, start_seconds, end_seconds)
        rate_hz = min(audio_files.open_stream(path, sample_rate_hz=_MOST_HZ)[0], _MOST_HZ)
        samples = audio_files.load(path, sample_rate_hz=rate_hz)
        return _cut(samples, rate_hz, start_seconds, end_seconds)


class RecordClips:
    """The clips of TFRecords."""

    def __init__(self, data: str, workdir: str) -> None:
        """Looks for the clips in records, with a progress bar; the next start finds them in a file of `workdir`.

        Args:
            data: TFRecords, as globs separated by commas.
            workdir: where record-index.json is kept.

        Raises:
            UserError: no such file, a damaged record, or a clip that two records hold.
        """
        from audioset_triplet.records import globs  # here: TensorFlow takes seconds to load

        path = os.path.join(workdir, _INDEX)
        known = files.read_json_object(path) if os.path.exists(path) else {}
        index: Dict[str, Dict[str, Any]] = {}
        for file in progress_bar(globs.expand(data), "records", "files", leave=False):
            status = os.stat(file)
            state = {"size": status.st_size, "time_ns": status.st_mtime_ns}
            entry = known.get(os.path.abspath(file), {})
            if any(entry.get(name) != value for name, value in state.items()):
                entry = {**state, "offsets": _offsets(file)}
            index[os.path.abspath(file)] = entry
        files.write_json(path, index)
        self._places: Dict[str, Tuple[str, int]] = {}
        for file, entry in index.items():
            for clip_id, offset in entry["offsets"]:
                if clip_id in self._places:
                    raise UserError(f"{file}: clip {clip_id} is also in {self._places[clip_id][0]}: give one of them.")
                self._places[clip_id] = file, offset

    @property
    def clip_ids(self) -> List[str]:
        return list(self._places)

    def read(self, clip_id: str, start_seconds: float, end_seconds: Optional[float]) -> Excerpt:
        from audioset_triplet.records import scanning, schema

        file, offset = self._places[clip_id]
        frame = next(scanning.frames(file, 0, offset))
        if frame.damage:
            raise UserError(f"{file}: clip {clip_id}: {frame.damage} ({scanning.WHAT_TO_DO})")
        clip = schema.clip_from_example(frame.data)
        if clip.pcm is None:
            with soundfile.SoundFile(io.BytesIO(clip.encoded)) as encoded:
                return _of_sound_file(encoded, start_seconds, end_seconds)
        samples = pcm.to_waveform(clip.pcm)
        mono = samples if samples.ndim == 1 else samples.mean(axis=1)
        return _cut(mono, clip.sample_rate_hz, start_seconds, end_seconds)


def open_clips(data: str, audio: str, workdir: str) -> Clips:
    """The clips of `--data`, or of `--audio`; raises what these raise, and a UserError unless one is given."""
    if bool(data) == bool(audio):
        raise UserError("give the clips: --data=RECORDS, or --audio=FOLDER, and not both.")
    return RecordClips(data, workdir) if data else FolderClips(audio)


def _offsets(file: str) -> List[Tuple[str, int]]:
    """The clips of a file of records, each with the byte at which its record begins."""
    from audioset_triplet.records import scanning, schema

    offset, found = 0, []
    for frame in scanning.frames(file):
        if frame.is_foreign:
            raise UserError(f"{file}: {frame.damage}")
        if frame.damage:
            raise UserError(f"{file}: record {frame.index}: {frame.damage} ({scanning.WHAT_TO_DO})")
        found.append((schema.clip_from_example(frame.data).clip_id, offset))
        offset += scanning.FRAME_BYTES + len(frame.data)
    return found


def _of_sound_file(file: soundfile.SoundFile, start_seconds: float, end_seconds: Optional[float]) -> Excerpt:
    """A part of an open file, without reading what is before it."""
    start = min(round(start_seconds * file.samplerate), file.frames)
    end = file.frames if end_seconds is None else round(end_seconds * file.samplerate)
    try:
        file.seek(start)
        samples = file.read(max(0, min(end, file.frames) - start), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(str(file.name), "unreadable", error.error_string) from error
    return Excerpt(samples.mean(axis=1), file.samplerate, start / file.samplerate)


def _cut(samples: np.ndarray, rate_hz: int, start_seconds: float, end_seconds: Optional[float]) -> Excerpt:
    start = min(round(start_seconds * rate_hz), len(samples))
    end = len(samples) if end_seconds is None else round(end_seconds * rate_hz)
    return Excerpt(samples[start:end], rate_hz, start / rate_hz)
