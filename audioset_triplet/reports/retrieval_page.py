"""The page of a retrieval evaluation, to be read without the paper."""

import colorsys
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from audioset_triplet.evaluation import examples
from audioset_triplet.evaluation.retrieval import Retrieval
from audioset_triplet.reports import excerpts, page, projection
from audioset_triplet.reports.page import NamedResult
from audioset_triplet.store.stored_clips import Clips

_NAMES_IN_LEGEND = 60
_LARGE_DOTS = 600  # clips on the map


def check_inputs(data: str, saved_model: str) -> None:
    """Raises what `render` would raise in the end about records that are not there or a model that shows nothing."""
    if data:
        from audioset_triplet.records import reading

        reading.expand_globs(data)
    if saved_model:
        from audioset_triplet.reports import images

        images.first_filters(saved_model)


def render(
    clips: Clips,
    class_titles: Dict[int, str],
    sets: Sequence[NamedResult],
    facts: Sequence[Tuple[str, str]],
    digests: str,
    seed: int,
    data: str = "",
    saved_model: str = "",
) -> str:
    """The page as text.

    Args:
        clips: of the model, not of what it is compared with.
        class_titles: class index -> unique name.
        sets: the results (`Retrieval`), the model's first.
        facts: (what, value) pairs for the foot of the page.
        digests: the names of the lists of clips, in words.
        seed: of the queries that are shown and of the map.
        data: TFRecords of the clips, for spectrograms and sounds; empty: none.
        saved_model: the model, for its first-layer filters; empty: none.

    Raises:
        UserError: what `sounds.waveforms` and `pictures.first_filters` raise.
    """
    class_titles = page.readable(class_titles)
    result: Retrieval = sets[0].result
    filters = _filters(saved_model) if saved_model else None
    queries, num_searched = examples.choose_queries(clips, result, seed)
    cards = _queries(clips, class_titles, result, queries, data)
    scores = [one.result.class_average_precision for one in sets]
    return page.render(
        "retrieval.html.jinja",
        sets,
        facts,
        digests=digests,
        left_out=len(result.classes_left_out),
        class_groups=page.class_groups(scores, result.class_num_clips, class_titles),
        map=_map(clips, class_titles, seed),
        queries=cards,
        num_searched=num_searched,
        colour_scale=excerpts.colour_scale() if data else "",
        filters=filters,
    )


def _map(clips: Clips, class_titles: Dict[int, str], seed: int) -> Dict[str, Any]:
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
    clips: Clips, class_titles: Dict[int, str], result: Retrieval, queries: List[examples.Query], data: str
) -> List[Dict[str, Any]]:
    shown = {row for query in queries for row in [query.row, *(one.row for one in query.neighbours)]}
    found = excerpts.excerpts(data, [excerpts.Excerpt(clips.clip_ids[row]) for row in shown])

    def card(row: int) -> Dict[str, Any]:
        clip_id = clips.clip_ids[row]
        names = [class_titles[label] for label in clips.labels[row]]
        return {
            "clip_id": clip_id,
            "classes": ", ".join(names) or "no class",
            "media": found.get(excerpts.Excerpt(clip_id)),
        }

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


# It imports TensorFlow, which takes seconds that a report without pictures need not wait for.


def _filters(saved_model: str) -> Dict[str, Any]:
    from audioset_triplet.reports import images

    kernels = images.first_filters(saved_model)
    num_frames, num_bands, count = kernels.shape
    return {
        "picture": page.data_uri("image/png", images.filter_grid(kernels)),
        "count": count,
        "num_frames": num_frames,
        "num_bands": num_bands,
    }
