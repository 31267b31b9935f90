"""The images of a video, until the records of its clips are written."""

import bisect
import dataclasses
import pathlib
import tempfile
from typing import Any, Dict, List

from audioset_triplet.media import video_files
from data_prep.config import FramesConfig

_HELD_BYTES = 32 << 20  # more images than this wait in a temporary file


class VideoImages:
    """All images of a video, which has been read to its end: a damaged video gives none."""

    def __init__(self, path: pathlib.Path, config: FramesConfig, num_samples: int, sample_rate_hz: int) -> None:
        """
        Args:
            path: the video.
            config: which of its images.
            num_samples: length of its audio.
            sample_rate_hz: rate of these samples.

        Raises:
            AudioError: see `video_files.images`.
        """
        self._image_size = config.image_size
        self._sample_rate_hz = sample_rate_hz
        self._file = tempfile.SpooledTemporaryFile(_HELD_BYTES)
        self._positions: List[float] = []  # in samples of the audio
        self._ends = [0]  # of the images, in bytes of the file
        try:
            for image in video_files.images(path, num_samples / sample_rate_hz, **dataclasses.asdict(config)):
                self._file.write(image.jpeg)
                self._positions.append(float(image.seconds * sample_rate_hz))
                self._ends.append(self._ends[-1] + len(image.jpeg))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "VideoImages":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def of_clip(self, start: int, num_samples: int) -> Dict[str, Any]:
        """The image fields of the record of a clip (`schema.Clip`).

        Args:
            start: the first sample of the clip.
            num_samples: its length.
        """
        first, end = (bisect.bisect_left(self._positions, sample) for sample in (start, start + num_samples))
        frames = []
        for index in range(first, end):
            self._file.seek(self._ends[index])
            frames.append(self._file.read(self._ends[index + 1] - self._ends[index]))
        times = ((position - start) / self._sample_rate_hz for position in self._positions[first:end])
        return {"frames": tuple(frames), "frame_seconds": tuple(times), "image_size": self._image_size}
