"""The report of query by example, to be read without the paper."""

from typing import Any, Dict, List

from audioset_triplet.clips import in_words
from audioset_triplet.evaluation import example_queries, projection, retrieval
from audioset_triplet.evaluation.comparisons import RetrievalComparison
from audioset_triplet.evaluation.example_queries import Query
from audioset_triplet.evaluation.retrieval import RetrievalResult
from audioset_triplet.plurals import counted
from audioset_triplet.reports import class_chart, class_map, excerpts, page, wording
from audioset_triplet.reports.page import Report
from audioset_triplet.store.stored_clips import Clips

_NAMES_IN_LEGEND = 60
_LARGE_DOTS = 600  # clips on the map


def report(comparison: RetrievalComparison, data: str = "", saved_model: str = "") -> Report:
    """The headline and the page.

    Args:
        comparison: the results.
        data: TFRecords of the clips, for spectrograms and audio; empty: none.
        saved_model: the model, for its first-layer filters; empty: none.

    Raises:
        UserError: what `waveforms.waveforms` and `images.first_filters` raise.
    """
    return Report(_headline(comparison), {"report.html": _page(comparison, data, saved_model)})


def _headline(comparison: RetrievalComparison) -> str:
    result = comparison.results[0].result
    rows = [[one.name, one.result.map, one.result.map_std] for one in comparison.results]
    rows.append(["random order (prior)", result.prior])
    classes, clips = counted(len(result.class_average_precision), "class"), counted(result.num_clips, "clip")
    counts = f"{classes}, {clips}, {counted(comparison.config.draws, 'draw')}"
    table = wording.table(["retrieval", "mAP", "± of draws"], rows)
    return f"{table}{counts}; {wording.left_out(result.classes_left_out)}\n{in_words(comparison.digests())}"


def _page(comparison: RetrievalComparison, data: str, saved_model: str) -> str:
    clips, config = comparison.clips, comparison.config
    result = comparison.results[0].result
    titles = page.readable(comparison.class_titles())
    pairs = f"{config.draws} draws of at most {retrieval.CLIPS_PER_CLASS} clips per class, seed {config.seed}"
    facts = [
        *wording.clip_facts(clips, "clips"),
        ("classes", f"{len(titles)}, of which {len(result.classes_left_out)} left out"),
        ("pairs", pairs),
        *wording.set_facts(comparison.sets, comparison.results, clips.info.front_end_id),
    ]
    filters = _filters(saved_model) if saved_model else None
    queries, num_searched = example_queries.choose_queries(clips, result, config.seed)
    scores = [one.result.class_average_precision for one in comparison.results]
    return page.render(
        "retrieval.html.jinja",
        comparison.results,
        facts,
        digests=in_words(comparison.digests()),
        left_out=len(result.classes_left_out),
        class_groups=class_chart.class_groups(scores, result.class_num_clips, titles),
        map=_map(clips, titles, config.seed),
        queries=_queries(clips, titles, result, queries, data),
        num_searched=num_searched,
        colour_scale=excerpts.colour_scale() if data else "",
        filters=filters,
    )


def _map(clips: Clips, class_titles: Dict[int, str], seed: int) -> Dict[str, Any]:
    projected = projection.project_clips(clips, seed)
    classes: List[Dict[str, Any]] = []
    for one in class_map.lay_out(clips, projected, class_titles):
        title = class_titles.get(one.label, "no class")
        dots = [
            {"x": x, "y": y, "title": f"{title}: {clips.clip_ids[row]}"} for row, (x, y) in zip(one.rows, one.points)
        ]
        light, dark = one.colours
        name = {"name_at": one.name_at, "named": one.name_fits}
        classes.append({"title": title, "light": light, "dark": dark, "dots": dots, **name})
    num_shown = len(projected.rows)
    return {
        "classes": classes,
        "legend_folded": len(classes) > _NAMES_IN_LEGEND,
        "width": class_map.WIDTH,
        "height": class_map.HEIGHT,
        "num_shown": num_shown,
        "radius": 5 if num_shown <= _LARGE_DOTS else 3.2,
        "num_clips": len(clips.clip_ids),
    }


def _queries(
    clips: Clips, class_titles: Dict[int, str], result: RetrievalResult, queries: List[Query], data: str
) -> List[Dict[str, Any]]:
    shown = {row for query in queries for row in [query.row, *(one.row for one in query.neighbours)]}
    media = excerpts.excerpts(data, [excerpts.Excerpt(clips.clip_ids[row]) for row in shown], clips.info.front_end_id)

    def card(row: int) -> Dict[str, Any]:
        clip_id = clips.clip_ids[row]
        names = [class_titles[label] for label in clips.labels[row]]
        return {
            "clip_id": clip_id,
            "classes": ", ".join(names) or "no class",
            "media": media.get(excerpts.Excerpt(clip_id)),
        }

    return [
        {
            **card(query.row),
            "query_class": class_titles[query.label],
            "score": result.class_average_precision[query.label],
            "neighbours": [{**card(one.row), **vars(one)} for one in query.neighbours],
            "num_relevant": sum(one.relevant for one in query.neighbours),
        }
        for query in queries
    ]


def _filters(saved_model: str) -> Dict[str, Any]:
    from audioset_triplet.reports import images  # here: TensorFlow takes seconds to load

    kernels = images.first_filters(saved_model)
    num_frames, num_bands, count = kernels.shape
    return {
        "image": page.data_uri("image/png", images.filter_grid(kernels)),
        "count": count,
        "num_frames": num_frames,
        "num_bands": num_bands,
    }
