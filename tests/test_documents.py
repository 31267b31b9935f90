"""The documents name nothing that does not exist: paths, links, modules and flags; and they keep to their lengths."""

import fnmatch
import pathlib
import re
from typing import Dict, Iterator, List, Tuple

import pytest

from audioset_triplet import presets
from tests import programs, test_architecture

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("audioset_triplet", "data_prep", "experiments", "tests")
MAX_LINES = {"README.md": 200, "BUILD_NOTES.md": 250}
ELSEWHERE = ("dask_client_address", "environment_config", "environment_type", "flink_master", "project", "region")
OF_OTHERS = {*ELSEWHERE, "sdk_container_image", "spark_master_url", "temp_location", "help", "flagfile", "preset"}

CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9_]*\*?)")
VALUE = re.compile(r"(?<![\w-])--([a-z][a-z0-9_]*)=([\w|\\]+)")
COMMAND = re.compile(r"python -m ((?:data_prep|experiments|audioset_triplet)[\w.]*)((?:[^\n\\`]|\\\n)*)")
PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`")


def documents() -> Dict[str, str]:
    """Path from the root -> text, of all documents."""
    paths = [ROOT / name for name in MAX_LINES]
    paths += [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.md"))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def anchors(text: str) -> List[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def code(text: str) -> Iterator[str]:
    return iter(CODE.findall(text))


def commands(text: str) -> List[Tuple[str, str]]:
    """(module, its arguments) of every `python -m` of a document; without comments and flags of Beam."""
    return [(module.rstrip("."), re.split(r"\s--\s|\s#", rest)[0]) for module, rest in COMMAND.findall(text)]


ALL = documents()


@pytest.mark.parametrize("document", ALL)
def test_paths_exist(document):
    named = PATH.findall(ALL[document])
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", ALL)
def test_links_lead_somewhere(document):
    missing = []
    for link in LINK.findall(ALL[document]):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / document).parent / path).resolve() if path else ROOT / document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("document", ALL)
def test_commands_and_their_flags_exist(document):
    known = programs.described()
    missing = []
    for module, arguments in commands(ALL[document]):
        if module not in known:
            missing.append(module)
            continue
        names = {*known[module].flags, *OF_OTHERS}
        missing += [f"{module} --{name}" for name in FLAG.findall(arguments) if name not in names]
        for name, values in VALUE.findall(arguments):
            allowed = known[module].choices.get(name)
            missing += [f"{module} --{name}={value}" for value in values.split("|") if allowed and value not in allowed]
    assert missing == []


@pytest.mark.parametrize("document", ALL)
def test_flags_in_the_text_exist(document):
    known = {name for program in programs.described().values() for name in program.flags} | OF_OTHERS
    text = re.sub(r"```.*?```", "", ALL[document], flags=re.DOTALL)
    named = [name for span in code(text) for name in FLAG.findall(span)]
    # `--head_*` stands for all flags that begin so.
    assert [name for name in named if not fnmatch.filter(known, name)] == []


@pytest.mark.parametrize("document", MAX_LINES)
def test_a_document_keeps_to_its_length(document):
    assert len(ALL[document].splitlines()) <= MAX_LINES[document]


def test_every_program_is_in_the_table_of_its_folder():
    listed = {folder: ALL[f"{folder}/README.md"] for folder in ("data_prep", "experiments")}
    listed["benchmarks"] = ALL["experiments/benchmarks/README.md"]
    missing = []
    for module in programs.modules():
        folder, name = module.split(".")[-2:]
        if not re.search(rf"`(?:[\w.]*\.)?{name}(?:\.py)?`", listed[folder]):
            missing.append(module)
    assert missing == []


def test_the_table_of_the_library_has_the_rank_of_every_package():
    listed = {}
    for rank, names in re.findall(r"^\| (\d+) \| (`.*?`) \|", ALL["audioset_triplet/README.md"], re.MULTILINE):
        listed.update(
            {
                name.strip("/").replace("/", ".").replace(".py", ""): int(rank)
                for name in re.findall(r"`([\w/.]+)`", names)
            }
        )
    ranks = {package.partition(".")[2]: rank for package, rank in test_architecture.RANKS.items() if "." in package}
    assert listed == {name: max(rank, 0) for name, rank in ranks.items()}


def test_every_preset_is_in_the_table_of_the_readme():
    names = {**presets.PRESETS, **presets.CLASSIFIER_PRESETS, **presets.COINCIDENCE_PRESETS}
    assert [name for name in names if f"| `{name}` |" not in ALL["README.md"]] == []


@pytest.mark.parametrize(
    "text, module, names",
    [
        ("`python -m experiments.embed --model=m`", "experiments.embed", ["model"]),
        ("```\npython -m data_prep.a … --x=1 \\\n    --y -- --beam=2\n```", "data_prep.a", ["x", "y"]),
        ("python -m experiments.b --z   # not --w", "experiments.b", ["z"]),
    ],
)
def test_a_command_is_read(text, module, names):
    ((read, arguments),) = commands(text)
    assert (read, FLAG.findall(arguments)) == (module, names)


def test_an_anchor_is_made_as_github_does():
    assert anchors("# A b\n## `small`: C-d (e)\n") == ["a-b", "small-c-d-e"]
