"""Images of the objects that make the synthetic sounds: one drawing per class of `synthetic.sounds`.

Every drawing takes a pen, a turn and colours. The pen draws in a square from -1 to 1, y down; the turn is the phase of
the object's own motion (a hand of the clock, a wing of the bird), from 0 to 1. Size, position and time belong to a
video (`synthetic.videos`).
"""

import colorsys
import dataclasses
import math
from typing import Callable, Dict, Iterable, List, Tuple

import numpy as np
from PIL import Image, ImageDraw

from audioset_triplet.synthetic.sounds import SOUNDS

Colour = Tuple[int, int, int]
Point = Tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Colours:
    """The colours of one object."""

    main: Colour
    second: Colour
    dark: Colour
    light: Colour


class Pen:
    """Draws on a transparent square image."""

    def __init__(self, size: int) -> None:
        """`size`: pixels of a side."""
        self.image = Image.new("RGBA", (size, size))
        self._draw = ImageDraw.Draw(self.image)
        self._half = size / 2

    def _at(self, points: Iterable[Point]) -> List[Point]:
        return [(self._half * (1 + x), self._half * (1 + y)) for x, y in points]

    def oval(self, x: float, y: float, across: float, down: float, colour: Colour) -> None:
        """An ellipse around (x, y) with these half axes."""
        self._draw.ellipse(self._at([(x - across, y - down), (x + across, y + down)]), fill=colour)

    def shape(self, points: Iterable[Point], colour: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon(self._at(points), fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def line(self, points: Iterable[Point], width: float, colour: Colour) -> None:
        self._draw.line(self._at(points), fill=colour, width=max(1, round(width * self._half)), joint="curve")


Drawing = Callable[[Pen, float, Colours], None]


def _swing(turn: float) -> float:
    """-1 to 1 and back."""
    return math.sin(2 * math.pi * turn)


def _around(x: float, y: float, radius: float, turn: float) -> Point:
    return x + radius * math.cos(2 * math.pi * turn), y + radius * math.sin(2 * math.pi * turn)


def siren(pen: Pen, turn: float, colours: Colours) -> None:
    """A lamp with a rotating light, on a box."""
    lit = _swing(turn) > 0
    pen.oval(0, -0.1, 0.5, 0.7, colours.main if lit else colours.second)
    pen.oval(0.25 * _swing(turn), -0.2, 0.18, 0.4, colours.light)
    pen.box(-0.75, 0.25, 0.75, 0.7, colours.dark)


def church_bell(pen: Pen, turn: float, colours: Colours) -> None:
    """A bell that swings."""
    lean = 0.3 * _swing(turn)
    pen.oval(lean, 0.72, 0.16, 0.16, colours.dark)
    pen.shape(
        [(-0.2, -0.7), (0.2, -0.7), (0.4 + lean, 0.2), (0.75 + lean, 0.65), (-0.75 + lean, 0.65), (-0.4 + lean, 0.2)],
        colours.main,
    )
    pen.oval(0, -0.7, 0.2, 0.2, colours.main)
    pen.line([(-0.55 + lean, 0.42), (0.55 + lean, 0.42)], 0.1, colours.second)


def bird_chirp(pen: Pen, turn: float, colours: Colours) -> None:
    """A bird from the side, whose beak opens and whose wing beats."""
    gape = 0.12 * abs(_swing(turn))
    pen.shape([(-0.3, 0.1), (-0.95, -0.15), (-0.9, 0.35)], colours.second)
    pen.oval(0, 0.15, 0.55, 0.4, colours.main)
    pen.oval(0.45, -0.25, 0.3, 0.28, colours.main)
    pen.shape([(0.7, -0.3 - gape), (0.98, -0.25 - gape), (0.7, -0.22)], colours.dark)
    pen.shape([(0.7, -0.22), (0.98, -0.2 + gape), (0.7, -0.12 + gape)], colours.dark)
    pen.shape([(-0.25, 0.1), (0.25, 0.1), (-0.35, 0.1 - 0.7 * _swing(turn))], colours.second)
    pen.oval(0.5, -0.3, 0.07, 0.07, colours.light)


def dog_bark(pen: Pen, turn: float, colours: Colours) -> None:
    """The head of a dog from the front, which opens its mouth."""
    gape = 0.1 + 0.25 * abs(_swing(turn))
    pen.oval(0, 0, 0.55, 0.65, colours.main)
    pen.oval(-0.65, -0.1, 0.2, 0.5, colours.second)
    pen.oval(0.65, -0.1, 0.2, 0.5, colours.second)
    pen.oval(0, 0.3, 0.35, 0.3, colours.light)
    pen.oval(0, 0.15, 0.14, 0.1, colours.dark)
    pen.oval(0, 0.45, 0.2, gape, colours.dark)
    for x in (-0.22, 0.22):
        pen.oval(x, -0.25, 0.1, 0.12, colours.dark)


def engine(pen: Pen, turn: float, colours: Colours) -> None:
    """A car from the side, with turning wheels."""
    pen.shape([(-0.5, -0.05), (-0.3, -0.5), (0.3, -0.5), (0.55, -0.05)], colours.second)
    pen.box(-0.95, -0.05, 0.95, 0.4, colours.main)
    for x in (-0.5, 0.5):
        pen.oval(x, 0.42, 0.26, 0.26, colours.dark)
        pen.line([_around(x, 0.42, 0.2, turn), _around(x, 0.42, 0.2, turn + 0.5)], 0.08, colours.light)


def rain(pen: Pen, turn: float, colours: Colours) -> None:
    """A cloud, with drops falling from it."""
    for index in range(5):
        x, y = -0.6 + 0.3 * index, 0.1 + 0.8 * ((turn + 0.37 * index) % 1)
        pen.oval(x, y, 0.07, 0.13, colours.second)
    for x, y, radius in ((-0.45, -0.3, 0.35), (0.0, -0.5, 0.42), (0.45, -0.3, 0.35)):
        pen.oval(x, y, radius, radius, colours.main)
    pen.box(-0.5, -0.35, 0.5, 0.02, colours.main)


def wind(pen: Pen, turn: float, colours: Colours) -> None:
    """A windmill."""
    pen.shape([(-0.15, -0.3), (0.15, -0.3), (0.35, 0.95), (-0.35, 0.95)], colours.second)
    for sail in range(4):
        angle = turn / 4 + sail / 4
        pen.shape([(0, -0.3), _around(0, -0.3, 0.68, angle - 0.03), _around(0, -0.3, 0.68, angle + 0.06)], colours.main)
    pen.oval(0, -0.3, 0.1, 0.1, colours.dark)


def sea_waves(pen: Pen, turn: float, colours: Colours) -> None:
    """A boat on waves."""
    heave = 0.08 * _swing(turn)
    pen.shape([(-0.05, -0.9 + heave), (-0.05, 0.15 + heave), (0.6, 0.15 + heave)], colours.light)
    pen.shape([(-0.7, 0.2 + heave), (0.75, 0.2 + heave), (0.45, 0.55 + heave), (-0.45, 0.55 + heave)], colours.second)
    crest = [(x, 0.5 + 0.12 * _swing(turn + 1.1 * x)) for x in np.linspace(-1, 1, 21)]
    pen.shape([*crest, (1, 0.95), (-1, 0.95)], colours.main)


def clock_tick(pen: Pen, turn: float, colours: Colours) -> None:
    """A clock whose hand jumps."""
    pen.oval(0, 0, 0.9, 0.9, colours.main)
    pen.oval(0, 0, 0.72, 0.72, colours.light)
    for mark in range(12):
        pen.line([_around(0, 0, 0.58, mark / 12), _around(0, 0, 0.68, mark / 12)], 0.06, colours.dark)
    pen.line([(0, 0), _around(0, 0, 0.6, math.floor(8 * turn) / 8)], 0.08, colours.second)
    pen.line([(0, 0), (0, -0.4)], 0.1, colours.dark)


def door_knock(pen: Pen, turn: float, colours: Colours) -> None:
    """A door that trembles."""
    lean = 0.05 * _swing(2 * turn)
    pen.box(-0.6, -0.98, 0.6, 0.98, colours.dark)
    pen.box(-0.5 + lean, -0.88, 0.5 + lean, 0.98, colours.main)
    for top in (-0.75, 0.1):
        pen.box(-0.33 + lean, top, 0.33 + lean, top + 0.65, colours.second)
    pen.oval(0.4 + lean, 0.02, 0.08, 0.08, colours.light)


def crickets(pen: Pen, turn: float, colours: Colours) -> None:
    """An insect with long legs, of which one moves."""
    pen.line([(-0.1, 0.1), (-0.45, -0.55 - 0.2 * _swing(turn)), (-0.9, 0.7)], 0.1, colours.second)
    pen.line([(0.3, 0.2), (0.25, 0.7)], 0.07, colours.dark)
    pen.line([(0.5, 0.2), (0.65, 0.7)], 0.07, colours.dark)
    pen.oval(-0.05, 0.15, 0.7, 0.18, colours.main)
    pen.oval(0.65, 0.02, 0.22, 0.22, colours.main)
    pen.oval(0.72, -0.03, 0.06, 0.06, colours.light)
    pen.line([(0.75, -0.15), (0.95, -0.7 + 0.1 * _swing(turn))], 0.04, colours.dark)


def helicopter(pen: Pen, turn: float, colours: Colours) -> None:
    """A helicopter from the side, whose rotor turns."""
    reach = 0.95 * abs(math.cos(2 * math.pi * turn))
    pen.box(-0.95, -0.1, 0.1, 0.1, colours.second)
    pen.box(-0.95, -0.4, -0.8, 0.1, colours.second)
    pen.oval(0.25, 0.1, 0.5, 0.4, colours.main)
    pen.oval(0.45, 0.03, 0.25, 0.22, colours.light)
    pen.line([(0.25, -0.3), (0.25, -0.52)], 0.08, colours.dark)
    pen.line([(0.25 - reach, -0.52), (0.25 + min(reach, 0.74), -0.52)], 0.08, colours.dark)
    pen.line([(-0.25, 0.65), (0.75, 0.65)], 0.08, colours.dark)


def footsteps(pen: Pen, turn: float, colours: Colours) -> None:
    """Two boots that take turns."""
    for x, lift in ((-0.5, max(0.0, _swing(turn))), (0.4, max(0.0, -_swing(turn)))):
        top = -0.6 - 0.3 * lift
        pen.box(x - 0.2, top, x + 0.15, top + 1.1, colours.main)
        pen.oval(x + 0.18, top + 1.0, 0.4, 0.22, colours.main)
        pen.box(x - 0.22, top + 1.12, x + 0.58, top + 1.28, colours.dark)
        pen.box(x - 0.2, top, x + 0.15, top + 0.18, colours.second)


def glass_chimes(pen: Pen, turn: float, colours: Colours) -> None:
    """Rods that hang from a bar and swing."""
    for index in range(5):
        x, lean = -0.7 + 0.35 * index, 0.1 * _swing(turn + 0.3 * index)
        pen.line([(x, -0.7), (x + lean, 0.1 + 0.16 * index)], 0.13, (colours.main, colours.light)[index % 2])
    pen.box(-0.9, -0.9, 0.9, -0.68, colours.second)


def alarm_beep(pen: Pen, turn: float, colours: Colours) -> None:
    """A triangle with a mark that flashes."""
    pen.shape([(0, -0.9), (0.95, 0.8), (-0.95, 0.8)], colours.main)
    pen.shape([(0, -0.5), (0.62, 0.62), (-0.62, 0.62)], colours.light if turn < 0.5 else colours.second)
    pen.box(-0.09, -0.2, 0.09, 0.25, colours.dark)
    pen.oval(0, 0.42, 0.1, 0.1, colours.dark)


def applause(pen: Pen, turn: float, colours: Colours) -> None:
    """Two hands that meet."""
    gap = 0.12 + 0.3 * abs(_swing(turn))
    for side in (-1, 1):
        palm = colours.main if side < 0 else colours.second
        pen.oval(side * (gap + 0.18), 0.3, 0.28, 0.4, palm)
        for finger in range(4):
            pen.line([(side * (gap + 0.1 + 0.08 * finger), 0.2), (side * (gap + 0.14 * finger), -0.75)], 0.12, palm)
        pen.line([(side * (gap + 0.3), 0.35), (side * (gap + 0.55), -0.2)], 0.14, palm)


# In the order of the sounds; a sound without a drawing is an error on import.
DRAWINGS: Dict[str, Drawing] = {name: globals()[name] for name in SOUNDS}


def choose_colours(rng: np.random.Generator, kind: str) -> Colours:
    """Random colours of one object, near those of its kind; the kinds are spread over the hues."""
    hue = list(DRAWINGS).index(kind) * 7 / 16 + rng.normal(0, 0.04)  # neighbours in the list are far apart

    def colour(turn: float, saturation: float, value: float) -> Colour:
        red, green, blue = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
        return round(255 * red), round(255 * green), round(255 * blue)

    return Colours(
        main=colour(0, rng.uniform(0.6, 1), rng.uniform(0.6, 1)),
        second=colour(rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.9), rng.uniform(0.5, 0.95)),
        dark=colour(0, 0.5, rng.uniform(0.05, 0.25)),
        light=colour(0, rng.uniform(0, 0.2), rng.uniform(0.9, 1)),
    )


def draw(kind: str, size: int, turn: float, colours: Colours) -> Image.Image:
    """An object on a transparent square: RGBA, `size` pixels a side."""
    pen = Pen(size)
    DRAWINGS[kind](pen, turn % 1, colours)
    return pen.image
