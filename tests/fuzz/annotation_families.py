"""The families of inputs that hold answers of raters."""

import json
import pathlib
import shutil
from typing import Any, Dict, Tuple

from audioset_triplet.config.labelling import LabellingConfig, QueryConfig
from audioset_triplet.labelling import tasks
from tests import clustered_clips
from tests.fuzz import outcomes
from tests.fuzz.family import Family
from tests.fuzz.outcomes import Fault, Outcome

_LOG = "annotations.jsonl"


def answers(root: pathlib.Path) -> Family:
    """Answers about clusters."""
    root.mkdir(parents=True)
    clips = clustered_clips.write(root)
    workdir = root / "w"
    config = LabellingConfig(str(workdir), str(clips / "clusters"), str(clips / "all"), query=QueryConfig(budget=5))
    tasks.query(config)
    round_1 = workdir / "round-1"
    questions = json.loads((round_1 / "questions.json").read_text())
    for index, question in enumerate(questions):
        question["answer"] = [None, "?", "class 1", ["class 1", "class 2"], "class 3"][index]
    lines = (round_1 / "questions.csv").read_text().splitlines()
    answered = [lines[0], *(line + answer for line, answer in zip(lines[1:], ["", "?", "class 1", "class 1;class 2"]))]
    exported = [
        {
            "id": index,
            "data": {"clip_id": question["clip_id"]},
            "annotations": [{"result": [{"from_name": "label", "type": "choices", "value": {"choices": ["class 1"]}}]}],
        }
        for index, question in enumerate(questions)
    ]
    samples = {
        "answers.csv": "\n".join(answered).encode(),
        "answers.json": json.dumps(questions, indent=1).encode(),
        "label_studio.json": json.dumps(exported).encode(),
        _LOG: (workdir / _LOG).read_bytes(),
    }
    return _family(samples, workdir, "answers.csv", ("experiments.label_clusters", "annotate"))


def label_studio(root: pathlib.Path) -> Family:
    """A log whose questions went to Label Studio, and what comes back."""
    root.mkdir(parents=True)
    workdir = root / "w"
    questions = root / "questions.csv"
    questions.write_text(
        "segment_id,start_time_seconds,end_time_seconds,label\na,,,dog\na,,,cat\nb,1,2.5,dog\nc,,,\nd,,,dog\n"
    )
    outcomes.run("experiments.label_studio", task="export", workdir=workdir, questions=questions)
    exported = json.loads((workdir / "label-studio" / "label_studio_tasks.json").read_text())
    results = [
        [_choices("label", "dog"), _choices("not_present", "cat")],
        [_choices("unsure", "dog")],
        [{"from_name": "added", "type": "textarea", "value": {"text": ["a bell"]}}],
        [],
    ]
    for task, result in zip(exported, results):
        by = {"id": 1, "email": "a@example.org"}
        task["annotations"] = [{"completed_by": by, "was_cancelled": not result, "lead_time": 2.5, "result": result}]
    samples = {
        "project.json": json.dumps(exported, indent=1).encode(),
        _LOG: (workdir / _LOG).read_bytes(),
    }
    return _family(samples, workdir, "project.json", ("experiments.label_studio", "import"))


def _choices(control: str, label: str) -> Dict[str, Any]:
    return {"from_name": control, "type": "choices", "value": {"choices": [label]}}


def _family(samples: Dict[str, bytes], workdir: pathlib.Path, valid: str, takes: Tuple[str, str]) -> Family:
    """Inputs that a program adds to a copy of a log, and the log itself, to which a valid one is added.

    Args:
        samples: annotations.jsonl is the log.
        workdir: of the log.
        valid: the valid one.
        takes: a program, and its task.
    """
    module, task = takes

    def run(path: pathlib.Path, work: pathlib.Path) -> Outcome:
        copy = work / "w"
        shutil.copytree(workdir, copy)
        log = copy / _LOG
        is_log = path.name.endswith(_LOG)
        if is_log:
            shutil.copy(path, log)
            path = work / valid
            path.write_bytes(samples[valid])
        before = log.read_bytes()
        result = outcomes.run(module, task=task, workdir=copy, answers=path)
        outcomes.refuse_leftovers(work)
        after = log.read_bytes()
        if result.returncode == 1 and after != before:
            raise Fault("refused answers are in the log")
        if not is_log and not after.startswith(before):
            raise Fault("lines of the log have changed")
        return Outcome(int(result.returncode == 0), result.returncode)

    return Family(samples, run)
