"""What can be seen and heard of clips on a page.

TensorFlow is imported where it is needed: it takes seconds that a page without pictures need not wait for.
"""

from typing import Any, Dict, NamedTuple, Sequence

from audioset_triplet.frontend.constants import SAMPLE_RATE_HZ
from audioset_triplet.reports import page

_MOST_SECONDS = 10.0  # of a clip


class Excerpt(NamedTuple):
    """A part of a clip."""

    clip_id: str
    start_seconds: float = 0.0
    seconds: float = _MOST_SECONDS


def excerpts(data: str, wanted: Sequence[Excerpt]) -> Dict[Excerpt, Dict[str, Any]]:
    """Excerpt -> its length (`seconds`), `spectrogram` and `audio`, both as addresses that hold them.

    Args:
        data: TFRecords that hold the clips, as globs; empty: nothing can be seen or heard.
        wanted: the excerpts.

    Raises:
        UserError: what `sounds.waveforms` raises.
    """
    if not data:
        return {}
    from audioset_triplet.records.waveforms import waveforms as read_waveforms
    from audioset_triplet.reports import images

    end = max((one.start_seconds + one.seconds for one in wanted), default=0.0)
    waveforms = read_waveforms(data, [one.clip_id for one in wanted], end)

    def shown(one: Excerpt) -> Dict[str, Any]:
        start = round(one.start_seconds * SAMPLE_RATE_HZ)
        waveform = waveforms[one.clip_id][start : start + round(one.seconds * SAMPLE_RATE_HZ)]
        return {
            "seconds": len(waveform) / SAMPLE_RATE_HZ,
            "spectrogram": page.data_uri("image/png", images.spectrogram(waveform)),
            "audio": page.data_uri("audio/mpeg", images.mp3(waveform)),
        }

    return {one: shown(one) for one in wanted}


def colour_scale() -> str:
    """The address that holds the colours of the spectrograms, from quiet to loud."""
    from audioset_triplet.reports import images

    return page.data_uri("image/png", images.colour_scale())
