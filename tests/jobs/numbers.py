"""A job for tests: a shard is a list of numbers, and its file holds their squares."""

import dataclasses
import functools
import json
import os
import pathlib
import signal
import time
from typing import List

from audioset_triplet.jobs.folder import NUM_BYTES, PLAN_DIGEST, Folder
from audioset_triplet.jobs.job import Job, Progress

FAILS, DIES, WAITS, LATE = -1, -2, -3, -4  # numbers on which a worker fails, is killed, takes long, then or later


@dataclasses.dataclass(frozen=True)
class Numbers:
    """A shard."""

    name: str
    numbers: List[int]

    @property
    def digest(self) -> str:
        return repr(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def to_json_lines(self) -> bytes:
        return "".join(f"{number}\n" for number in self.numbers).encode()


def square(folder: Folder, name: str, progress: Progress, log: str) -> None:
    """Does a shard, and adds a line with the process to a log."""
    numbers = [int(line) for line in folder.read_plan(name).splitlines()]
    if folder.is_done(name, repr(numbers)):
        return
    if FAILS in numbers:
        raise ArithmeticError("a number\nthat fails")
    if DIES in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    if WAITS in numbers:
        time.sleep(600)
    for num_done, number in enumerate(numbers):
        time.sleep(0.3 * (number == LATE))  # so that the next sign of progress is not left out
        progress(num_done, 10 * num_done)
        time.sleep(600 * (number == LATE))
    data = json.dumps([number * number for number in numbers]).encode()
    folder.write(name, data)
    folder.write_report(name, {PLAN_DIGEST: repr(numbers), NUM_BYTES: len(data)})
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {name}\n")


def job(root: pathlib.Path) -> Job:
    return Job(Folder(str(root)), functools.partial(square, log=f"{root}.log"), unit="number", part="digit")


def shards(*numbers: List[int]) -> List[Numbers]:
    return [Numbers(f"{index}.squares", one) for index, one in enumerate(numbers)]


def squares(root: pathlib.Path) -> List[List[int]]:
    return [json.loads(path.read_text()) for path in sorted(root.glob("*.squares"))]


def doers(root: pathlib.Path) -> List[str]:
    """The process of every shard that was done, in order."""
    log = pathlib.Path(f"{root}.log")
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []
