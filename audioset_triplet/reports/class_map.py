"""The map of the clips in pixels: a dot for each clip, a colour for each class, and names where there is room."""

import dataclasses
import functools
from typing import Dict, List, Sequence, Tuple

import numpy as np

from audioset_triplet.evaluation.projection import Projection
from audioset_triplet.evaluation.retrieval import clips_of_classes
from audioset_triplet.store.stored_clips import Clips

MAX_NAMES = 60  # more of them hide the clips
WIDTH, HEIGHT, MARGIN = 1000, 700, 36  # of the map, in pixels
_LETTER_WIDTH, _LINE_HEIGHT = 6.9, 15.0  # of a name, in pixels
_GAPS = (6, 14, 24, 36, 50, 66)  # between a name and the middle of its class, in pixels
_DIRECTIONS = ((0, -1), (0, 1), (1, 0), (-1, 0), (1, -1), (-1, -1), (1, 1), (-1, 1))
_GAP_PER_DOT = 12  # pixels that a name moves away rather than cover one dot more
# Relative luminance (Rec. 709) of the colours of successive classes, on a light page and on a dark one: with one for
# all, yellow is unreadable on white, and blue on black.
_LUMINANCES = ((0.09, 0.17, 0.26), (0.28, 0.42, 0.58))
_CHROMA = 90  # of CIE Lab; lower where sRGB has no such colour
_GOLDEN_RATIO = 0.381966


@dataclasses.dataclass(frozen=True)
class ClassOnMap:
    """The clips of a class on the map, and the position of its name."""

    label: int  # NO_CLASS: clips without a class
    rows: List[int]  # of the clips
    points: np.ndarray  # [len(rows), 2] in pixels
    name_at: np.ndarray  # [2]: the middle of its name, near the medoid of the class
    name_fits: bool  # no other name is there
    colours: Tuple[str, str]  # on a light page, on a dark page


def lay_out(clips: Clips, projection: Projection, class_titles: Dict[int, str]) -> List[ClassOnMap]:
    """The classes with their clips in pixels, by ascending label."""
    points = _fit(projection.points)
    grouped = {int(label): np.flatnonzero(projection.labels == label) for label in np.unique(projection.labels)}
    medoids = {label: _medoid(points[indices]) for label, indices in grouped.items()}
    sizes = {label: len(members) for label, members in clips_of_classes(clips).items()}
    by_size = sorted(grouped, key=lambda label: (-sizes.get(label, 0), label))
    names = _place_names(points, medoids, {label: class_titles.get(label, "") for label in by_size})
    return [
        ClassOnMap(
            label=label,
            rows=projection.rows[indices].tolist(),
            points=points[indices],
            name_at=names.get(label, medoids[label] - [0, _LINE_HEIGHT]),
            name_fits=label in names,
            colours=class_colours(number),
        )
        for number, (label, indices) in enumerate(grouped.items())
    ]


def class_colours(index: int) -> Tuple[str, str]:
    """The colours of a class on a light page and on a dark one: hues in steps of the golden ratio, of three luminances.

    Hues are at equal distances on the circle of the most saturated colours in CIE Lab, where equal distances look about
    equally different; in HSL a third of the circle is green.
    """
    light, dark = (_colour(index * _GOLDEN_RATIO % 1, luminances[index % 3]) for luminances in _LUMINANCES)
    return light, dark


def _colour(position: float, luminance: float) -> str:
    """The colour at a position in [0, 1) of the circle of a relative luminance, as #rrggbb."""
    linear, lengths = _circle(luminance)
    linear = linear[np.searchsorted(lengths, position * lengths[-1], side="right") - 1]
    channels = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)


@functools.cache
def _circle(luminance: float) -> Tuple[np.ndarray, np.ndarray]:
    """Linear RGB [360, 3] of the highest chroma, up to _CHROMA, at each degree of hue; and the arc lengths [360]."""
    y = luminance ** (1 / 3)  # CIE L* is 116 y - 16
    hues = np.radians(np.arange(360))[:, None]
    chromas = np.arange(0, _CHROMA + 1)[None]
    lab = np.stack(np.broadcast_arrays(y + chromas * np.cos(hues) / 500, y, y - chromas * np.sin(hues) / 200), axis=-1)
    xyz = np.where(lab > 6 / 29, lab**3, 3 * (6 / 29) ** 2 * (lab - 4 / 29)) * [0.95047, 1.0, 1.08883]
    linear = xyz @ np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]).T
    is_displayable = ((linear >= -1e-3) & (linear <= 1 + 1e-3)).all(axis=-1)
    highest = is_displayable.cumprod(axis=1).sum(axis=1) - 1
    return np.clip(linear[np.arange(360), highest], 0, 1), np.cumsum(highest)


def _fit(points: np.ndarray) -> np.ndarray:
    """Stretches each axis to the page: t-SNE's axes have no scale."""
    low, high = points.min(axis=0), points.max(axis=0)
    relative = (points - low) / np.maximum(high - low, 1e-9)
    return MARGIN + relative * (np.array([WIDTH, HEIGHT]) - 2 * MARGIN)


def _medoid(points: np.ndarray) -> np.ndarray:
    """The point with the smallest sum of distances to the others: unlike a mean, it lies where clips are."""
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return points[distances.sum(axis=1).argmin()]


def _place_names(points: np.ndarray, medoids: Dict[int, np.ndarray], titles: Dict[int, str]) -> Dict[int, np.ndarray]:
    """Label -> middle of its name, for at most MAX_NAMES that do not overlap each other and cover few dots.

    Args:
        points: [m, 2], the dots.
        medoids: label -> [2].
        titles: label -> name, in the order in which they are placed.
    """
    boxes: List[np.ndarray] = []
    names: Dict[int, np.ndarray] = {}
    for label, title in titles.items():
        if len(names) == MAX_NAMES:
            break
        half = np.array([len(title) * _LETTER_WIDTH, _LINE_HEIGHT]) / 2
        free = [middle for middle in _candidates(medoids[label], half) if title and _is_free(middle, half, boxes)]
        if free:
            costs = [_cost(middle, half, medoids[label], points) for middle in free]
            names[label] = free[int(np.argmin(costs))]
            boxes.append(np.concatenate([names[label] - half, names[label] + half]))
    return names


def _candidates(medoid: np.ndarray, half: np.ndarray) -> List[np.ndarray]:
    return [medoid + np.array(direction) * (half + gap) for gap in _GAPS for direction in _DIRECTIONS]


def _is_free(middle: np.ndarray, half: np.ndarray, boxes: Sequence[np.ndarray]) -> bool:
    low, high = middle - half, middle + half
    inside = (low >= 0).all() and (high <= [WIDTH, HEIGHT]).all()
    return bool(inside) and all((high < box[:2]).any() or (low > box[2:]).any() for box in boxes)


def _cost(middle: np.ndarray, half: np.ndarray, medoid: np.ndarray, points: np.ndarray) -> float:
    covered = np.count_nonzero((np.abs(points - middle) <= half + 3).all(axis=1))
    gap = np.linalg.norm(np.maximum(np.abs(medoid - middle) - half, 0))
    return float(covered * _GAP_PER_DOT + gap)
