"""Audio files in memory for tests: by libsndfile, by FFmpeg, and with other headers."""

import fractions
import io
from typing import Any, Dict, Optional

import numpy as np
import soundfile

ID3V2 = b"ID3\x03\0\0\0\0\x10\0" + bytes(2048)
ID3V1 = b"TAG" + b"x" * 125
_APE = (2000).to_bytes(4, "little") + (1).to_bytes(4, "little")
APE = b"".join(
    b"APETAGEX\xd0\x07\0\0" + _APE + (flags << 24).to_bytes(4, "little") + bytes(8) + b"y" * content
    for flags, content in ((0xA0, 1968), (0x80, 0))
)


def noise(seconds: float, rate_hz: int = 16000, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Float64 [L, channels]."""
    return 0.1 * np.random.default_rng(seed).standard_normal((round(seconds * rate_hz), channels))


def encoded(
    samples: np.ndarray, rate_hz: int = 16000, format: str = "WAV", subtype: Optional[str] = None, **options: Any
) -> bytes:
    """A file by libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=format, subtype=subtype, **options)
    return file.getvalue()


def by_ffmpeg(
    samples: np.ndarray,
    rate_hz: int,
    format: str,
    codec: str,
    options: Optional[Dict[str, str]] = None,
    codec_options: Optional[Dict[str, str]] = None,
) -> bytes:
    """A mono file by FFmpeg."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=format, options=options or {}) as container:
        track = container.add_stream(codec, rate=rate_hz, layout="mono")
        track.options = codec_options or {}
        for start in range(0, len(samples), 1024):
            block = np.ascontiguousarray(samples[start : start + 1024].astype(np.float32).T)
            frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, fractions.Fraction(1, rate_hz)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return file.getvalue()


def patched(data: bytes, position: int, contents: bytes) -> bytes:
    """The same bytes but for those from a position on."""
    return data[:position] + contents + data[position + len(contents) :]


def after(data: bytes, name: bytes, contents: bytes, distance: int = 0) -> bytes:
    """The same bytes but for those behind a name."""
    return patched(data, data.index(name) + len(name) + distance, contents)


def flac_with_length(data: bytes, num_samples: int) -> bytes:
    """A FLAC file whose header says another number of samples; 0: unknown."""
    fields = int.from_bytes(data[18:26], "big")
    return patched(data, 18, (fields >> 36 << 36 | num_samples).to_bytes(8, "big"))
