"""A real browser for tests: Chromium without a window, driven over its DevTools pipe with the standard library alone.

`apt-get install chromium` brings one. Protocol: chromedevtools.github.io/devtools-protocol; messages are JSON with a
NUL behind each, on file descriptors 3 and 4.
"""

import base64
import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time
from typing import Any, Dict, Iterator, List, Optional

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--no-first-run", "--disable-gpu", "--mute-audio"),
    # Nothing of the browser's own asks the network.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check"),
    *("--disable-dev-shm-usage", "--disable-extensions", "--metrics-recording-only", "--no-pings"),
)
_TIMEOUT_SECONDS = 60.0

# Keys that are more than a letter -> `code`, number of the virtual key.
_KEYS = {"Enter": ("Enter", 13), "Escape": ("Escape", 27), "Backspace": ("Backspace", 8), "Tab": ("Tab", 9)}
_KEYS.update(ArrowDown=("ArrowDown", 40), ArrowUp=("ArrowUp", 38))
_TEXTS = {"Enter": "\r"}


def path() -> str:
    """The browser of this machine; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return found


class Browser:
    """A running browser."""

    def __init__(self, executable: str, profile: str) -> None:
        to_browser, own_end = os.pipe()
        from_end, from_browser = os.pipe()

        def connect() -> None:  # in the browser's process
            read_end, write_end = os.dup(to_browser), os.dup(from_browser)
            os.dup2(read_end, 3)
            os.dup2(write_end, 4)

        command = [executable, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(
            command, preexec_fn=connect, close_fds=False, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self._write_end, self._read_end = own_end, from_end
        self._answers = select.poll()  # `select.select` takes no descriptor above 1023
        self._answers.register(from_end, select.POLLIN)
        self._buffer = b""
        self._number = 0
        self.events: List[Dict[str, Any]] = []

    def call(self, method: str, session: Optional[str] = None, **parameters: Any) -> Dict[str, Any]:
        """Sends a command and returns its result; fails with the browser's error."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._write_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> Dict[str, Any]:
        while b"\0" not in self._buffer:
            assert self._answers.poll(1000 * _TIMEOUT_SECONDS), "the browser does not answer"
            data = os.read(self._read_end, 1 << 16)
            assert data, "the browser has ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def open(self, url: str, width: int = 1280, height: int = 900, is_phone: bool = False) -> "Tab":
        """A new tab, which shows a page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session)
        tab.call("Page.enable")
        tab.call("Network.enable")
        tab.call("Runtime.enable")
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone)
        if is_phone:
            tab.call("Emulation.setTouchEmulationEnabled", enabled=True)
        tab.call("Page.navigate", url=url)
        return tab

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._write_end)
        os.close(self._read_end)


class Tab:
    """A tab of the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **parameters: Any) -> Dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def value(self, expression: str) -> Any:
        """The value of an expression of JavaScript, of a promise when it is fulfilled."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, expression: str, seconds: float = _TIMEOUT_SECONDS) -> Any:
        """Waits until an expression is true, and returns its value."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(AssertionError):  # while a page is loading
                value = self.value(expression)
                if value:
                    return value
            assert time.monotonic() < deadline, f"{expression} does not become true: {self.text()}"
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """Presses and releases a key."""
        code, number = _KEYS.get(key, ("", ord(key[0].upper())))
        event: Dict[str, Any] = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        text = key if len(key) == 1 else _TEXTS.get(key, "")
        kind = "keyDown" if text else "rawKeyDown"
        self.call("Input.dispatchKeyEvent", type=kind, **event, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text: str) -> None:
        """Types a text, key by key."""
        for letter in text:
            self.press(letter)

    def tap(self, selector: str) -> None:
        """Clicks into the middle of an element."""
        x, y = self.value(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}}); "
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def text(self) -> str:
        """What the page shows as text."""
        return self.value("document.body ? document.body.innerText : ''") or ""

    def screenshot(self, file: pathlib.Path) -> None:
        """Writes a PNG of what is visible."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def requested(self) -> List[str]:
        """The addresses of all requests of the tab so far."""
        self.value("1")  # takes in the events that have come
        return [
            event["params"]["request"]["url"]
            for event in self._browser.events
            if event["method"] == "Network.requestWillBeSent" and event.get("sessionId") == self._session
        ]


@contextlib.contextmanager
def running() -> Iterator[Browser]:
    """A browser with an empty profile."""
    executable = path()
    profile = tempfile.mkdtemp()
    browser = Browser(executable, profile)
    try:
        yield browser
    finally:
        browser.close()
        shutil.rmtree(profile, ignore_errors=True)  # its last processes may still write
