"""FFmpeg, through PyAV (an extra), as the decoder of a part of a file: AAC, WMA, AMR, the sound tracks of videos, ...

A file is given to FFmpeg as an open file: by its name, FFmpeg would take `http:` or `pipe:0` for a protocol, `%03d` for
many files, and the extension for the format. What could open other files (playlists) is no format here.
"""

from typing import Any, BinaryIO, Iterator, List, Optional

import numpy as np

from audioset_triplet.media.audio_error import AudioError, Path
from audioset_triplet.media.file_parts import Opened, Part, PartReader, Refused, of_length

# Tracks of a video end a little before the video does; a lone one counts what the encoder put before and behind.
_SLACK_SECONDS = 0.5
_AUDIO_SLACK_SECONDS = 0.2
_MICROSECONDS = 1_000_000  # unit of the duration of a container
# Formats whose length FFmpeg guesses from the first bit rate.
_GUESSED_LENGTHS = ("aac", "ac3", "amr", "dts", "dtshd", "eac3", "g722", "gsm", "loas", "mlp", "mp3", "truehd")
_FORMATS = (
    *("3dostr", "aa", "aac", "ac3", "act", "adp", "ads", "adx", "aea", "aiff", "amr", "ape", "apc", "aptx", "asf"),
    *("ast", "au", "avi", "avr", "bfstm", "boa", "bonk", "brstm", "caf", "dsf", "dss", "dts", "dtshd", "dv", "dvd"),
    *("eac3", "ea", "epaf", "f4v", "flac", "flv", "fsb", "g722", "g729", "genh", "gsm", "gxf", "hca", "hcom", "iff"),
    *("ilbc", "ircam", "ivf", "iamf", "lc3", "loas", "matroska", "webm", "mca", "mlp", "mmf", "mov", "mp4", "m4a"),
    *("3gp", "3g2", "mj2", "mp3", "mpc", "mpc8", "mpeg", "mpegts", "mpegvideo", "mtaf", "mxf", "nistsphere", "nsv"),
    *("nut", "nuv", "ogg", "oma", "osq", "paf", "pvf", "qcp", "qoa", "rka", "rl2", "rm", "roq", "rso", "sbc", "sds"),
    *("shn", "siff", "smjpeg", "sol", "sox", "swf", "tak", "truehd", "tta", "txd", "ty", "vag", "vivo", "voc", "vqf"),
    *("w64", "wav", "wavarc", "wsd", "wtv", "wv", "wve", "xa", "xmv", "xvag", "xwma"),
)
# FFmpeg makes a shorter sound of a damaged FLAC, unless it checks sums and stops.
_STRICT = {"flac": {"err_detect": "crccheck+explode"}}
_MISSING = "install the `video` extra (or: pip install av) to read this format"


def open_container(path: Path, file: BinaryIO, part: Optional[Part] = None) -> Any:
    """A file or a part of it, opened by PyAV.

    Raises:
        Refused: FFmpeg does not know what it is, or PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise Refused(_MISSING, False) from error
    source = file if part is None else PartReader(file, part)
    source.seek(0)
    try:
        # Not `options`, which PyAV 15 hands to every track too: it crashes where tracks appear later, as in FLV.
        return av.open(source, container_options={"format_whitelist": ",".join(_FORMATS)})
    except (av.error.FFmpegError, ValueError) as error:
        raise Refused("damaged, or of a format that libsndfile and FFmpeg do not know", False) from error


def audio_track(path: Path, container: Any) -> Any:
    """The audio track of a container that is decoded: the first.

    Raises:
        AudioError: there is none (`no audio`), or its codec is unknown.
    """
    if not container.streams.audio:
        has_images = any(track.codec_context and track.codec_context.width for track in container.streams.video)
        detail = "a video without an audio track" if has_images else "the file has no audio track"
        raise AudioError(path, "no audio" if has_images else "unreadable", detail)
    track = container.streams.audio[0]
    if not track.codec_context:
        raise AudioError(path, "unreadable", "the codec of its audio is unknown")
    return track


def open_part(path: Path, file: BinaryIO, part: Part, block_values: int, block_seconds: float) -> Opened:
    """Opens a part and decodes its first frame; see `sndfile_decoder.open_part`.

    Raises:
        Refused: FFmpeg cannot read it.
        AudioError: there is no audio in it.
    """
    container = open_container(path, file, part)
    try:
        if container.streams.audio and not container.streams.audio[0].codec_context:
            raise Refused("of an unknown codec", False)
        track = audio_track(path, container)
        track.codec_context.options = _STRICT.get(track.codec_context.name, {})
        frames = _frames(path, container, track)
        first = next(frames, None)
        if first is None:
            raise AudioError(path, "empty", "the file holds no samples")
    except BaseException:
        container.close()
        raise
    rate_hz, num_channels = first.sample_rate, first.layout.nb_channels
    block_samples = max(1, min(round(block_seconds * rate_hz), block_values // num_channels))
    return Opened(rate_hz, num_channels, _blocks(path, container, first, frames, block_samples))


def _frames(path: Path, container: Any, track: Any) -> Iterator[Any]:
    """The decoded frames of a track, all of one rate and with the same channels."""
    import av

    num_read, rate_hz, layout = 0, 0, ""
    try:
        for packet in container.demux(track):
            for frame in packet.decode():
                if rate_hz and (frame.sample_rate, frame.layout.name) != (rate_hz, layout):
                    detail = f"after {num_read / rate_hz:.2f} s its sample rate or channels change"
                    raise AudioError(path, "unreadable", detail)
                rate_hz, layout = frame.sample_rate, frame.layout.name
                num_read += frame.samples
                yield frame
    except av.error.FFmpegError as error:
        if not num_read:
            raise AudioError(path, "unreadable", f"its audio cannot be decoded: {error.strerror}") from error
        detail = f"decoding stops after {num_read / rate_hz:.2f} s: {error.strerror}"
        raise AudioError(path, "truncated", detail) from error
    expected = _length_seconds(container, track)
    slack = _SLACK_SECONDS if container.streams.video else _AUDIO_SLACK_SECONDS
    if rate_hz and expected and num_read / rate_hz < expected - slack:
        detail = f"the audio ends after {num_read / rate_hz:.2f} s"
        raise AudioError(path, "truncated", detail + of_length(round(expected * rate_hz), rate_hz))


def _length_seconds(container: Any, track: Any) -> float:
    """By the header; 0: unknown."""
    if container.format.name in _GUESSED_LENGTHS:
        return 0.0
    if track.duration:
        return float(track.duration * track.time_base)
    return 0.0 if container.streams.video else (container.duration or 0) / _MICROSECONDS


def _blocks(path: Path, container: Any, first: Any, frames: Iterator[Any], block_samples: int) -> Iterator[np.ndarray]:
    import av

    with container:
        # Not by planes: PyAV 18 reads beyond the eighth.
        to_floats = av.AudioResampler(format="flt", layout=first.layout, rate=first.sample_rate)
        num_channels = first.layout.nb_channels
        pending: List[np.ndarray] = []
        num_pending = 0
        frame: Any = first
        while frame is not None:
            for piece in to_floats.resample(frame):
                pending.append(piece.to_ndarray().reshape(-1, num_channels))
                num_pending += len(pending[-1])
            if num_pending >= block_samples:
                yield np.concatenate(pending)
                pending, num_pending = [], 0
            frame = next(frames, None)
        if pending:
            yield np.concatenate(pending)
