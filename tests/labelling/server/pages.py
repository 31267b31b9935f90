"""Rating pages over a folder of tones, in this process and as programs."""

import contextlib
import dataclasses
import pathlib
from typing import Any, Dict, Iterator, Optional

import numpy as np
import soundfile
from werkzeug.test import Client

from audioset_triplet.config.detection import LoopConfig
from audioset_triplet.labelling import log_folder
from audioset_triplet.labelling.annotation_log import AnnotationLog
from audioset_triplet.labelling.class_names import ClassNames
from audioset_triplet.labelling.server import loop as loops
from audioset_triplet.labelling.server.app import App
from audioset_triplet.labelling.server.clip_audio import FolderClips
from audioset_triplet.labelling.server.loop import Loop
from audioset_triplet.labelling.server.media import Media
from audioset_triplet.labelling.server.safety import HEADER, Guard
from audioset_triplet.labelling.server.session import Session
from tests import processes

HOST = "127.0.0.1:8765"
RATE_HZ = 8000


def write_tones(folder: pathlib.Path, num_clips: int, seconds: float = 1.0) -> pathlib.Path:
    """Writes sub/0.wav, sub/1.wav, …, with tones of 200 Hz, 250 Hz, …"""
    (folder / "sub").mkdir(parents=True, exist_ok=True)
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    for index in range(num_clips):
        tone = 0.5 * np.sin(2 * np.pi * (200 + 50 * index) * times)
        soundfile.write(folder / "sub" / f"{index}.wav", tone, RATE_HZ, "PCM_16")
    return folder


def write_questions(path: pathlib.Path, num_clips: int, label: str = "dog", times: str = ",") -> pathlib.Path:
    """Writes a question about a label in each of the clips of `write_tones`."""
    rows = [f"sub/{index}.wav,{times},{label}" for index in range(num_clips)]
    path.write_text("\n".join(["segment_id,start_time_seconds,end_time_seconds,label", *rows, ""]))
    return path


@dataclasses.dataclass
class Page:
    """A rating page in this process."""

    log: AnnotationLog
    guard: Guard
    client: Client
    loop: Optional[Loop]

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers={"Host": HOST, **headers})

    def post(self, path: str, values: Any, **headers: Optional[str]) -> Any:
        """With the secret, unless headers say otherwise; those that are None are left out."""
        given = {"Host": HOST, HEADER: self.guard.secret, "Origin": f"http://{HOST}", **headers}
        return self.client.post(path, json=values, headers={k: v for k, v in given.items() if v is not None})

    def answer(self, number: int, rater: str = "anna", **values: Any) -> Any:
        return self.post("/api/answer", {"rater": rater, "question": number, "key": f"{rater}{number}", **values})


@contextlib.contextmanager
def opened(
    root: pathlib.Path,
    questions: Any,
    names: Optional[ClassNames] = None,
    token: str = "",
    loop: Optional[LoopConfig] = None,
) -> Iterator[Page]:
    """A page over the clips of `write_tones(root / "audio")`, with its log in root/w."""
    workdir = str(root / "w")
    if not (root / "audio").exists():
        write_tones(root / "audio", 1)
    with log_folder.open_or_create(workdir, None, {}) as log:
        log.add_questions(questions)
        guard = Guard("127.0.0.1" if not token else "0.0.0.0", token)
        session, media = Session(log, names or ClassNames([])), Media(FolderClips(str(root / "audio")))
        running = Loop(session, loop, workdir, [f"sub/{number}.wav" for number in range(40)]) if loop else None
        with loops.running(running):
            yield Page(log, guard, Client(App(session, media, guard, workdir, loop=running)), running)


@contextlib.contextmanager
def served(*arguments: object, port: int = 0, **options: object) -> Iterator["Served"]:
    """The program, when its page can be opened; stopped at the end."""
    program = processes.Program("experiments.label", *processes.flags(port=port, **options), *arguments)
    try:
        processes.wait_until(lambda: "http://" in program.output()[1], program)
        yield Served(program, "http://" + program.output()[1].split("http://")[1].strip())
    finally:
        program.kill()


@dataclasses.dataclass
class Served:
    """A rating page that a program serves."""

    program: processes.Program
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].partition("/")[0])


def answers(workdir: pathlib.Path) -> Dict[int, Any]:
    """Number of a question -> its answer by anna."""
    log = log_folder.read(str(workdir))
    return {number: log.answer_of(number, "anna") for number in log.questions if log.answer_of(number, "anna")}
