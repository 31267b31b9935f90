"""Which sound files the graph can decode, and what it has to be told of their bytes. Needs no TensorFlow."""

import io
import math
from typing import Dict, Optional, Tuple

import soundfile

from audioset_triplet.frontend.constants import SAMPLE_RATE_HZ

# What tensorflow-io decodes rightly. 32-bit integer WAV is not here: it is taken for floats. 64-bit WAV is refused.
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
# Output phases of the polyphase filter that are worth computing: 640 serves 11.025 kHz, 44.1 kHz needs 160, 48 kHz 1.
# A rate that has hardly a divisor in common with 16000 would need thousands.
_MOST_PHASES = 640


def describe(encoded: bytes) -> Optional[Tuple[str, str, int]]:
    """(encoding, type of its samples, rate in Hz) of a file's bytes; None if the graph cannot decode them.

    The encoding is `wav`, `flac`, `mp3` or `ogg`.
    """
    try:
        info = soundfile.info(io.BytesIO(encoded))
    except soundfile.LibsndfileError:
        return None
    container = {"WAVEX": "WAV", "MPEG": "MP3"}.get(info.format, info.format)
    sample_type = SAMPLE_TYPES.get((container, info.subtype))
    num_phases = SAMPLE_RATE_HZ // math.gcd(info.samplerate, SAMPLE_RATE_HZ)
    if sample_type is None or num_phases > _MOST_PHASES:
        return None
    return container.lower(), sample_type, info.samplerate
