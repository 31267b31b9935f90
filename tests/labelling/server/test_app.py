"""The interface between page and server: what it says, what it keeps, and whom it refuses."""

import io
import json
import resource
import signal

import numpy as np
import pytest
import soundfile
from PIL import Image

from audioset_triplet.labelling import log_folder
from audioset_triplet.labelling.class_names import ClassNames
from audioset_triplet.labelling.events import Candidate, Question
from audioset_triplet.labelling.server.safety import HEADER
from tests.labelling.server import pages
from tests.test_labels import make_ontology

QUESTIONS = [
    Question("sub/0.wav", None, None, (Candidate("dog"), Candidate("cat"))),
    Question("sub/1.wav", 0.25, 0.5, (Candidate("dog", 0.9, "top", {"gold": "PRESENT"}),)),
    Question("sub/2.wav", None, None, (Candidate(""),)),
]
BOTH = {"dog": "PRESENT", "cat": "NOT_ACOUSTIC"}


@pytest.fixture
def root(tmp_path):
    pages.write_tones(tmp_path / "audio", 3)
    return tmp_path


@pytest.fixture
def page(root):
    with pages.opened(root, QUESTIONS, ClassNames(["rooster"], {}, make_ontology())) as page:
        yield page


def test_a_rater_goes_through_the_questions_and_back(root, page):
    first = page.get("/api/next?rater=anna").json
    assert first["question"]["clip_id"] == "sub/0.wav" and first["following"] == [1, 2]
    assert [one["name"] for one in first["question"]["candidates"]] == ["dog", "cat"]
    assert first["progress"] == {"answered": 0, "total": 3, "per_hour": None}
    second = page.answer(0, ratings=BOTH, added=["HOWL", " new  thing "], comment="far", seconds=1.234).json
    assert second["question"] == {
        "number": 1,
        "clip_id": "sub/1.wav",
        "segment": [0.25, 0.5],
        "candidates": [{"name": "dog", "description": "", "examples": []}],  # not how it was chosen
    }
    assert page.answer(1, skip="too noisy").json["question"]["candidates"] == []
    last = page.answer(2, unknown=True).json
    assert last["question"] is None and last["progress"]["answered"] == 3
    answer = log_folder.read(str(root / "w")).answer_of(0, "anna")
    assert (answer.ratings, answer.added, answer.comment) == (BOTH, ("Howl", "new thing"), "far")
    assert answer.seconds == 1.23
    for number in (2, 1, 0):
        back = page.post("/api/undo", {"rater": "anna", "key": f"u{number}"}).json
        assert back["question"]["number"] == number
    assert back["undone"] == {"ratings": BOTH, "added": ["Howl", "new thing"], "comment": "far"}
    assert page.post("/api/undo", {"rater": "anna", "key": "again"}).status_code == 400
    assert page.get("/api/next?rater=anna").json["progress"]["answered"] == 0


def test_a_request_that_comes_twice_counts_once_and_two_windows_count_once(page):
    for _ in range(2):
        assert page.answer(0, ratings=BOTH).json["question"]["number"] == 1
    other = page.answer(0, ratings=BOTH, key="of another window")
    assert other.status_code == 409 and "another window" in other.json["error"]
    assert len(page.log.answers) == 1
    for _ in range(2):
        assert page.post("/api/undo", {"rater": "anna", "key": "u"}).json["question"]["number"] == 0
    assert page.log.answers == {}
    assert page.answer(0, rater="bo", ratings=BOTH).status_code == 200  # of another rater


@pytest.mark.parametrize(
    "number, values, message",
    [
        (9, {"ratings": {"dog": "PRESENT"}}, "no question 9"),
        ("0", {"ratings": BOTH}, "no question '0'"),
        (True, {"ratings": {"dog": "PRESENT"}}, "no question True"),
        (0, {"ratings": {"dog": "PRESENT"}}, "cat has no rating"),
        (1, {"ratings": {"dog": "YES"}}, "'YES'"),
        (1, {"ratings": {"dog": 1}}, "object of texts"),
        (1, {"ratings": {"dog": "PRESENT", "cow": "PRESENT"}}, "not about 'cow'"),
        (1, {}, "one of the three"),
        (1, {"skip": "noise", "unknown": True}, "one of the three"),
        (2, {"added": "dog"}, "list of names"),
        (2, {"added": [" "]}, "list of names"),
        (2, {"unknown": True, "rater": ""}, "a rater has a name"),
        (2, {"unknown": True, "rater": "a\u0000"}, "a rater has a name"),
        (2, {"unknown": True, "seconds": "1"}, "seconds are a number"),
        (2, {"unknown": True, "seconds": float("nan")}, "not JSON"),
        (2, {"unknown": True, "comment": "\ud800"}, "not JSON"),
        (2, {"unknown": True, "comment": "x" * 3000}, "comment is a text"),
    ],
)
def test_what_is_no_answer_is_refused(page, number, values, message):
    response = page.answer(number, **values)
    assert response.status_code == 400 and message in response.json["error"]
    assert page.log.answers == {}


def test_clusters_get_classes_alone(root):
    with log_folder.open_or_create(str(root / "w"), {"digest": "d"}, {0: "dog"}):
        pass
    with pages.opened(root, [QUESTIONS[2]], ClassNames(["dog"])) as page:
        assert "none of the classes" in page.answer(0, added=["cow"]).json["error"]
        assert page.answer(0, added=["Dog"]).status_code == 200
        assert page.log.answers[0].added == ("dog",)


def test_the_clip_is_what_the_question_is_about(page):
    samples, rate = soundfile.read(io.BytesIO(page.get("/api/audio/1").data))
    whole, _ = soundfile.read(page.client.application._media._clips._paths["sub/1.wav"])
    assert rate == pages.RATE_HZ
    np.testing.assert_allclose(samples, whole[2000:4000], atol=1e-4)
    clip = page.get("/api/clip/1").json
    assert clip["seconds"] == 0.25 and clip["segment"] == [0, 0.25] and clip["peak_decibels"] == -6.0
    around = page.get("/api/clip/1?context=0.5").json  # cut at both ends of the clip
    assert around["seconds"] == 1.0 and around["start_seconds"] == 0 and around["segment"] == [0.25, 0.5]
    assert page.get("/api/clip/0").json["segment"] is None
    for kind in ("image", "waveform"):
        assert Image.open(io.BytesIO(page.get(f"/api/{kind}/1").data)).width > 10


def test_parts_of_the_audio_can_be_asked_for(page):
    whole = page.get("/api/audio/0").data
    part = page.get("/api/audio/0", Range="bytes=100-199")
    assert part.status_code == 206 and part.data == whole[100:200]
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"


@pytest.mark.parametrize(
    "path",
    [
        *("/api/audio/../../etc/passwd", "/api/audio/sub%2F0.wav", "/static/..%2Fapp.py", "/static/app.py", "/x"),
        *("/api/clip/-1", "/api/audio/99999999999999999999", "/api/next", "/api/clip/1?context=nan"),
        *("/api/clip/1?context=1e9", "/api/image/1?low=900&high=100", "/api/image/1?low=x", "/api/answer"),
    ],
)
def test_nothing_else_can_be_asked_for(page, path):
    response = page.get(path)
    assert response.status_code in (400, 404, 405) and response.json["error"]


def test_a_clip_that_cannot_be_read_says_so_and_can_be_skipped(root, page):
    (root / "audio" / "sub" / "0.wav").write_bytes(b"RIFF")
    response = page.get("/api/clip/0")
    assert response.status_code == 422 and "0.wav" in response.json["error"]
    assert page.answer(0, skip="cannot play it").status_code == 200


def test_names_are_completed(page):
    def names(text):
        return [one["name"] for one in page.get(f"/api/labels?text={text}").json["labels"]]

    assert names("w") == ["Wild", "Wolf", "Howl"] and names("OO") == ["rooster"] and names("") == []
    page.answer(2, added=["Wet wood"])
    assert names("wo") == ["Wolf", "Wet wood"]  # what was typed before is offered too


def test_own_keys_are_kept(root, page):
    default = page.get("/api/session").json["keys"]
    assert default["present"] == ["1", "c"]
    keys = page.post("/api/keys", {"present": ["y"], "undo": ["c"]}).json["keys"]
    assert keys["present"] == ["y"] and keys["undo"] == ["c"]
    assert json.loads((root / "w" / "keys.json").read_text()) == {"present": ["y"], "undo": ["c"]}
    taken = page.post("/api/keys", {"present": ["n"]}).json["keys"]  # was "not present"
    assert taken["not_present"] == ["2"] and taken["undo"] == default["undo"]
    for wrong in ({"present": ["y"], "undo": ["y"]}, {"jump": ["j"]}, {"present": "y"}, {"present": [""]}):
        assert page.post("/api/keys", wrong).status_code == 400
    assert page.get("/api/session").json["keys"] == taken


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8765"},
        {"Host": "192.168.0.7:8765"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {HEADER: "guess"},
        {HEADER: None},
    ],
)
def test_other_pages_and_names_are_refused(page, headers):
    response = page.post("/api/answer", {"rater": "a", "question": 2, "unknown": True}, **headers)
    assert response.status_code == 403 and page.log.answers == {}


def test_forms_of_other_pages_are_no_answers(page):
    headers = {"Host": pages.HOST, HEADER: page.guard.secret}
    response = page.client.post("/api/answer", data='{"rater": "a"}', headers=headers, content_type="text/plain")
    assert response.status_code == 400
    response = page.client.post("/api/answer", data=b"[" * 70000, headers=headers, content_type="application/json")
    assert response.status_code == 413 and page.log.answers == {}


def test_nothing_is_loaded_from_elsewhere(page):
    for path in ("/", "/static/rating.js", "/api/session", "/api/audio/0", "/nowhere"):
        headers = page.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert headers["X-Content-Type-Options"] == "nosniff"
    text = page.get("/").text
    assert "http" not in text.replace("http-equiv", "")
    assert "Loading …" in text and "JavaScript" in text.partition("<noscript>")[2].partition("</noscript>")[0]


def test_other_machines_need_the_token(root):
    with pages.opened(root, QUESTIONS, token="secret1234") as page:
        host = "192.168.0.7:8765"
        assert page.get("/", Host=host).status_code == 403
        assert page.get("/?token=secret1235", Host=host).status_code == 403
        let_in = page.get("/?token=secret1234&rater=anna", Host=host)
        assert let_in.status_code == 302 and let_in.headers["Location"] == "/?rater=anna"
        cookie = let_in.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        value = cookie.partition(";")[0]
        assert page.get("/api/next?rater=anna", Host=host, Cookie=value).status_code == 200
        assert page.get("/", Host="evil.example:8765", Cookie=value).status_code == 403  # a name that leads here


def test_a_full_disk_is_said_and_nothing_counts(page):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (page.log._size + 10, limits[1]))
        response = page.answer(0, ratings=BOTH)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert response.status_code == 507 and "nothing of this was written" in response.json["error"]
    assert page.log.answers == {} and page.answer(0, ratings=BOTH).status_code == 200  # with the same key
