"""The copy card as a self-contained page: coverage.json -> coverage.html.

The page has rows for splits and classes, and a few ids; it does not grow with the number of clips.
"""

import math
import os
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import audioset_triplet
from audioset_triplet.media import folder_walk
from audioset_triplet.plurals import duration
from audioset_triplet.records import schema
from audioset_triplet.reports import page

_CLASSES_IN_VIEW = 40  # of more than twice as many; the others are folded
_MAX_CLASSES = 1000  # of a chart
_MAX_IDS = 60  # of silent clips, and of short ones
_IDS_IN_VIEW = 12  # a longer list is folded

_REASONS = {
    "missing": "deleted between the search of the folder and the decoding",
    "unreadable": "something else, damaged, or of a format that no decoder knows",
    "file name": "the name is not valid UTF-8",
    "no audio": "a video without an audio track",
    "no images": "audio alone, where a video is expected",
    "broken times": "a gap in the times of the audio: images cannot be aligned with it",
    "truncated": "ends before the length in its header",
    "empty": "holds no samples",
    "too short": "shorter than --min_seconds",
    "not finite": "holds NaN or infinite samples",
    "not scaled": "floating-point samples far beyond full scale, such as int16 values",
    "wrong duration": "longer than listed by more than the slack: it is unknown which part is the clip",
}


def render(card: Mapping[str, Any]) -> str:
    """The page of a card, as from `coverage.describe`."""
    total, splits = card["total"], card["splits"]
    data_set = card["settings"].get("data_set", "data set")
    return page.render(
        "coverage.html.jinja",
        (),
        _facts(card["settings"]),
        templates=os.path.dirname(__file__),
        data_set=data_set,
        audio_format=schema.format_text(*_audio_format(card["settings"])),
        sample_rate_khz=f"{_audio_format(card['settings'])[0] / 1000:g} kHz",
        headline=_headline(total),
        total=_with_shares(total),
        splits=[(name, _with_shares(split)) for name, split in splits.items()],
        quotes=[_quote(f"{data_set} {name}", split) for name, split in splits.items() if split["used"]],
        reasons=[(reason, _REASONS.get(reason, ""), *bar) for reason, *bar in _bars(total["reasons"])],
        rates=[(f"{int(rate_hz) / 1000:g} kHz", *bar) for rate_hz, *bar in _bars(total["rates_hz"])],
        left_out=[
            (folder_walk.in_number(kind, files["number"]), files)
            for kind, files in sorted(card.get("left_out", {}).items(), key=lambda item: (-item[1]["number"], item[0]))
        ],
        ids_in_view=_IDS_IN_VIEW,
        of_all=_classes(total),
        of_splits=[(name, _classes(split)) for name, split in splits.items()] if len(splits) > 1 else [],
        oddities=[
            ("silent", "below −80 dB of full scale throughout", total["silent"], card["silent_clips"][:_MAX_IDS]),
            ("short", "shorter than listed by more than the slack", total["short"], card["short_clips"][:_MAX_IDS]),
        ],
    )


def _audio_format(settings: Mapping[str, Any]) -> Tuple[int, int]:
    """(sample rate in Hz, channels) of the records."""
    default_rate_hz, default_channels = schema.DEFAULT_FORMAT
    return settings.get("sample_rate_hz", default_rate_hz), settings.get("channels", default_channels)


def percent(part: int, whole: int) -> str:
    """Rounded down to a tenth, so that 100% is all and 0% is none."""
    if part in (0, whole):
        return "100%" if part else "0%"
    return f"{math.floor(1000 * part / whole) / 10:.1f}%" if 1000 * part >= whole else "<0.1%"


def _headline(total: Mapping[str, Any]) -> str:
    used, listed = total["used"], total["listed"]
    if not used:
        return f"None of {listed:,} clips can be used"
    return f"{used:,} of {listed:,} {_units(total)} can be used: {percent(used, listed)}"


def _with_shares(counts: Mapping[str, Any]) -> Dict[str, Any]:
    """Numbers of clips with the lengths of their bars."""
    used, rejected, listed = (counts[name] for name in ("used", "rejected", "listed"))
    return {
        **counts,
        "duration": duration(3600 * counts.get("hours", 0)),
        "used_share": used / listed,
        "rejected_share": rejected / listed,
        "percent": percent(used, listed),
    }


def _units(part: Mapping[str, Any]) -> str:
    """The units in which a split counts."""
    return "clips" if part["records"] == part["used"] else f"files, cut into {part['records']:,} clips,"


def _quote(name: str, split: Mapping[str, Any]) -> str:
    """A sentence that names the clips of a result."""
    used, listed = split["used"], split["listed"]
    return (
        f"{name}: {used:,} of {listed:,} {_units(split)} ({percent(used, listed)}), {duration(3600 * split['hours'])}, "
        f"clips digest {split['clips_digest']}"
    )


def _bars(numbers: Mapping[str, int]) -> List[Tuple[str, int, float, str]]:
    """(name, number, share of their sum, the same as text), the largest first."""
    whole = sum(numbers.values())
    ordered = sorted(numbers.items(), key=lambda item: -item[1])
    return [(name, number, number / whole, f"{number / whole:.1%}") for name, number in ordered]


def _classes(split: Mapping[str, Any]) -> Dict[str, Any]:
    """The chart of classes: the least complete first; of equally complete ones, the largest first."""
    rows = [{**_with_shares(row), "title": row["name"].replace("_", " ")} for row in split["classes"]]
    rows.sort(key=lambda row: (row["used_share"], -row["listed"], row["title"]))
    shown = rows[:_MAX_CLASSES]
    folds = len(shown) > 2 * _CLASSES_IN_VIEW
    return {
        "count": len(rows),
        "empty": sum(not row["used"] for row in rows),
        "complete": sum(row["used"] == row["listed"] for row in rows),
        "in_view": shown[:_CLASSES_IN_VIEW] if folds else shown,
        "folded": shown[_CLASSES_IN_VIEW:] if folds else [],
        "left_out": len(rows) - len(shown),
        "profile": _profile([row["used_share"] for row in rows]) if folds and rows[-1]["used"] else "",
    }


def _profile(shares: Sequence[float]) -> str:
    """Points of an SVG polygon, a step for each class: as wide as there are classes, from 0 at the top to 100."""
    points = [f"{x},{100 * (1 - share):.1f}" for i, share in enumerate(shares) for x in (i, i + 1)]
    return " ".join(["0,100", *points, f"{len(shares)},100"])


def _facts(settings: Mapping[str, Any]) -> List[Tuple[str, str]]:
    def text(value: Any) -> str:
        return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

    return [
        *((key.replace("_", " "), text(value)) for key, value in settings.items() if key != "clips"),
        ("digest of the list, with labels and times", str(settings.get("clips", "–"))),
        ("code version", audioset_triplet.__version__),
    ]
