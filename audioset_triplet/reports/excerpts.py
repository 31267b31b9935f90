"""Spectrograms and audio of clips, for a page.

TensorFlow is imported where it is needed: it takes seconds that a page without images need not wait for.
"""

from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from audioset_triplet.reports import page, wording

_MAX_SECONDS = 10.0  # of a clip


class Excerpt(NamedTuple):
    """A part of a clip: the window that begins at a time; None: the first seconds of the clip."""

    clip_id: str
    window_start_seconds: Optional[float] = None


def excerpts(data: str, wanted: Sequence[Excerpt], front_end_id: str) -> Dict[Excerpt, Dict[str, Any]]:
    """Excerpt -> `seconds`, `spectrogram` and `audio` (data URIs), and the lowest and highest of its `bands`, as text.

    Args:
        data: TFRecords that hold the clips, as globs; empty: there are neither spectrograms nor audio.
        wanted: the excerpts.
        front_end_id: the front end of the embeddings that the page is about. Of an unknown one (imported features) the
            spectrograms are log-mel.

    Raises:
        UserError: what `waveforms.waveforms` and `reading.require_format` raise.
    """
    if not data:
        return {}
    from audioset_triplet.frontend import registry
    from audioset_triplet.records import globs, reading
    from audioset_triplet.records.waveforms import waveforms as read_waveforms
    from audioset_triplet.reports import images

    known = {front_end.id: front_end for front_end in registry.FRONT_ENDS.values()}
    front_end = known.get(front_end_id, registry.FRONT_ENDS["log_mel"])
    rate_hz = front_end.sample_rate_hz
    reading.require_format(globs.expand(data), rate_hz, front_end.num_channels, f"front end {front_end.id}")

    def span_seconds(excerpt: Excerpt) -> Tuple[float, float]:
        if excerpt.window_start_seconds is None:
            return 0.0, _MAX_SECONDS
        return excerpt.window_start_seconds, excerpt.window_start_seconds + front_end.window_seconds

    end = max((span_seconds(excerpt)[1] for excerpt in wanted), default=0.0)
    waveforms = read_waveforms(data, [excerpt.clip_id for excerpt in wanted], end)

    def rendered(excerpt: Excerpt) -> Dict[str, Any]:
        start, end = (round(seconds * rate_hz) for seconds in span_seconds(excerpt))
        waveform = waveforms[excerpt.clip_id][start:end]
        return {
            "seconds": len(waveform) / rate_hz,
            "bands": [wording.frequency(hz) for hz in front_end.band_hz[:: max(1, len(front_end.band_hz) - 1)]],
            "spectrogram": page.data_uri("image/png", images.spectrogram(waveform, front_end)),
            "audio": page.data_uri("audio/mpeg", images.mp3(waveform, rate_hz)),
        }

    return {excerpt: rendered(excerpt) for excerpt in wanted}


def colour_scale() -> str:
    """The colours of the spectrograms from quiet to loud, as a data URI."""
    from audioset_triplet.reports import images

    return page.data_uri("image/png", images.colour_scale())
