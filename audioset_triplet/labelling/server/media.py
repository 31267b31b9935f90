"""The audio and the images of questions, made on request and held in memory, so that the page plays at once."""

import collections
import io
import threading
from typing import Any, Callable, Dict, Hashable, NamedTuple, Optional, Tuple

import numpy as np
import soundfile

from audioset_triplet.labelling.events import Question
from audioset_triplet.labelling.server import clip_images
from audioset_triplet.labelling.server.clip_audio import Clips, Excerpt

_MOST_BYTES = 256 << 20  # of all that is held
_HIGHEST_HZ = 24000.0


class View(NamedTuple):
    """How a rater looks at a question."""

    context_seconds: float = 0.0  # before and behind a segment
    low_hz: float = 20.0  # the range of the spectrogram
    high_hz: float = _HIGHEST_HZ


class Media:
    """The audio and the images of the clips that questions are about; for several threads."""

    def __init__(self, clips: Clips) -> None:
        self._clips = clips
        self._cache = _Cache(_MOST_BYTES)
        self._lock = threading.Lock()

    def describe(self, question: Question, view: View) -> Dict[str, Any]:
        """Length, segment and axes of an excerpt: see `app`; raises what `Clips.read` raises."""
        excerpt, view = self._seen(question, view)
        segment = None
        if question.start_seconds is not None and question.end_seconds is not None:
            segment = [question.start_seconds - excerpt.start_seconds, question.end_seconds - excerpt.start_seconds]
        peak = float(np.abs(excerpt.samples).max(initial=0.0))
        return {
            "seconds": excerpt.seconds,
            "start_seconds": excerpt.start_seconds,
            "segment": segment,
            "sample_rate_hz": excerpt.sample_rate_hz,
            "peak_decibels": round(20 * float(np.log10(peak)), 1) if peak > 0 else None,
            "time_ticks": clip_images.time_ticks(excerpt),
            "frequency_ticks": clip_images.frequency_ticks(view.low_hz, view.high_hz),
        }

    def audio(self, question: Question, view: View) -> bytes:
        """An excerpt as WAV with 16 bits."""
        return self._made("audio", question, view._replace(low_hz=0, high_hz=0), lambda excerpt, _: _wav(excerpt))

    def waveform(self, question: Question, view: View) -> bytes:
        """An excerpt as `clip_images.waveform`."""
        view = view._replace(low_hz=0, high_hz=0)
        return self._made("waveform", question, view, lambda excerpt, _: clip_images.waveform(excerpt))

    def spectrogram(self, question: Question, view: View) -> bytes:
        """An excerpt as `clip_images.spectrogram`."""
        return self._made(
            "spectrogram",
            question,
            view,
            lambda excerpt, seen: clip_images.spectrogram(excerpt, seen.low_hz, seen.high_hz),
        )

    def _made(self, kind: str, question: Question, view: View, make: Callable[[Excerpt, View], bytes]) -> bytes:
        with self._lock:
            key = (kind, question.interval, view)
            data = self._cache.get(key)
            if data is None:
                data = make(*self._seen_alone(question, view))
                self._cache.put(key, data, len(data))
            return data

    def _seen(self, question: Question, view: View) -> Tuple[Excerpt, View]:
        with self._lock:
            return self._seen_alone(question, view)

    def _seen_alone(self, question: Question, view: View) -> Tuple[Excerpt, View]:
        """The excerpt, and the view with a range of frequencies that the excerpt has."""
        key = ("excerpt", question.interval, view.context_seconds)
        excerpt = self._cache.get(key)
        if excerpt is None:
            start, end = question.start_seconds or 0.0, question.end_seconds
            if question.start_seconds is not None and end is not None:
                start, end = max(0.0, start - view.context_seconds), end + view.context_seconds
            excerpt = self._clips.read(question.clip_id, start, end)
            self._cache.put(key, excerpt, excerpt.samples.nbytes)
        high_hz = min(view.high_hz, excerpt.sample_rate_hz / 2)
        return excerpt, view._replace(high_hz=high_hz, low_hz=min(view.low_hz, high_hz / 2))


class _Cache:
    """Values up to so many bytes; those that were used longest ago go first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._values: collections.OrderedDict[Hashable, Tuple[Any, int]] = collections.OrderedDict()
        self._num_bytes = 0

    def get(self, key: Hashable) -> Optional[Any]:
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key][0]

    def put(self, key: Hashable, value: Any, num_bytes: int) -> None:
        self._values[key] = value, num_bytes
        self._num_bytes += num_bytes
        while self._num_bytes > self._most_bytes and len(self._values) > 1:
            _, (_, freed) = self._values.popitem(last=False)
            self._num_bytes -= freed


def _wav(excerpt: Excerpt) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.clip(excerpt.samples, -1, 1), excerpt.sample_rate_hz, "PCM_16", format="WAV")
    return file.getvalue()
