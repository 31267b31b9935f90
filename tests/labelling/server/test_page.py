"""The rating page in a real browser, with the server as a program of its own."""

import json
import random
import resource
import signal
import statistics
import time

import pytest

from audioset_triplet.labelling import log_folder
from tests import browser, processes
from tests.labelling.server import pages

SHOWN = "!document.getElementById('question').hidden"
CLIP = "document.getElementById('clip').textContent"
FINISHED = "!document.getElementById('finished').hidden"


@pytest.fixture(scope="module")
def chromium():
    with browser.running() as running:
        yield running


def started(root, num_clips, **options):
    """The arguments of a page with a question about each of some clips."""
    pages.write_tones(root / "audio", num_clips)
    questions = pages.write_questions(root / "questions.csv", num_clips, times=options.pop("times", ","))
    return dict(workdir=root / "w", audio=root / "audio", questions=questions, rater="anna", **options)


@pytest.mark.slow
def test_200_ratings_by_keyboard_and_20_kills_lose_and_repeat_nothing(tmp_path, chromium):
    options = started(tmp_path, 200)
    chance = random.Random(5)
    kills = sorted(chance.sample(range(2, 198), 20))
    with pages.served(**options) as first:
        port, url = first.port, first.url
        tab = chromium.open(url)
        tab.wait(SHOWN)
        program, shown, known = first.program, [], 0
        for number in range(200):
            clip = tab.value(CLIP)
            shown.append(clip)
            tab.press(chance.choice("1234"))
            if kills and number == kills[0]:
                kills.pop(0)
                time.sleep(chance.uniform(0, 0.02))
                kept = tab.value(CLIP) != clip  # what the page shows as kept
                program.kill()
                assert len(pages.answers(tmp_path / "w")) >= known + kept
                again = processes.Program("experiments.label", *processes.flags(port=port, **options))
                processes.wait_until(lambda: "http://" in again.output()[1], again)  # noqa: B023
                program = again
            known += 1
            tab.wait(f"{FINISHED} || {CLIP} !== {json.dumps(clip)}")
        tab.wait(FINISHED)
        program.kill()
    answers = pages.answers(tmp_path / "w")
    assert shown == [f"sub/{number}.wav" for number in range(200)]  # each once
    assert len(answers) == 200 and len(log_folder.read(str(tmp_path / "w")).answers) == 200
    assert {rating for answer in answers.values() for rating in answer.ratings.values()} == {
        *("PRESENT", "NOT_PRESENT", "UNSURE", "NOT_ACOUSTIC")
    }


@pytest.mark.slow
def test_the_next_clip_plays_within_300_milliseconds(tmp_path, chromium):
    with pages.served(**started(tmp_path, 12)) as page:
        tab = chromium.open(page.url)
        tab.wait(SHOWN)
        tab.value(
            "window.delays = []; addEventListener('keydown', () => { window.pressed = performance.now(); }, true);"
            "const play = HTMLMediaElement.prototype.play; HTMLMediaElement.prototype.play = function () {"
            " this.addEventListener('playing', () => window.delays.push(performance.now() - window.pressed),"
            " { once: true }); return play.call(this); }; 1"
        )
        for number in range(1, 12):
            time.sleep(0.4)  # somebody listens
            tab.press("2")
            tab.wait(f"{CLIP} === 'sub/{number}.wav' && window.delays.length >= {number}")
        delays = tab.value("window.delays")
    assert len(delays) == 11 and statistics.median(delays) < 300, delays  # other processes may hold one up


@pytest.mark.slow
def test_two_tabs_count_a_question_once(tmp_path, chromium):
    with pages.served(**started(tmp_path, 3)) as page:
        tabs = [chromium.open(page.url) for _ in range(2)]
        for tab in tabs:
            tab.wait(SHOWN)
        tabs[0].press("1")
        tabs[0].wait(f"{CLIP} === 'sub/1.wav'")
        tabs[1].press("2")  # it still shows the first clip
        tabs[1].wait(f"{CLIP} === 'sub/1.wav'")
        assert "another window" in tabs[1].text()
        assert {number: answer.ratings for number, answer in pages.answers(tmp_path / "w").items()} == {
            0: {"dog": "PRESENT"}
        }


@pytest.mark.slow
def test_undo_over_a_restart_and_after_the_last_clip(tmp_path, chromium):
    options = started(tmp_path, 3)
    with pages.served(**options) as page:
        tab = chromium.open(page.url)
        tab.wait(SHOWN)
        for number in range(3):
            tab.wait(f"{CLIP} === 'sub/{number}.wav'")
            tab.press("1")
        tab.wait(FINISHED)
        page.program.send_signal(signal.SIGTERM)
        assert page.program.wait(30) == 0
        with pages.served(**{**options, "port": page.port}):
            for number in (2, 1, 0):
                tab.press("u")
                tab.wait(f"{SHOWN} && {CLIP} === 'sub/{number}.wav'")
            tab.press("u")
            tab.wait("document.body.innerText.includes('nothing to undo')")
            assert pages.answers(tmp_path / "w") == {}
            tab.press("4")
            tab.wait(f"{CLIP} === 'sub/1.wav'")
            assert [one.ratings for one in pages.answers(tmp_path / "w").values()] == [{"dog": "NOT_ACOUSTIC"}]


@pytest.mark.slow
def test_a_full_disk_is_said_and_the_answer_stays(tmp_path, chromium):
    with pages.served(**started(tmp_path, 2)) as page:
        tab = chromium.open(page.url)
        tab.wait(SHOWN)
        pid = page.program.pid
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        tab.press("4")
        tab.wait("document.getElementById('message').innerText.includes('nothing of this was written')")
        assert tab.value(CLIP) == "sub/0.wav" and pages.answers(tmp_path / "w") == {}
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        tab.press("Enter")  # the rating is still on the screen
        tab.wait(f"{CLIP} === 'sub/1.wav'")
        assert [one.ratings for one in pages.answers(tmp_path / "w").values()] == [{"dog": "NOT_ACOUSTIC"}]


@pytest.mark.slow
def test_labels_are_typed_and_keys_do_nothing_meanwhile(tmp_path, chromium):
    options = started(tmp_path, 2)
    (tmp_path / "classes.txt").write_text("Cat\nCattle, bovinae\nDog\n")
    (tmp_path / "questions.csv").write_text(
        "segment_id,start_time_seconds,end_time_seconds,label\nsub/0.wav,,,\nsub/1.wav,0.2,0.6,Dog\n"
        "sub/1.wav,,,Dog\nsub/1.wav,,,Cat\nsub/1.wav,,,Cow\n"
    )
    with pages.served(**options, classes=tmp_path / "classes.txt") as page:
        tab = chromium.open(page.url)
        tab.wait(f"{SHOWN} && document.activeElement.id === 'label'")
        tab.type("catt")
        tab.wait("document.querySelectorAll('#completions li').length === 1")
        tab.press("Enter")
        tab.type("u1 cans")  # a label of one's own, of letters that are keys elsewhere
        tab.wait("document.getElementById('completions').hidden")
        tab.press("Enter")
        tab.wait("document.querySelectorAll('#added button').length === 2")
        tab.press("Enter")
        tab.wait(f"{CLIP} === 'sub/1.wav'")
        assert "0.2–0.6 s" in tab.text()
        tab.press("s")
        tab.wait("!document.getElementById('reasons').hidden")
        tab.press("2")
        tab.wait("document.querySelectorAll('.candidate').length === 3")  # several labels on one screen
        for key in ("1", "ArrowDown", "3", "4"):
            tab.press(key)
        tab.wait(FINISHED)
        first, second, third = pages.answers(tmp_path / "w").values()
        assert first.added == ("Cattle, bovinae", "u1 cans") and second.skip_reason == "too short"
        assert third.ratings == {"Dog": "PRESENT", "Cow": "UNSURE", "Cat": "NOT_ACOUSTIC"}
        own = [address for address in tab.requested() if not address.startswith(page.url)]
        assert own == []  # nothing of another machine is asked for


@pytest.mark.slow
def test_a_phone_shows_it_all_and_own_keys_are_kept(tmp_path, chromium):
    with pages.served(**started(tmp_path, 3)) as page:
        phone = chromium.open(page.url, width=360, height=740, is_phone=True)
        phone.wait(SHOWN)
        assert phone.value("document.documentElement.scrollWidth") <= 360
        sizes = phone.value(
            "[...document.querySelectorAll('.answers button, .controls.end button')].filter(b => b.offsetParent)"
            ".map(b => [b.offsetWidth, b.offsetHeight])"
        )
        assert len(sizes) == 6 and all(width >= 44 and height >= 44 for width, height in sizes)
        phone.tap("[data-rating=NOT_PRESENT]")
        phone.wait(f"{CLIP} === 'sub/1.wav'")
        desk = chromium.open(page.url)
        desk.wait(f"{SHOWN} && {CLIP} === 'sub/1.wav'")
        desk.press("o")
        desk.wait("document.querySelector('[data-action=loop]').getAttribute('aria-pressed') === 'true'")
        desk.press("k")
        desk.tap("tr[data-of=present] button")
        desk.press("y")
        desk.wait("document.querySelector('tr[data-of=present] .keys').textContent === 'Y'")
        desk.press("Escape")
        desk.press("1")  # no key any more
        desk.press("y")
        desk.wait(f"{CLIP} === 'sub/2.wav'")
        assert [[*one.ratings.values()] for one in pages.answers(tmp_path / "w").values()] == [
            ["NOT_PRESENT"],
            ["PRESENT"],
        ]
        assert json.loads((tmp_path / "w" / "keys.json").read_text()) == {"present": ["y"]}


@pytest.mark.slow
def test_a_second_server_and_bad_inputs_are_one_line(tmp_path):
    options = started(tmp_path, 1)
    with pages.served(**options) as page:
        line = processes.error_of(processes.run("experiments.label", *processes.flags(**options, port=0)))
        assert "another process writes" in line
        other = {**options, "workdir": tmp_path / "v"}
        line = processes.error_of(processes.run("experiments.label", *processes.flags(**other, port=page.port)))
        assert "--port" in line and not log_folder.read(str(tmp_path / "v")).questions
    line = processes.error_of(processes.run("experiments.label", *processes.flags(**other, host="0.0.0.0")))
    assert "--token" in line
    (tmp_path / "questions.csv").write_text("segment_id,start_time_seconds,end_time_seconds,label\nelsewhere.wav,,,x\n")
    line = processes.error_of(processes.run("experiments.label", *processes.flags(**other)))
    assert "lacks 1 of the 1 clips that are asked about, such as elsewhere.wav" in line
