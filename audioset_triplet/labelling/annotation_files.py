"""Annotation files: questions that a person answers in a spreadsheet, an editor or Label Studio.

A round of questions is a folder. Each of these files holds the same questions:

    questions.csv            clip_id,cluster,cluster_size,audio,answer: `answer` takes the name of a class, or several
                             with `;` between them; `?` means "I do not know"; empty: not answered yet
    questions.json           a list of objects with these keys; `answer` takes a list of names, `"?"` or null
    label_studio_tasks.json  tasks to import into a project of Label Studio
    label_studio_config.xml  the project's labelling interface
    audio/                   the clips as WAV, if records were given; the column `audio` has paths from this folder on

Any of them may be filled in partly, read, filled in further and read again. An existing file is never overwritten.
"""

import csv
import io
import json
import os
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple
from xml.sax import saxutils

from audioset_triplet import files, labels
from audioset_triplet.errors import UserError
from audioset_triplet.labelling.annotation_log import SEPARATOR, UNKNOWN, Answer, Question

COLUMNS = ("clip_id", "cluster", "cluster_size", "audio", "answer")
_CONTROL, _OBJECT = "label", "audio"  # names in Label Studio's interface


def audio_paths(questions: Sequence[Question]) -> Dict[str, str]:
    """Clip id -> path of its audio in the folder of a round, for all questions of the round."""
    return {question.clip_id: f"audio/{index:05d}.wav" for index, question in enumerate(questions)}


def write(folder: str, questions: Sequence[Question], classes: Sequence[str], audio: Dict[str, str], url: str) -> None:
    """Writes the files of a round that do not exist yet.

    Args:
        folder: of the round; made if it is missing.
        questions: of the round.
        classes: the names that an answer may have.
        audio: `audio_paths`, or empty without audio files.
        url: what Label Studio puts before these paths.
    """
    os.makedirs(folder, exist_ok=True)
    rows: List[List[Any]] = [
        [question.clip_id, question.cluster, question.cluster_size, audio.get(question.clip_id, "")]
        for question in questions
    ]
    contents: Dict[str, Callable[[], str]] = {
        "questions.csv": lambda: _csv(rows),
        "questions.json": lambda: _json([dict(zip(COLUMNS, [*row, None])) for row in rows]),
        "label_studio_tasks.json": lambda: _json(
            [{"data": dict(zip(COLUMNS[:3], row), audio=url + row[3] if row[3] else "")} for row in rows]
        ),
        "label_studio_config.xml": lambda: _interface(classes),
    }
    for name, content in contents.items():
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            files.write_text(path, content())


def _csv(rows: Sequence[List[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([*row, ""] for row in rows)
    return text.getvalue()


def _json(values: Any) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _interface(classes: Sequence[str]) -> str:
    choices = [f"    <Choice value={saxutils.quoteattr(name)}/>" for name in classes]
    return "\n".join(
        [
            "<View>",
            f'  <Audio name="{_OBJECT}" value="$audio"/>',
            '  <Header value="Which sounds are in this clip? Choose all that apply."/>',
            f'  <Choices name="{_CONTROL}" toName="{_OBJECT}" choice="multiple" showInline="true">',
            *choices,
            f'    <Choice value="{UNKNOWN}" hint="I do not know"/>',
            "  </Choices>",
            "</View>\n",
        ]
    )


def read(path: str) -> List[Answer]:
    """The answers in a file; questions without an answer are skipped.

    Args:
        path: a filled in questions.csv or questions.json, or what Label Studio exports as "JSON".

    Raises:
        UserError: the file cannot be read or has another format, or an answer is not valid; with its line or entry.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:  # spreadsheets begin CSV with a byte order mark
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    answers = []
    for clip_id, names, by in _read_csv(path, text) if path.lower().endswith(".csv") else _read_json(path, text):
        if UNKNOWN in names and len(names) > 1:
            raise UserError(f"{path}: clip {clip_id} is annotated with {UNKNOWN!r} and with a class: keep one of them.")
        if names:
            answers.append(Answer(clip_id, () if names == [UNKNOWN] else tuple(names), by))
    return answers


def read_classes(path: str) -> Dict[int, str]:
    """The classes that an answer may have, index -> name: AudioSet's list, or the name of a class on each line.

    Raises:
        UserError: a file that cannot be read, or one that `labels.read_vocabulary` refuses.
    """
    if path.lower().endswith(".csv"):
        return dict(enumerate(labels.read_vocabulary(path).names))
    try:
        with open(path, encoding="utf-8-sig") as file:
            return dict(enumerate(_names(file.read().split("\n"))))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def _read_csv(path: str, text: str) -> Iterator[Tuple[str, List[str], str]]:
    dialect = csv.excel()
    header = text.split("\n", 1)[0]
    if ";" in header and "," not in header:  # as spreadsheets save it where the comma is the decimal point
        dialect.delimiter = ";"
    reader = csv.DictReader(io.StringIO(text), dialect=dialect)
    _require_columns(path, reader.fieldnames or ())
    try:
        for row in reader:
            if None in (row["clip_id"], row["answer"]):
                raise UserError(f"{path}: line {reader.line_num}: has fewer columns than the first line.")
            yield row["clip_id"], _names(row["answer"].split(SEPARATOR)), "file"
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: {error}") from error


def _read_json(path: str, text: str) -> Iterator[Tuple[str, List[str], str]]:
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: is not JSON: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: is not a list of questions (questions.json) or tasks (Label Studio's export “JSON”).")
    for number, entry in enumerate(entries, start=1):
        where = f"{path}: entry {number}"
        if "annotations" in entry:
            yield from _read_task(where, entry)
            continue
        if "data" in entry:
            raise UserError(
                f"{where}: a task without annotations: give what Label Studio exports, not what it imports."
            )
        _require_columns(where, tuple(entry))
        answer = entry["answer"]
        names = [answer] if isinstance(answer, str) else answer or []
        yield _text(where, entry["clip_id"]), _names([_text(where, name) for name in _list(where, names)]), "file"


def _read_task(where: str, task: Dict[str, Any]) -> Iterator[Tuple[str, List[str], str]]:
    """The annotations of a task of Label Studio that were not cancelled, each an answer of one person."""
    try:
        clip_id = _text(where, task["data"]["clip_id"])
        for annotation in _list(where, task["annotations"]):
            if not annotation.get("was_cancelled"):
                chosen = [region for region in annotation["result"] if region.get("from_name") == _CONTROL]
                names = [_text(where, name) for region in chosen for name in region["value"]["choices"]]
                yield clip_id, _names(names), "label-studio"
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(
            f"{where}: is not a task of the project that label_studio_tasks.json and label_studio_config.xml make "
            f"({type(error).__name__}: {error})."
        ) from error


def _require_columns(where: str, names: Sequence[str]) -> None:
    missing = [column for column in ("clip_id", "answer") if column not in names]
    if missing:
        raise UserError(f"{where}: has no {missing[0]!r}: give a filled questions.csv or questions.json, or an export.")


def _names(texts: Sequence[str]) -> List[str]:
    return [text.strip() for text in texts if text.strip()]


def _list(where: str, value: Any) -> List[Any]:
    if not isinstance(value, list):
        raise UserError(f"{where}: {value!r} is not a list.")
    return value


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UserError(f"{where}: {value!r} is not a text.")
    return value
