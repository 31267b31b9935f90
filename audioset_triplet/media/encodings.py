"""Which audio files the graph can decode, and what it must know of their bytes. Needs no TensorFlow."""

import io
import math
from typing import Dict, Optional, Tuple

import soundfile

# What tensorflow-io decodes correctly, and so what both lanes read. 32-bit integer WAV is not here: it is taken for
# floats. 64-bit WAV is refused.
SAMPLE_TYPES: Dict[Tuple[str, str], str] = {
    ("WAV", "PCM_U8"): "uint8",
    ("WAV", "PCM_16"): "int16",
    ("WAV", "PCM_24"): "int32",
    ("WAV", "FLOAT"): "float32",
    ("FLAC", "PCM_S8"): "uint8",
    ("FLAC", "PCM_16"): "int16",
    ("FLAC", "PCM_24"): "int32",
    ("MP3", "MPEG_LAYER_III"): "float32",
    ("OGG", "VORBIS"): "float32",
}
# Output phases of the polyphase filter that are worth computing. To 16 kHz, 11.025 kHz needs 640, 44.1 kHz 160, 48 kHz
# 1; to 44.1 kHz, 16 kHz needs 441. Two rates with hardly a common divisor need thousands.
_MOST_PHASES = 640


def can_resample(rate_hz: int, sample_rate_hz: int) -> bool:
    """Whether the graph resamples one rate to another."""
    return sample_rate_hz // math.gcd(rate_hz, sample_rate_hz) <= _MOST_PHASES


def describe(encoded: bytes, sample_rate_hz: int) -> Optional[Tuple[str, str, int]]:
    """(encoding, type of its samples, rate in Hz) of a file's bytes; None if the graph cannot decode them.

    The encoding is `wav`, `flac`, `mp3` or `ogg`.

    Args:
        encoded: the file.
        sample_rate_hz: of the record, to which the graph resamples.
    """
    try:
        info = soundfile.info(io.BytesIO(encoded))
    except soundfile.LibsndfileError:
        return None
    container = {"WAVEX": "WAV", "MPEG": "MP3"}.get(info.format, info.format)
    sample_type = SAMPLE_TYPES.get((container, info.subtype))
    if sample_type is None or not can_resample(info.samplerate, sample_rate_hz):
        return None
    return container.lower(), sample_type, info.samplerate
