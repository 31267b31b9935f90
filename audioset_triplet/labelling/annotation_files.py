"""Annotation files: questions that a person answers in a spreadsheet, an editor or Label Studio.

A round of questions is a folder. Each of these files holds the same questions:

    questions.csv            clip_id,cluster,cluster_size,audio,answer: `answer` takes the name of a class, or several
                             with `;` between them; `?` means "I do not know"; empty: not answered yet. With a byte
                             order mark, as spreadsheets open it
    questions.json           a list of objects with these keys; `answer` takes a list of names, `"?"` or null
    label_studio_tasks.json  tasks to import into a project of Label Studio
    label_studio_config.xml  the project's labelling interface
    audio/                   the clips as WAV, if records were given; the column `audio` has paths from this folder on

Any of them may be filled in partly, read (`answer_files`), filled in further and read again. An existing file is never
overwritten.
"""

import csv
import io
import json
import os
from typing import Any, Callable, Dict, List, Sequence
from xml.sax import saxutils

from audioset_triplet import files, labels, tables, text_files
from audioset_triplet.errors import UserError
from audioset_triplet.labelling.cluster_log import UNKNOWN, ClusterQuestion
from audioset_triplet.labelling.label_studio import CONTROL, OBJECT

COLUMNS = ("clip_id", "cluster", "cluster_size", "audio", "answer")


def audio_paths(questions: Sequence[ClusterQuestion]) -> Dict[str, str]:
    """Clip id -> path of its audio in the folder of a round, for all questions of the round."""
    return {question.clip_id: f"audio/{index:05d}.wav" for index, question in enumerate(questions)}


def write(
    folder: str, questions: Sequence[ClusterQuestion], classes: Sequence[str], audio: Dict[str, str], url: str
) -> None:
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
            files.write_text(path, content(), tables.SPREADSHEET_ENCODING if name.endswith(".csv") else "utf-8")


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
            f'  <Audio name="{OBJECT}" value="$audio"/>',
            '  <Header value="Which sounds are in this clip? Choose all that apply."/>',
            f'  <Choices name="{CONTROL}" toName="{OBJECT}" choice="multiple" showInline="true">',
            *choices,
            f'    <Choice value="{UNKNOWN}" hint="I do not know"/>',
            "  </Choices>",
            "</View>\n",
        ]
    )


def read_classes(path: str) -> Dict[int, str]:
    """The classes that an answer may have, index -> name: AudioSet's list, or the name of a class on each line.

    Raises:
        UserError: a file that cannot be read, one that `labels.read_vocabulary` refuses, or a name that is repeated.
    """
    if path.lower().endswith((".csv", ".tsv")):
        advice = "give class_labels_indices.csv, or a text file (.txt) with the name of a class on each line"
        return dict(enumerate(labels.read_vocabulary(path, advice).names))
    line_of: Dict[str, int] = {}
    for line in tables.read_list(path, "display_name"):
        name = text_files.composed(line.values[0])
        if line_of.setdefault(name, line.number) != line.number:
            raise UserError(f"{path}: line {line.number}: {name} is named twice, before on line {line_of[name]}")
    return dict(enumerate(line_of))
