"""From scores to ratings by the programs: ask, rate (the page is in tests/labelling/server), export."""

import json

import numpy as np
import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.labelling import log_folder, screens
from audioset_triplet.labelling.events import Answer
from audioset_triplet.store import questions, ratings, weak_labels
from tests import processes
from tests.evaluation import scored_windows


@pytest.mark.slow
def test_from_scores_to_ratings(tmp_path):
    scores = [(ClipInfo(name, name), np.array([[share], [0.1]])) for name, share in (("a", 0.9), ("b", 0.4))]
    folder = scored_windows.write(tmp_path / "scores", scores, ["dog"])
    asked = tmp_path / "questions.csv"
    flags = processes.flags(source="uncertain", scores=folder, workdir=tmp_path / "w", output=asked)
    result = processes.run("experiments.ask", *flags)
    assert result.returncode == 0 and "2 questions about 2 clips" in result.stdout, result.stderr
    with log_folder.open_or_create(str(tmp_path / "w"), None, {}) as log:
        assert log.add_questions(screens.of_questions(questions.read(str(asked)))) == 2
        for number, by_raters in enumerate(["PP", "PN"]):
            for rater, letter in zip(("anna", "bo"), by_raters):
                rating = {"P": ratings.PRESENT, "N": ratings.NOT_PRESENT}[letter]
                log.add_answer(Answer(number, rater, {"dog": rating}))
    export = ("experiments.export_ratings", f"--workdir={tmp_path}/w", f"--output={tmp_path}/ratings.tsv")
    result = processes.run(*export)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[1:] == [
        "not decided, or of gold questions: 1",
        "agreement on 2 labels that several raters have rated: 50.0%, Krippendorff's alpha 0.000",
    ]
    (row,) = (tmp_path / "ratings.tsv").read_text().splitlines()[1:]
    assert row == "b\t0.000\t0.960\tdog\tPRESENT"
    assert processes.run(*export, "--experts=bo").returncode == 0
    assert ratings.read(f"{tmp_path}/ratings.tsv").answers.tolist() == [ratings.PRESENT, ratings.NOT_PRESENT]
    evaluate = processes.flags(
        task="scores", scores=folder, ratings=tmp_path / "ratings.tsv", output=tmp_path / "report"
    )
    result = processes.run("experiments.evaluate", *evaluate)
    assert result.returncode == 0, result.stderr
    numbers = json.loads((tmp_path / "report" / "results.json").read_text())
    assert numbers["ratings/num_pairs"] == 2 and numbers["ratings/map"] == 0.5  # 0.9 is not present, 0.4 is
    weak = ("--what=weak_labels", "--experts=bo", f"--output={tmp_path}/weak.csv")
    result = processes.run(*export[:2], *weak)
    assert result.returncode == 0, result.stderr
    assert "1 clip with 1 class, 0 with none of them" in result.stdout and "1 clip left out" in result.stdout
    assert weak_labels.read(f"{tmp_path}/weak.csv").labels == {"b": (0,)}
    assert "no question is left" in processes.error_of(processes.run("experiments.ask", *flags))
    assert "--scores" in processes.error_of(processes.run("experiments.ask", f"--output={asked}"))
    nowhere = ("experiments.export_ratings", f"--workdir={tmp_path}/x", f"--output={tmp_path}/y.tsv")
    assert "nothing was queried yet" in processes.error_of(processes.run(*nowhere))
