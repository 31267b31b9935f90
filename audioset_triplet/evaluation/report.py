"""report.html: one self-contained page that shows what a retrieval evaluation found, to be read without the paper.

The page is HTML and CSS with inline SVG for what has text or colours that follow the reader's light or dark scheme,
and with PNG pictures and MP3 sounds inside it; it refers to no other file and to no address.
"""

import base64
import colorsys
import dataclasses
from typing import Any, Dict, List, Sequence, Tuple

import jinja2
import numpy as np

from audioset_triplet import files
from audioset_triplet.data.clips import ClipVectors
from audioset_triplet.evaluation import examples, projection
from audioset_triplet.evaluation.retrieval import Retrieval
from audioset_triplet.frontend.constants import SAMPLE_RATE_HZ

_SOUND_SECONDS = 10.0  # of each clip that can be seen and heard
_TWO_COLUMNS_FROM = 16  # classes
_CLASSES_IN_VIEW = 80  # of more classes the best and the worst halves of this are in view, the others can be unfolded
_NAMES_IN_LEGEND = 60
_LARGE_DOTS = 600  # clips on the map
# Apart in hue and in lightness, also for most colour-blind readers; the model's own colour is in the template.
_COMPARED_COLOURS = ("#d97706", "#7c3aed", "#db2777", "#65a30d")


@dataclasses.dataclass(frozen=True)
class NamedResult:
    """One row of the headline: a set of embeddings and what it scored."""

    name: str
    model_id: str
    result: Retrieval


def write(
    path: str,
    clips: ClipVectors,
    class_titles: Dict[int, str],
    model: NamedResult,
    compared: Sequence[NamedResult],
    facts: Sequence[Tuple[str, str]],
    seed: int,
    data: str = "",
    saved_model: str = "",
) -> None:
    """Writes the page.

    Args:
        path: of the page.
        clips: of the model, not of what it is compared with.
        class_titles: class index -> unique name.
        model, compared: the results.
        facts: (what, value) pairs for the foot of the page.
        seed: of the queries that are shown and of the map.
        data: TFRecords of the clips, for spectrograms and sounds; empty: none.
        saved_model: the model, for its first-layer filters; empty: none.

    Raises:
        UserError: what `sounds.waveforms` and `pictures.first_filters` raise.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("audioset_triplet.evaluation", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    class_titles = {label: title.replace("_", " ") for label, title in class_titles.items()}
    environment.trim_blocks = environment.lstrip_blocks = True
    # What can fail on a bad input comes before the map, which takes its time.
    filters = _filters(saved_model) if saved_model else None
    queries = _queries(clips, class_titles, model.result, seed, data)
    page = environment.get_template("report.html.jinja").render(
        model=model,
        sets=_sets(model, compared),
        facts=facts,
        left_out=len(model.result.classes_left_out),
        class_groups=_class_groups(model, compared, class_titles),
        map=_map(clips, class_titles, seed),
        queries=queries,
        colour_scale=_colour_scale() if data else "",
        filters=filters,
    )
    files.write_text(path, page)


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _sets(model: NamedResult, compared: Sequence[NamedResult]) -> List[Dict[str, Any]]:
    colours = ["var(--model)", *(_COMPARED_COLOURS[i % len(_COMPARED_COLOURS)] for i in range(len(compared)))]
    return [
        {"name": one.name, "model_id": one.model_id, "result": one.result, "colour": colour}
        for one, colour in zip([model, *compared], colours)
    ]


def _class_groups(
    model: NamedResult, compared: Sequence[NamedResult], class_titles: Dict[int, str]
) -> List[Dict[str, Any]]:
    """Rows of the class chart, best first, in columns; the middle of a long list apart, to be unfolded."""
    scores = model.result.class_average_precision
    rows = [
        {
            "title": class_titles[label],
            "score": scores[label],
            "num_clips": model.result.class_num_clips[label],
            "others": [one.result.class_average_precision[label] for one in compared],
        }
        for label in sorted(scores, key=lambda label: (-scores[label], class_titles[label]))
    ]
    half = _CLASSES_IN_VIEW // 2
    if len(rows) <= _CLASSES_IN_VIEW:
        groups = [("", False, rows)]
    else:
        middle = rows[half:-half]
        groups = [
            (f"The {half} best classes", False, rows[:half]),
            (f"The {len(middle)} classes between", True, middle),
            (f"The {half} worst classes", False, rows[-half:]),
        ]
    return [{"title": title, "folded": folded, "columns": _columns(rows)} for title, folded, rows in groups]


def _columns(rows: List[Any]) -> List[List[Any]]:
    if len(rows) < _TWO_COLUMNS_FROM:
        return [rows]
    half = (len(rows) + 1) // 2
    return [rows[:half], rows[half:]]


def _map(clips: ClipVectors, class_titles: Dict[int, str], seed: int) -> Dict[str, Any]:
    classes: List[Dict[str, Any]] = []
    for index, one in enumerate(projection.lay_out(clips, class_titles, seed)):
        light, dark = _class_colours(index)
        title = class_titles.get(one.label, "no class")
        dots = [
            {"x": x, "y": y, "title": f"{title}: {clips.clip_ids[row]}"} for row, (x, y) in zip(one.rows, one.points)
        ]
        name = {"name_at": one.name_at, "named": one.name_fits}
        classes.append({"title": title, "light": light, "dark": dark, "dots": dots, **name})
    num_shown = sum(len(one["dots"]) for one in classes)
    return {
        "classes": classes,
        "legend_folded": len(classes) > _NAMES_IN_LEGEND,
        "width": projection.WIDTH,
        "height": projection.HEIGHT,
        "num_shown": num_shown,
        "radius": 5 if num_shown <= _LARGE_DOTS else 3.2,
        "num_clips": len(clips.clip_ids),
    }


def _class_colours(index: int) -> Tuple[str, str]:
    """A colour for a light page and one for a dark page; hues by the golden angle, so that neighbours differ.

    The lightness is what gives the wanted luminance (Rec. 709): yellow would be unreadable on white, blue on black.
    """
    hue, step = index * 0.381966 % 1, index % 3

    def colour(luminance: float) -> str:
        for lightness in np.linspace(0.95, 0.05, 91):
            channels = np.array(colorsys.hls_to_rgb(hue, lightness, 0.75))
            if np.dot([0.2126, 0.7152, 0.0722], channels**2.2) <= luminance:
                break
        return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)

    return colour((0.09, 0.16, 0.24)[step]), colour((0.3, 0.42, 0.56)[step])


def _queries(
    clips: ClipVectors, class_titles: Dict[int, str], result: Retrieval, seed: int, data: str
) -> List[Dict[str, Any]]:
    queries = examples.choose_queries(clips, result, seed)
    shown = {row for query in queries for row in [query.row, *(one.row for one in query.neighbours)]}
    media = _media(data, [clips.clip_ids[row] for row in shown]) if data else {}

    def card(row: int) -> Dict[str, Any]:
        clip_id = clips.clip_ids[row]
        names = [class_titles[label] for label in clips.labels[row]]
        return {"clip_id": clip_id, "classes": ", ".join(names) or "no class", "media": media.get(clip_id)}

    return [
        {
            **card(query.row),
            "asked": class_titles[query.label],
            "score": result.class_average_precision[query.label],
            "neighbours": [{**card(one.row), **vars(one)} for one in query.neighbours],
            "num_right": sum(one.right for one in query.neighbours),
        }
        for query in queries
    ]


# The three below import TensorFlow, which takes seconds that a report without pictures need not wait for.


def _media(data: str, clip_ids: List[str]) -> Dict[str, Dict[str, Any]]:
    """Clip id -> what its card shows and plays."""
    from audioset_triplet.evaluation import pictures, sounds

    return {
        clip_id: {
            "seconds": len(waveform) / SAMPLE_RATE_HZ,
            "spectrogram": _data_uri("image/png", pictures.spectrogram(waveform)),
            "sound": _data_uri("audio/mpeg", pictures.mp3(waveform)),
        }
        for clip_id, waveform in sounds.waveforms(data, clip_ids, _SOUND_SECONDS).items()
    }


def _colour_scale() -> str:
    from audioset_triplet.evaluation import pictures

    return _data_uri("image/png", pictures.colour_scale())


def _filters(saved_model: str) -> Dict[str, Any]:
    from audioset_triplet.evaluation import pictures

    kernels = pictures.first_filters(saved_model)
    num_frames, num_bands, count = kernels.shape
    return {
        "picture": _data_uri("image/png", pictures.filter_grid(kernels)),
        "count": count,
        "num_frames": num_frames,
        "num_bands": num_bands,
    }
