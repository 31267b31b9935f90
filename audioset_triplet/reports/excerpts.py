"""Spectrograms and audio of clips, for a page.

TensorFlow is imported where it is needed: it takes seconds that a page without images need not wait for.
"""

import os
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.media import audio_files
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.reports import page, wording

if TYPE_CHECKING:
    from audioset_triplet.frontend.front_end import FrontEnd

_MAX_SECONDS = 10.0  # of a clip


class Excerpt(NamedTuple):
    """A part of a clip: the window that begins at a time; None: the first seconds of the clip."""

    clip_id: str
    window_start_seconds: Optional[float] = None
    context_seconds: float = 0.0  # before and after the window


Spans = Mapping[Excerpt, Tuple[float, float]]  # from and to, in seconds of the clip


def excerpts(data: str, wanted: Sequence[Excerpt], front_end_id: str, audio: str = "") -> Dict[Excerpt, Dict[str, Any]]:
    """Excerpt -> `seconds`, `spectrogram` and `audio` (data URIs), and the lowest and highest of its `bands`, as text.

    Args:
        data: TFRecords that hold the clips, as globs; empty: there are neither spectrograms nor audio.
        wanted: the excerpts.
        front_end_id: the front end of the embeddings that the page is about. Of an unknown one (imported features) the
            spectrograms are log-mel.
        audio: in place of `data`, the folder of sound files below which the clip ids are paths.

    Raises:
        UserError: what `waveforms.waveforms` and `reading.require_format` raise; a sound file that cannot be read.
    """
    if not data and not audio:
        return {}
    from audioset_triplet.frontend import registry
    from audioset_triplet.reports import images

    front_end = registry.find(front_end_id) or registry.FRONT_ENDS["log_mel"]
    rate_hz = front_end.sample_rate_hz

    def span_seconds(excerpt: Excerpt) -> Tuple[float, float]:
        if excerpt.window_start_seconds is None:
            return 0.0, _MAX_SECONDS
        start, context = excerpt.window_start_seconds, excerpt.context_seconds
        return max(0.0, start - context), start + front_end.window_seconds + context

    spans = {excerpt: span_seconds(excerpt) for excerpt in wanted}
    waveforms = _of_files(audio, spans, front_end) if audio else _of_records(data, spans, front_end)

    def rendered(excerpt: Excerpt) -> Dict[str, Any]:
        waveform = waveforms[excerpt]
        return {
            "seconds": len(waveform) / rate_hz,
            "bands": [wording.frequency(hz) for hz in front_end.band_hz[:: max(1, len(front_end.band_hz) - 1)]],
            "spectrogram": page.data_uri("image/png", images.spectrogram(waveform, front_end)),
            "audio": page.data_uri("audio/mpeg", images.mp3(waveform, rate_hz)),
        }

    return {excerpt: rendered(excerpt) for excerpt in wanted}


def check(data: str, folder: str = "") -> None:
    """Raises a UserError about missing records, or a missing folder of sound files, as `excerpts` would in the end."""
    if data:
        from audioset_triplet.records import globs

        globs.expand(data)
    if folder and not os.path.isdir(folder):
        raise UserError(f"{folder}: no such folder: give the folder that was embedded.")


def _of_records(data: str, spans: Spans, front_end: "FrontEnd") -> Dict[Excerpt, np.ndarray]:
    """The waveform of each excerpt."""
    from audioset_triplet.records import globs, reading
    from audioset_triplet.records.waveforms import waveforms as read_waveforms

    rate_hz = front_end.sample_rate_hz
    reading.require_format(globs.expand(data), rate_hz, front_end.num_channels, f"front end {front_end.id}")
    last = max((end for _, end in spans.values()), default=0.0)
    waveforms = read_waveforms(data, [excerpt.clip_id for excerpt in spans], last)
    return {
        excerpt: waveforms[excerpt.clip_id][round(start * rate_hz) : round(end * rate_hz)]
        for excerpt, (start, end) in spans.items()
    }


def _of_files(folder: str, spans: Spans, front_end: "FrontEnd") -> Dict[Excerpt, np.ndarray]:
    """The waveform of each excerpt; each file is read once, no further than needed."""
    of_clip: Dict[str, List[Excerpt]] = {}
    for excerpt in spans:
        of_clip.setdefault(excerpt.clip_id, []).append(excerpt)
    waveforms: Dict[Excerpt, np.ndarray] = {}
    for clip_id, of_file in progress_bar(of_clip.items(), "audio", "clips"):
        path = os.path.join(folder, clip_id)
        if os.path.isabs(clip_id) or ".." in clip_id.split("/") or not os.path.isfile(path):
            raise UserError(f"{folder}: holds no {clip_id}: give the folder that was embedded.")
        for excerpt, waveform in zip(of_file, _parts_of_file(path, [spans[one] for one in of_file], front_end)):
            waveforms[excerpt] = waveform
    return waveforms


def _parts_of_file(path: str, spans: Sequence[Tuple[float, float]], front_end: "FrontEnd") -> List[np.ndarray]:
    """The samples of a file between some times."""
    samples = [[round(seconds * front_end.sample_rate_hz) for seconds in span] for span in spans]
    parts: List[List[np.ndarray]] = [[] for _ in spans]
    first, last = 0, max(end for _, end in samples)
    blocks = audio_files.stream(path, sample_rate_hz=front_end.sample_rate_hz, num_channels=front_end.num_channels)
    for block in blocks:
        for part, (start, end) in zip(parts, samples):
            part.append(block[max(0, start - first) : max(0, end - first)])
        first += len(block)
        if first >= last:
            break
    return [np.concatenate(part) for part in parts]


def colour_scale() -> str:
    """The colours of the spectrograms from quiet to loud, as a data URI."""
    from audioset_triplet.reports import images

    return page.data_uri("image/png", images.colour_scale())
