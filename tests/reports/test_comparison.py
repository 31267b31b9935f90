"""The charts, the Markdown and the page of a table, made of made-up results."""

import html
import json
import re

import pytest

from audioset_triplet.evaluation.table import Table
from audioset_triplet.reports import charts, comparison
from audioset_triplet.studies import tables
from audioset_triplet.studies.cells import plan
from tests.cell_results import ROWS, make_result

LEVELS = {"log_mel": 0.5, "joint": 0.625, "topline": 0.75, "log_mel_fc4": 0.25, "contrastive": 0.7}


def make_table(without=(), rows=ROWS):
    cells = plan(rows, ["fold4"], [0, 1], [])
    results = []
    for cell in cells:
        value = LEVELS[cell.row] + 0.0625 * (cell.seed or 0) * (cell.row == "joint")
        values = {"1/map": [value] * 2, "20/map": [value] * 2} if cell.task == "semi_supervised" else [value]
        classes = {"dog_bark": value, "rain <&>": 0.5} if cell.task in ("retrieval", "classification") else {}
        results.append(make_result(cell.row, cell.task, values, seed=cell.seed, classes=classes))
    return Table(rows, cells, [result for result in results if str(result.cell) not in without])


def rows_of(markdown):
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0].strip("| "): [value.strip(" |") for value in line.split(" | ")[1:]] for line in lines}


def test_the_markdown_has_every_number():
    rows = rows_of(comparison.markdown(make_table()))
    assert rows["log-mel"][:4] == ["0.500", "", "0.500", ""]
    assert rows["joint"][:4] == ["0.656 ± 0.044", "62% (paper: 41%)", "0.656 ± 0.044", "62% (paper: 84%)"]
    assert rows["topline"][:3] == ["0.750 ± 0.000", "", "0.750 ± 0.000"]
    assert rows["log-mel, FC 4×512"] == ["", "", "0.250", "", "0.250 ± 0.000", "0.250 ± 0.000", "", "", "1"]
    assert rows["joint"][-5:] == ["0.656 ± 0.036", "0.656 ± 0.036", "0.656 ± 0.044", "4,000", "2"]
    assert rows["contrastive <&>"][1] == "80%"


def test_rows_beyond_the_paper_have_a_table_of_their_own():
    markdown = comparison.markdown(make_table())
    paper, beyond = markdown.split("**Beyond the paper**")
    assert "contrastive" not in paper and "contrastive" in beyond and "joint" in paper
    assert "Beyond" not in comparison.markdown(make_table(rows=ROWS[:-1]))


def test_missing_numbers_are_marked():
    without = ["fold4-seed1/joint/retrieval", "fold4-seed0/topline/knn", "fold4-seed1/topline/knn"]
    markdown = comparison.markdown(make_table(without))
    rows = rows_of(markdown)
    assert "Unfinished: 3 of 30 cells are missing (fold4-seed1/joint/retrieval, fold4-seed0/topline/knn" in markdown
    assert rows["joint"][0] == "0.625 (1 of 2 runs)" and rows["joint"][-1] == "1 of 2"
    assert rows["topline"][-3:] == ["missing", "", "0 of 2"]
    assert "missing" not in comparison.markdown(make_table())


def test_recovery_is_left_open_where_it_is_undefined():
    table = make_table(["fold4/log_mel/retrieval"])
    assert rows_of(comparison.markdown(table))["joint"][:2] == ["0.656 ± 0.044", "– (paper: 41%)"]


def test_measures_that_only_single_labels_have_get_columns_where_they_were_measured():
    rows = ROWS[:3]
    titles = [column.title for column in comparison.columns(make_table(rows=rows))]
    assert "accuracy" not in titles and titles[-1] == "kNN mAP"
    numbers = {"map": [0.5], "accuracy": [0.25], "auc": [0.5], "eer": [0.5], "d_prime_of_mean_auc": [0.0]}
    results = [make_result("joint", task, numbers) for task in ("classification", "knn")]
    titles = [column.title for column in comparison.columns(Table(rows, [], results))]
    assert {"AUC", "d′ of mean AUC", "EER", "accuracy", "kNN accuracy"} < set(titles) and "kNN mAP" not in titles


def test_the_part_of_a_bar_above_the_baseline_is_its_recovery():
    chart = charts.bar_chart(make_table(), "retrieval", "map", 1000)
    bars = {bar.title: bar for bar in chart.bars}
    levels = {level.kind: level for level in chart.levels}
    gained = {title: bar.baseline_y - bar.value_y for title, bar in bars.items()}
    assert gained["joint"] / gained["topline"] == pytest.approx(0.625) and bars["joint"].recovery == "62%"
    assert gained["log-mel"] == 0 and bars["log-mel"].recovery == bars["topline"].recovery == ""
    assert levels["topline"].y == bars["topline"].value_y and levels["baseline"].y == bars["log-mel"].value_y
    height = levels["baseline"].y - levels["topline"].y
    assert levels["baseline"].y - levels["published"].y == pytest.approx(0.41 * height)
    assert levels["baseline"].text == "log-mel = 0 %" and levels["published"].text == "paper: 41%"
    assert bars["joint"].spread is not None and bars["log-mel"].spread is None
    assert {bar.kind for bar in chart.bars} == {"baseline", "joint", "topline", "beyond"}
    assert [(chart.ticks[0][1], chart.ticks[-1][1])] == [("0", "0.8")]
    for left, right in zip(chart.bars, chart.bars[1:]):
        assert left.left + left.width < right.left
    assert bars["topline"].left + bars["topline"].width < chart.divider < bars["contrastive <&>"].left
    assert charts.bar_chart(make_table(rows=ROWS[:-1]), "retrieval", "map", 1000).divider is None


def test_a_bar_below_the_baseline_gained_nothing_and_a_missing_one_has_no_height():
    table = make_table(["fold4-seed0/contrastive/classification", "fold4-seed1/contrastive/classification"])
    chart = charts.bar_chart(table, "classification", "map", 1000)
    bars = {bar.title: bar for bar in chart.bars}
    below = bars["log-mel, FC 4×512"]
    assert below.baseline_y == below.value_y and below.recovery == ""
    assert bars["contrastive <&>"].value_y is None and bars["contrastive <&>"].value == "missing"


def test_only_embeddings_have_a_recovery():
    table = make_table()
    recoveries = {row["name"]: set(row["recovery"]) for row in table.numbers()["rows"]}
    assert {name for name, measures in recoveries.items() if measures} == {"joint", "contrastive"}
    assert "classification/map" in recoveries["joint"]


def test_a_chart_without_the_ends_has_no_scale_of_recovery():
    table = make_table(["fold4-seed0/topline/retrieval", "fold4-seed1/topline/retrieval"])
    assert [level.text for level in charts.bar_chart(table, "retrieval", "map", 1000).levels] == ["log-mel"]
    empty = charts.bar_chart(Table(ROWS, plan(ROWS, ["fold4"], [0], []), []), "retrieval", "map", 1000)
    assert not empty.levels and {bar.value for bar in empty.bars} == {"missing"}


def test_the_names_of_levels_that_lie_close_do_not_overlap():
    results = [make_result(row, "retrieval", [value]) for row, value in (("log_mel", 0.5), ("topline", 0.501))]
    levels = charts.bar_chart(Table(ROWS, [], results), "retrieval", "map", 1000).levels
    assert all(lower.text_y - upper.text_y >= 15 for lower, upper in zip(levels, levels[1:])) and len(levels) == 3


def test_a_topline_below_the_baseline_is_named_where_it_is():
    results = [make_result(row, "retrieval", [value]) for row, value in (("log_mel", 0.5), ("topline", 0.25))]
    levels = charts.bar_chart(Table(ROWS, [], results), "retrieval", "map", 1000).levels
    assert [(level.text, level.text_y == level.y) for level in levels] == [("topline", True), ("log-mel", True)]


def test_percentages_have_no_negative_zero():
    assert [charts.percent(share) for share in (-0.004, 0.004, 0.625, -0.5, 1.0)] == ["0%", "0%", "62%", "-50%", "100%"]


def test_gains_are_sorted_and_drawn_from_zero():
    chart = charts.gain_chart("retrieval", {"rain": -0.25, "dog_bark": 0.75, "wind": 0.0})
    places = [(bar.title, bar.left, bar.width) for bar in chart.bars]
    assert places == [("dog bark", 25, 75), ("wind", 25, 0), ("rain", 0, 25)]
    assert (chart.zero, chart.num_hidden) == (25, 0)
    assert charts.gain_chart("retrieval", {"dog": 0.5}).zero == 0 and not charts.gain_chart("retrieval", {}).bars
    many = charts.gain_chart("retrieval", {f"class{i}": i / 527 for i in range(527)})
    assert (len(many.bars), many.num_hidden) == (80, 447)
    assert (many.bars[0].title, many.bars[-1].title) == ("class526", "class0")


def test_a_curve_ends_with_its_last_loss_however_many_points_it_has():
    steps = list(range(1, 1002))
    curves = [charts.Curve("joint", "fold4-seed0", steps, [1.0] * 1000 + [0.5]), charts.Curve("topline", "r", [], [])]
    (panel,) = charts.curve_panels(make_table(), curves)
    ((run, points),) = panel.lines
    assert (panel.title, panel.last, panel.highest, panel.steps) == ("joint", "0.5", "1", "1,001")
    assert points.split()[-1] == f"{charts.CURVE_WIDTH:.1f},{charts.CURVE_HEIGHT / 2:.1f}" and run == "fold4-seed0"
    assert len(points.split()) < 300


def test_the_page_shows_everything_and_refers_to_nothing_outside(tmp_path):
    curve = charts.Curve("joint", "fold4-seed0", [1, 2], [0.5, 0.25])
    tables.write(str(tmp_path), make_table(), [curve], {"rows": {"joint": {"steps": 60}}})
    page = (tmp_path / "report.html").read_text()
    text = html.unescape(page)
    evaluated = "Evaluated: fold4, 80 clips, digest d. "
    for shown in ("62% in retrieval, 62% in classification", "0.656", "dog bark", "a machine", evaluated, '"steps"'):
        assert shown in text
    assert evaluated in (tmp_path / "table.md").read_text()
    assert page.count("<svg") == 2 + 2 + 1 and page.count("<polyline") == 1
    assert "Unfinished" not in page and "&lt;&amp;&gt;" in page and "<&>" not in page
    assert "http" not in page.lower() and "@import" not in page and not re.findall(r"(?:src|href)\s*=", page)
    numbers = json.loads((tmp_path / "table.json").read_text())
    assert numbers["complete"] and numbers["settings"] == {"rows": {"joint": {"steps": 60}}}
    assert (tmp_path / "table.md").read_text() == comparison.markdown(make_table())


def test_a_recovery_that_does_not_fit_into_its_bar_stands_above_it(tmp_path):
    results = [make_result(row, "retrieval", [value]) for row, value in (("log_mel", 0.5), ("topline", 0.75))]
    for joint, place in ((0.7, ""), (0.51, " above"), (0.4, " above")):
        table = Table(ROWS, [], [*results, make_result("joint", "retrieval", [joint])])
        tables.write(str(tmp_path), table, [], {})
        shown = re.findall(r'class="recovery(| above)"[^>]*>([^<]*)<', (tmp_path / "report.html").read_text())
        assert shown == [(place, charts.percent((joint - 0.5) / 0.25))]


def test_an_unfinished_page_says_so(tmp_path):
    table = make_table(["fold4/log_mel/retrieval"])
    tables.write(str(tmp_path), table, [], {})
    page = (tmp_path / "report.html").read_text()
    assert "Unfinished: 1 of 30 cells are missing" in page and ">missing<" in page


def test_the_page_of_an_empty_table_is_written(tmp_path):
    tables.write(str(tmp_path), Table(ROWS, plan(ROWS, ["fold4"], [0], []), []), [], {})
    assert "Unfinished: 18 of 18 cells" in (tmp_path / "report.html").read_text()
