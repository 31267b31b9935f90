"""The frame of every page: `page.html.jinja`, with its style, its colours and its footer.

A page is one self-contained HTML file: HTML and CSS, inline SVG for what has text or colours that follow the reader's
light or dark scheme, and embedded PNG images and MP3 audio. It refers to no other file and to no address.
"""

import base64
import dataclasses
import functools
import os
from typing import Any, Dict, List, Protocol, Sequence, Tuple

import jinja2

from audioset_triplet import files

TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")
# Different in hue and in lightness, also for most colour-blind readers; the model's own colour is in the template.
_COMPARED_COLOURS = (
    *("#d97706", "#7c3aed", "#db2777", "#65a30d", "#0369a1"),
    *("#dc2626", "#0891b2", "#854d0e", "#c026d3", "#6b7280"),
)

Facts = Sequence[Tuple[str, str]]  # (name, value) pairs for the footer of a page


class NamedSet(Protocol):
    """One of the compared sets: `evaluation.comparisons.SetResult`, or another dataclass with a name."""

    @property
    def name(self) -> str: ...


@dataclasses.dataclass(frozen=True)
class Report:
    """An evaluation in words: text to print, and pages."""

    headline: str
    pages: Dict[str, str]  # file name -> HTML

    def write(self, folder: str) -> None:
        """Writes the pages to a folder, which is made if it is missing."""
        for name, html in self.pages.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            files.write_text(path, html)


def render(template: str, sets: Sequence[NamedSet], facts: Facts, templates: str = TEMPLATES, **values: Any) -> str:
    """The page of a template.

    Args:
        template: file name of one that extends `page.html.jinja`.
        sets: what is compared, the model first; the template sees the fields of each and its `colour`, and the first
            one as `model` too. Empty for a page that compares nothing.
        facts: for the footer.
        templates: folder of the template, where it is not that of the reports.
        values: the other variables of the template.
    """
    coloured = [{**vars(one), "colour": colour} for one, colour in zip(sets, colours(len(sets)))]
    model = next(iter(coloured), None)
    return _environment(templates).get_template(template).render(facts=facts, sets=coloured, model=model, **values)


@functools.lru_cache
def _environment(templates: str) -> jinja2.Environment:
    """Compiles a template once, however often its page is written anew."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def colours(count: int) -> List[str]:
    """CSS colours of that many sets, the model's first."""
    return ["var(--model)", *(_COMPARED_COLOURS[i % len(_COMPARED_COLOURS)] for i in range(count - 1))]


def data_uri(kind: str, data: bytes) -> str:
    """A `data:` address that contains the bytes of a file of this MIME type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def readable(class_titles: Dict[int, str]) -> Dict[int, str]:
    """Class names with spaces instead of underscores."""
    return {label: title.replace("_", " ") for label, title in class_titles.items()}
