"""The copy card: its counts, its page, and its digest, which equals that of evaluations."""

import html
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioset_triplet.clips import ClipInfo, digest
from audioset_triplet.config.evaluation import TASKS, HeadConfig
from audioset_triplet.evaluation import comparisons
from audioset_triplet.reports import evaluation_report
from data_prep import coverage, coverage_page, esc50, plan, prepare
from data_prep.audio_sources import Location
from data_prep.config import PreparationConfig, RecordsConfig
from data_prep.plan import ClipRequest
from data_prep.shards import Reject, ShardReport
from tests import example_clips
from tests.data_prep import written
from tests.tiny_esc50 import write_tiny_esc50

DOG, CAT, EMU = (0, "dog"), (1, "cat"), (7, "emu_<&>")
NUMBERS = ("listed", "missing", "found", "rejected", "used")
HOUR = 3600 * 16000
LEFT_OUT = {".txt files": {"number": 1, "example": "a.txt"}, "hidden files": {"number": 2, "example": "<._a>"}}


def make_request(group, clip_id, labels=(), location="there"):
    found = {"there": Location(f"{clip_id}.wav", 9), "gone": Location(f"{clip_id}.wav", -1), "none": None}[location]
    indices, names = (tuple(one[i] for one in labels) for i in (0, 1))
    return ClipRequest(group, found, clip_id, clip_id, 0.0, 10.0, indices, names, -1)


def make_report(num_samples=0, rates_hz=None, silent=(), short=()):
    return ShardReport("", "", 0, 0, num_samples, rates_hz or {}, list(silent), list(short), {}, [])


def reject(clip_id, reason):
    return Reject(clip_id, f"{clip_id}.wav", reason, f"{clip_id}.wav: {reason}")


def make_card():
    """Eight clips: three are used, two rejected, three missing; no clip of the emu is used."""
    requests = [
        make_request("fold10", "a", [DOG, CAT]),
        make_request("fold10", "b", [DOG]),
        make_request("fold10", "c", [CAT], "none"),
        make_request("fold10", "d"),
        make_request("fold10", "e", [EMU], "gone"),
        make_request("fold2", "f", [DOG]),
        make_request("fold2", "g", [CAT, EMU], "none"),
        make_request("fold2", "h", [DOG]),
    ]
    reports = {
        "fold10-00000-of-00002.tfrecord": make_report(HOUR, {"44100": 1}, short=["a"]),
        "fold10-00001-of-00002.tfrecord": make_report(HOUR // 2, {"16000": 1}, silent=["d"]),
        "fold2-00000-of-00002.tfrecord": make_report(HOUR // 4, {"44100": 1}, silent=["f"]),
        "fold2-00001-of-00002.tfrecord": make_report(),
    }
    # A file that disappears during preparation is a reject; a missing file is not, though rejects.csv names it too.
    reasons = {"c": "missing", "e": "missing", "g": "missing", "b": "truncated", "h": "missing"}
    rejects = [reject(clip_id, reason) for clip_id, reason in reasons.items()]
    return coverage.describe(requests, reports, rejects, {"data_set": "Birds & <co>", "lists": ["x", "y"]}, LEFT_OUT)


def numbers_of(counts):
    return tuple(counts[name] for name in NUMBERS)


def test_a_hand_worked_card():
    card = make_card()
    total, fold2, fold10 = card["total"], card["splits"]["fold2"], card["splits"]["fold10"]
    assert list(card["splits"]) == ["fold2", "fold10"]
    assert (numbers_of(total), numbers_of(fold2), numbers_of(fold10)) == (
        (8, 3, 5, 2, 3),
        (3, 1, 2, 1, 1),
        (5, 2, 3, 1, 2),
    )
    assert total["reasons"] == {"missing": 1, "truncated": 1} and fold2["reasons"] == {"missing": 1}
    assert (total["hours"], fold2["hours"], fold10["hours"]) == (1.75, 0.25, 1.5)
    assert total["rates_hz"] == {"16000": 1, "44100": 2} and fold2["rates_hz"] == {"44100": 1}
    assert (total["silent"], fold2["silent"], total["short"], fold2["short"]) == (2, 1, 1, 0)
    assert (card["silent_clips"], card["short_clips"]) == (["d", "f"], ["a"])
    assert total["clips_digest"] == digest("adf") and fold10["clips_digest"] == digest("ad")
    assert {one["name"]: numbers_of(one) for one in total["classes"]} == {
        "dog": (4, 0, 4, 2, 2),
        "cat": (3, 2, 1, 0, 1),
        "emu_<&>": (2, 2, 0, 0, 0),
    }
    assert {one["name"]: numbers_of(one) for one in fold2["classes"]} == {
        "dog": (2, 0, 2, 1, 1),
        "cat": (1, 1, 0, 0, 0),
        "emu_<&>": (1, 1, 0, 0, 0),
    }
    assert [one["index"] for one in total["classes"]] == [0, 1, 7]
    assert card["settings"]["lists"] == ["x", "y"] and json.loads(json.dumps(card)) == card


STATES = st.sampled_from(["there", "rejected", "gone", "none"])
CLIPS = st.lists(st.tuples(st.sampled_from("abc"), STATES, st.sets(st.sampled_from([DOG, CAT, EMU]))), max_size=30)


@settings(deadline=None)
@given(CLIPS, st.randoms())
def test_the_arithmetic_holds_for_any_copy_and_order(clips, random):
    rows = [(f"clip{i}", *clip) for i, clip in enumerate(clips)]
    random.shuffle(rows)
    requests = [
        make_request(group, clip_id, sorted(labels), "there" if state == "rejected" else state)
        for clip_id, group, state, labels in rows
    ]
    rejects = [reject(clip_id, "empty") for clip_id, _, state, _ in rows if state != "there"]
    card = coverage.describe(requests, {}, rejects, {}, {})
    total, splits = card["total"], list(card["splits"].values())
    for part in (total, *splits):
        assert sum(part["reasons"].values()) == part["rejected"]
        for counts in (part, *part["classes"]):
            assert counts["listed"] == counts["missing"] + counts["rejected"] + counts["used"]
            assert counts["found"] == counts["rejected"] + counts["used"]
            assert counts["listed"] or not clips
    for name in NUMBERS:
        assert total[name] == sum(part[name] for part in splits)
    assert total["used"] == sum(state == "there" for _, _, state, _ in rows)
    assert total["clips_digest"] == digest(clip_id for clip_id, _, state, _ in rows if state == "there")


@pytest.mark.parametrize("group", ["fold1", "balanced_train", "a-b", "x-00001-of-00002"])
def test_a_shard_is_counted_in_the_split_that_it_is_named_after(group):
    shards = plan.make_shards([make_request(group, "a")], 0)
    assert {plan.group_of(shard.name) for shard in shards} == {group}


def text_of(page):
    """What a reader sees, with single spaces."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def require_alone(page):
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")
    assert "http" not in page.lower() and "@import" not in page
    assert not re.findall(r"(?:src|href)\s*=|url\(", page)


def test_the_page_shows_the_numbers_and_stands_alone():
    card = make_card()
    page = coverage_page.render(card)
    require_alone(page)
    assert "<co>" not in page and "emu_<" not in page and "emu <" not in page
    text = text_of(page)
    for shown in (
        "3 of 8 clips can be used: 37.5%",
        "fold2 3 1 2 1 1 33.3% 15.0 min",
        "fold10 5 2 3 1 2 40.0% 1.5 h",
        "total 8 3 5 2 3 37.5% 1.8 h",
        f"Birds & <co> fold2: 1 of 3 clips (33.3%), 15.0 min, clips digest {digest('f')}",
        f"Birds & <co> fold10: 2 of 5 clips (40.0%), 1.5 h, clips digest {digest('ad')}",
        f"All splits together: {digest('adf')}",
        "truncated 1 50.0% ends before the length in its header",
        "44.1 kHz 2 66.7% 16 kHz 1 33.3%",
        "2 clips are silent",
        "1 clip is short",
        "0 of 3 classes are complete, 1 has no clip at all",
        "emu <&> 0 of 2 cat 1 of 3 dog 2 of 4",  # the least complete first
        "2 hidden files (such as <._a>) 1 .txt file (a.txt)",
        "lists x, y",
    ):
        assert shown in text, shown
    assert '<b class="used" style="width:33.33%">' in page
    assert '<b class="rejected" style="left:33.33%;width:33.33%">' in page


@pytest.mark.parametrize(
    "used, whole, shown", [(0, 5, "0%"), (5, 5, "100%"), (1, 2001, "<0.1%"), (1999, 2000, "99.9%")]
)
def test_percentages_are_0_and_100_only_for_none_and_all(used, whole, shown):
    assert coverage_page.percent(used, whole) == shown


def test_an_empty_copy_has_a_page():
    requests = [make_request("eval", str(i), [DOG], "none") for i in range(12345)]
    page = coverage_page.render(coverage.describe(requests, {}, [], {}, {}))
    require_alone(page)
    text = text_of(page)
    for shown in (
        "None of 12,345 clips can be used",
        "eval 12,345 12,345 0 0 0 0% 0 s",
        "dog 0 of 12,345",
        "No clip can be used, so there is nothing to quote.",
    ):
        assert shown in text, shown
    assert "Why no file was found" in text and "clips digest" not in text and len(page) < 30_000


def test_a_copy_without_labels_has_a_page():
    page = coverage_page.render(coverage.describe([make_request("all", "a")], {}, [], {}, {}))
    assert "The clips have no labels." in page and "1 of 1 clips can be used: 100%" in text_of(page)


def test_a_page_has_no_row_for_each_clip_and_a_limit_of_classes():
    requests = [make_request("all", f"clip{i:06d}", [(i % 1500, f"class {i % 1500}")]) for i in range(6000)]
    ids = [request.clip_id for request in requests]
    reports = {"all-00000-of-00001.tfrecord": make_report(HOUR, {"8000": 6000}, silent=ids, short=ids[:13])}
    page = coverage_page.render(coverage.describe(requests, reports, [], {}, {}))
    assert len(re.findall("clip0", page)) == 60 + 13 and "5,940 more are in coverage.json" in page
    assert page.count('<div class="row"') == 1000 and "500 more classes" in page
    assert "All 1,500 classes, side by side" in page and page.count("<polygon") == 1
    assert len(page) < 600_000


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Records of a tiny ESC-50 of which one file is missing and one is truncated."""
    root = tmp_path_factory.mktemp("card")
    source = write_tiny_esc50(root / "audio", classes=3, clips_per_class=8, folds=2, rate=16000)
    (source / "audio" / "1-1000-A-0.wav").unlink()
    broken = source / "audio" / "2-1001-A-0.wav"
    broken.write_bytes(broken.read_bytes()[:1000])
    clips = esc50.clips(source, [], "all")
    prepare.prepare(clips, str(root / "records"), RecordsConfig(num_shards=1), PreparationConfig(num_workers=1))
    return root / "records"


def test_the_card_of_a_prepared_folder_is_that_of_its_records(records):
    card = json.loads((records / "coverage.json").read_text())
    clips = written.read(records)
    assert numbers_of(card["total"]) == (24, 1, 23, 1, 22) and card["total"]["reasons"] == {"truncated": 1}
    assert card["total"]["hours"] == pytest.approx(22 * 5 / 3600)
    assert card["total"]["rates_hz"] == {"16000": 22} and card["total"]["clips_digest"] == digest(clips)
    for fold in (1, 2):
        expected = [clip_id for clip_id, clip in clips.items() if clip.fold == fold]
        assert card["splits"][f"fold{fold}"]["clips_digest"] == digest(expected)
    assert numbers_of(card["splits"]["fold1"]["classes"][0]) == (4, 1, 3, 0, 3)
    assert "22 of 24 clips can be used: 91.6%" in text_of((records / "coverage.html").read_text())


def test_every_evaluation_of_whole_splits_names_the_digests_of_the_card(records, tmp_path):
    infos = [
        ClipInfo(clip.clip_id, clip.recording_id, clip.labels, clip.label_names, clip.fold)
        for clip in written.read(records).values()
    ]
    example_clips.write(tmp_path, infos[::-1])
    splits = json.loads((records / "coverage.json").read_text())["splits"]
    evaluated, learned_from = (splits[name]["clips_digest"] for name in ("fold2", "fold1"))
    head = HeadConfig(hidden_units=4, head_epochs=1, head_min_steps=1)
    options = {
        "retrieval": {},
        "classification": {"train_folds": (1,), "head": head},
        "semi_supervised": {"train_folds": (1,), "head": head, "labels_per_class": (1,), "trials": 1},
        "knn": {"train_folds": (1,)},
    }
    sets = comparisons.embedding_sets(str(tmp_path), compared={"other": str(tmp_path)})
    for name, others in options.items():
        comparison = comparisons.compare(TASKS[name](folds=(2,), **others), sets)
        report = evaluation_report.build(comparison)
        digests = {"clips_digest": evaluated}
        if name != "retrieval":
            digests["train_clips_digest"] = learned_from
        assert {key: value for key, value in comparison.numbers().items() if "digest" in key} == digests
        for shown in digests.values():
            assert shown in report.headline.splitlines()[-1]
            assert report.pages["report.html"].count(shown) == 1
