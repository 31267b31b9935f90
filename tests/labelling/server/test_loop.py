"""The loop: ratings train a head, the page shows how good it is, and offers the next clips; also over a restart."""

import json
import signal
import time

import numpy as np
import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.detection import LoopConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import log_folder
from audioset_triplet.labelling.events import Candidate, Question
from audioset_triplet.labelling.server import loop as loops
from audioset_triplet.labelling.server.loop import Loop
from audioset_triplet.store import heads
from audioset_triplet.store.embeddings import EmbeddingWriter
from tests import browser, processes
from tests.labelling.server import pages

NUM_CLIPS, NUM_WINDOWS, HOP = 40, 3, 0.96
SHOWN = "!document.getElementById('question').hidden"
PANEL = "!document.getElementById('head').hidden"
CLIP = "document.getElementById('clip').textContent"


def is_dog(clip_id):
    return int(clip_id.split("/")[1].split(".")[0]) % 2 == 1


def write_store(folder, num_clips=NUM_CLIPS, model="model"):
    """The windows of `pages.write_tones`, as far apart as dogs and others are."""
    random = np.random.default_rng(0)
    with EmbeddingWriter(str(folder), model, "front-end", 8) as writer:
        for number in range(num_clips):
            clip_id = f"sub/{number}.wav"
            vectors = np.eye(8)[int(is_dog(clip_id))] + 0.25 * random.normal(size=[NUM_WINDOWS, 8])
            unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            writer.write(ClipInfo(clip_id, clip_id), HOP * np.arange(NUM_WINDOWS), unit)
    return folder


def until(is_so, seconds=120):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def root(tmp_path):
    write_store(tmp_path / "store")
    return tmp_path


def asked(label="dog"):
    return [Question(f"sub/{number}.wav", 0.0, HOP, (Candidate(label),)) for number in range(10)]


def config(root, **options):
    return LoopConfig(embeddings=str(root / "store"), **options)


def rate(page, numbers, label="dog"):
    for number in numbers:
        rating = "PRESENT" if is_dog(page.log.questions[number].clip_id) else "NOT_PRESENT"
        assert page.answer(number, ratings={label: rating}).status_code == 200


def is_idle(page):
    state = page.get("/api/loop").json
    return state["phase"] == "idle" and state["is_scored"] and state


def test_ratings_train_a_head_that_offers_clips(root):
    with pages.opened(root, asked(), loop=config(root, train_every=10)) as page:
        until(lambda: is_idle(page))
        assert page.get("/api/session").json["has_loop"]
        assert page.get("/api/loop").json["classes"] == []
        rate(page, range(0, 10, 2))
        assert page.get("/api/loop").json["num_new"] == 5 and page.get("/api/loop").json["num_ratings"] == 0
        rate(page, range(1, 10, 2))  # the tenth answer begins a training
        until(lambda: page.get("/api/loop").json["num_ratings"] == 10 and is_idle(page))
        (dog,) = page.get("/api/loop").json["classes"]
        assert (dog["name"], dog["num_present"], dog["num_absent"], dog["num_random"]) == ("dog", 5, 5, 0)
        assert dog["average_precision"] == 1 and sum(dog["charts"]["present"]) == 5
        for source in ("top", "uncertain", "random"):
            before = set(page.log.questions)
            assert page.post("/api/loop/offer", {"label": "dog", "source": source, "count": 4}).json == {"added": 4}
            new = [page.log.questions[number] for number in sorted(set(page.log.questions) - before)]
            assert [one.candidates[0].source for one in new] == [source] * 4
            assert all(one.labels == ("dog",) and int(one.clip_id[4:-4]) >= 10 for one in new)
            assert source != "top" or all(is_dog(one.clip_id) for one in new)
            upcoming = page.get("/api/next?rater=anna").json
            assert upcoming["question"]["clip_id"] == new[0].clip_id  # the latest offer comes first
            assert upcoming["question"]["segment"] == [new[0].start_seconds, new[0].end_seconds]
        clips = [one.clip_id for one in page.log.questions.values()]
        assert len(set(clips)) == len(clips) == 22  # clips are shorter than windows of one class have to be apart
        for _ in range(2):
            page.post("/api/loop/offer", {"label": "dog", "source": "top", "count": 100})
        answer = page.post("/api/loop/offer", {"label": "dog", "source": "top", "count": 4})
        assert answer.status_code == 409 and "nothing is left" in answer.json["error"]


def test_a_head_and_offers_outlive_a_restart(root):
    with pages.opened(root, asked(), loop=config(root, train_every=0)) as page:
        rate(page, range(10))
        until(lambda: is_idle(page))
        page.post("/api/loop/train", {})
        until(lambda: page.get("/api/loop").json["num_ratings"] and is_idle(page))
        page.post("/api/loop/offer", {"label": "dog", "source": "uncertain", "count": 3})
        offered = page.get("/api/next?rater=anna").json["question"]
        head = heads.read(str(root / "w")).id
    with pages.opened(root, [Question("sub/39.wav", 0.0, HOP, (Candidate("cat"),))], loop=config(root)) as page:
        until(lambda: is_idle(page))
        assert page.get("/api/loop").json["num_ratings"] == 10 and heads.read(str(root / "w")).id == head
        assert page.get("/api/next?rater=anna").json["question"] == offered
        page.answer(offered["number"], ratings={"dog": "PRESENT"})
    with pages.opened(root, [], loop=config(root)) as page:  # a rating that the head has not seen
        until(lambda: page.get("/api/loop").json["num_ratings"] == 11)


def test_what_is_missing_is_said(root):
    with pages.opened(root, asked(), loop=config(root, train_every=0)) as page:
        rate(page, range(1, 10, 2))
        until(lambda: is_idle(page))
        page.post("/api/loop/train", {})
        until(lambda: page.get("/api/loop").json["classes"] and is_idle(page))
        (dog,) = page.get("/api/loop").json["classes"]
        assert dog["problem"] == "5 present and none not present: rate some that are" and not dog["has_head"]
        answer = page.post("/api/loop/offer", {"label": "dog", "source": "top", "count": 4})
        assert answer.status_code == 409
        assert page.post("/api/loop/offer", {"label": "dog", "source": "random", "count": 4}).json == {"added": 4}


def test_clips_of_what_is_it_are_offered_but_not_where_the_label_was_added(root):
    details = {"offer": ["of somebody else"]}
    whole = [
        Question(f"sub/{number}.wav", None, None, (Candidate("", details=details),)) for number in range(NUM_CLIPS)
    ]
    with pages.opened(root, [*asked(), *whole], loop=config(root)) as page:
        rate(page, range(10))
        page.answer(10 + 11, added=["dog"])
        page.post("/api/loop/train", {})
        until(lambda: is_idle(page))
        assert page.post("/api/loop/offer", {"label": "dog", "source": "top", "count": 100}).json == {"added": 29}
        offered = {one.clip_id for one in page.log.questions.values() if one.candidates[0].source == "top"}
        assert offered == {f"sub/{number}.wav" for number in range(10, 40)} - {"sub/11.wav"}


@pytest.mark.parametrize(
    "values",
    [{}, {"label": "dog"}, {"label": "dog", "source": "file", "count": 1}, {"source": "top", "count": 1}]
    + [{"label": "dog", "source": "top", "count": count} for count in (0, 1.5, "1", True, 1000)]
    + [{"label": ["dog"], "source": "top", "count": 1}, {"label": "cow", "source": "top", "count": 1}],
)
def test_an_offer_that_is_none_is_refused(root, values):
    with pages.opened(root, asked(), loop=config(root)) as page:
        rate(page, range(10))
        until(lambda: is_idle(page))
        assert page.post("/api/loop/offer", values).status_code == 400
        assert len(page.log.questions) == 10
        assert page.post("/api/loop/train", {}, **{pages.HEADER: "wrong"}).status_code == 403


def test_a_damaged_store_is_said_and_raters_go_on(root):
    with pages.opened(root, asked(), loop=config(root, train_every=0)) as page:
        until(lambda: is_idle(page))
        (part,) = (root / "store").glob("*.parquet")
        part.write_bytes(part.read_bytes()[:-100])
        rate(page, range(9))
        page.post("/api/loop/train", {})
        until(lambda: page.get("/api/loop").json["error"])
        assert "damaged" in page.get("/api/loop").json["error"]
        rate(page, [9])


def test_bad_inputs_of_a_loop(root):
    with pages.opened(root, asked()) as page:
        assert page.get("/api/loop").status_code == 404 and not page.get("/api/session").json["has_loop"]
    with pytest.raises(UserError, match="need --embeddings"):
        LoopConfig(train_every=5)
    with pytest.raises(UserError, match="no such folder of embeddings"):
        Loop(None, LoopConfig(embeddings=str(root / "nowhere")), str(root), [])
    with pages.opened(root, [], loop=config(root)) as page:
        rate(page, range(10))
        page.post("/api/loop/train", {})
        until(lambda: (root / "w" / "head.npz").exists())
    other = LoopConfig(embeddings=str(write_store(root / "other", model="other")))
    with pytest.raises(UserError, match="has the embeddings of other"):
        Loop(None, other, str(root / "w"), [])


def test_a_loop_ends_with_its_block(root):
    with pages.opened(root, asked(), loop=config(root)) as page:
        thread = page.loop._thread
        assert thread.is_alive()
    assert not thread.is_alive()
    with loops.running(None):
        pass


@pytest.mark.slow
def test_the_loop_in_a_browser(tmp_path):
    pages.write_tones(tmp_path / "audio", NUM_CLIPS, seconds=3.0)
    write_store(tmp_path / "store")
    questions = pages.write_questions(tmp_path / "questions.csv", 16, times="0,0.96")
    options = dict(workdir=tmp_path / "w", audio=tmp_path / "audio", questions=questions, rater="anna")
    options.update(embeddings=tmp_path / "store", train_every=0)
    with browser.running() as chromium, pages.served(**options) as page:
        tab = chromium.open(page.url)
        tab.wait(f"{SHOWN} && document.body.innerText.includes('Is it in this segment?')")
        tab.press("h")
        tab.wait(f"{PANEL} && document.body.innerText.includes('Rate some clips first')")
        assert tab.value("document.getElementById('train').disabled") and "raining" not in tab.text()
        tab.press("h")
        for number in range(14):
            tab.wait(f"{SHOWN} && {CLIP} === 'sub/{number}.wav'")
            tab.press("1" if number % 2 else "2")
        tab.wait(f"{CLIP} === 'sub/14.wav'")
        tab.press("h")
        tab.wait(f"{PANEL} && document.body.innerText.includes('Not trained yet')")
        tab.press("1")  # no answer to the question behind the panel
        tab.tap("#train")
        tab.wait("document.body.innerText.includes('AP 1.00')")
        tab.wait(
            "document.querySelectorAll('.chart').length === 2 && !document.querySelector('[data-offer=top]').disabled"
        )
        assert "7 present, 7 not" in tab.text() and "weighed by the scores of the archive" in tab.text()
        phone = chromium.open(page.url, width=390, height=844, is_phone=True)
        phone.wait(SHOWN)
        phone.tap("header [data-action=head]")
        phone.wait(f"{PANEL} && document.querySelectorAll('.chart').length === 2")
        assert phone.value("document.documentElement.scrollWidth") <= 390
        sizes = phone.value("[...document.querySelectorAll('#head button')].map(b => [b.offsetWidth, b.offsetHeight])")
        assert len(sizes) == 5 and all(width >= 44 and height >= 40 for width, height in sizes)
        for name, one in (("loop-desk", tab), ("loop-phone", phone)):
            one.screenshot(tmp_path / f"{name}.png")
        tab.tap("[data-offer=top]")
        tab.wait(f"{SHOWN} && {CLIP} !== 'sub/14.wav'")
        clip = tab.value(CLIP)
        log = log_folder.read(str(tmp_path / "w"))
        offered = [one for one in log.questions.values() if one.candidates[0].source == "top"]
        assert clip == offered[0].clip_id and is_dog(clip) and len(log.answers) == 14
        tab.press("1")
        tab.wait(f"{CLIP} === {json.dumps(offered[1].clip_id)}")
        assert [one for one in tab.requested() if not one.startswith(page.url)] == []
        page.program.send_signal(signal.SIGTERM)
        assert page.program.wait(30) == 0
        with pages.served(**{**options, "port": page.port}) as again:
            tab = chromium.open(again.url)
            tab.wait(f"{SHOWN} && {CLIP} === {json.dumps(offered[1].clip_id)}")
            tab.press("h")
            tab.wait("document.body.innerText.includes('Trained on 14 ratings')")
            tab.press("h")
            tab.wait(SHOWN)


@pytest.mark.slow
def test_bad_flags_of_the_loop_are_one_line(tmp_path):
    pages.write_tones(tmp_path / "audio", 1)
    options = dict(workdir=tmp_path / "w", audio=tmp_path / "audio", embeddings=tmp_path / "nowhere")
    line = processes.error_of(processes.run("experiments.label", *processes.flags(**options)))
    assert "nowhere: no such folder of embeddings" in line
