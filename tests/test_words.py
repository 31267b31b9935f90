"""One vocabulary, that of audio machine learning: words that this project once used for things that have a name there.

Only words that are never right are listed: "sound" or "level" may be plain English.
"""

import functools
import pathlib
import re
from typing import Dict, List

import pytest

from tests import programs
from tests.test_documents import ROOT, documents

# In documents, help texts, docstrings of programs and templates: what not to write -> what to write.
WORDS = {
    r"by lot": "at random",
    r"lies? apart": "is disjoint",
    r"lying apart": "disjoint",
    r"is no number": "is not finite",
    r"pass(es|ed|ing)? over": "skip",
    r"companions?": "positive window",
    r"others that are mixed in": "distractors",
    r"ledgers?": "annotation log",
    r"consolidat\w+": "labelling",
    r"pictures?": "image, or frame of a video",
    r"alter(s|ed|ing|ations?)?": "augment",
    r"audible": "is_active",
    r"monitored": "metrics",
    r"wanted (was|were)": "Target X; measured Y",
    r"(is|are) not in the repository": "commit the script, or drop the claim",
    r"coincident": "positive pairs",
    r"moments": "audio-visual pairs, or timestamps",
    r"asked[ _]weight": "annotated_weight",
    r"labels asked": "annotated clips",
    r"which is to say|that is to say": "leave it out",
    r"hither|thither|thereof|whereof|wherein|whence": "plain English",
    r"normalis\w+": "normalization",
}

# Nowhere, source and tests included: names that have another one today.
NAMES = {
    "contents_intersect": "shares_group",
    "has_companion": "has_positive_window",
    "COMPANION_METHODS": "POSITIVE_WINDOW_METHODS",
    "draw_others": "draw_distractors",
    "places_shape": "example_id",
    "cuts_per_clip": "windows_per_clip",
    "asked_weight": "annotated_weight",
    "reach_seconds": "max_gap_seconds",
    "alter_pictures": "augment_images",
    "frozen_clusters": "cluster_embeddings",
    "MomentBatch": "AudioVisualBatch",
    "ModelConfig": "EmbeddingNetworkConfig",
    "BackboneConfig": "NetworkConfig",
    "PictureConfig": "ImageConfig",
    "benchmark_(clustering|data_prep|embed|frontend|input|mining|step)": "experiments.benchmarks.X",
    "experiments.consolidate": "experiments.label_clusters",
    "audioset_triplet.data": "media, records or store",
}

TITLES = ("Coincidence, [Cc]ategorization, and [Cc]onsolidation", '"consolidation"')  # of Jansen et al. 2020


@functools.cache
def _alone(word: str, flags: int) -> "re.Pattern[str]":
    return re.compile(rf"(?<![\w-])(?:{word})(?!\w)", flags)


def found(text: str, words: Dict[str, str], flags: int = re.IGNORECASE) -> List[str]:
    """The lines of a text that have one of the words, each with what to write instead."""
    lines = []
    any_word = _alone("|".join(words), flags)
    for line in re.sub("|".join(TITLES), "", re.sub(r"\s*\n\s*(?=and Consolidation)", " ", text)).splitlines():
        if not any_word.search(line):
            continue
        for word, instead in words.items():
            if _alone(word, flags).search(line):
                lines.append(f"{line.strip()[:160]} <- {instead}")
    return lines


def templates() -> Dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for tree in programs.TREES
        for path in sorted((ROOT / tree).rglob("*.jinja"))
    }


def help_texts() -> Dict[str, str]:
    """The docstring of every program and the help of its flags."""
    described = programs.described().items()
    return {module: "\n".join([program.doc, *program.flags.values()]) for module, program in described}


def sources() -> Dict[str, str]:
    """Every source of the project and its tests, this one left out."""
    paths = [path for tree in (*programs.TREES, "tests") for path in sorted((ROOT / tree).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths if path != pathlib.Path(__file__)}


@pytest.mark.parametrize("document", documents())
def test_documents(document):
    assert found(documents()[document], WORDS) == []


@pytest.mark.parametrize("template", templates())
def test_templates(template):
    assert found(templates()[template], WORDS) == []


@pytest.mark.parametrize("module", programs.modules())
def test_help_texts(module):
    assert found(help_texts()[module], WORDS) == []


def test_names():
    everything = {**sources(), **documents(), **templates()}
    faults = {path: found(text, NAMES, flags=0) for path, text in everything.items()}
    assert {path: lines for path, lines in faults.items() if lines} == {}


@pytest.mark.parametrize(
    "text, instead",
    [
        ("clips drawn by lot", "at random"),
        ("records are passed over", "skip"),
        ("Consolidation of labels", "labelling"),
        ("Jansen et al., *Coincidence, Categorization, and Consolidation*", None),
        ("the alternative", None),
    ],
)
def test_a_word_is_found_where_it_stands_alone(text, instead):
    assert [line.split(" <- ")[1] for line in found(text, WORDS)] == ([instead] if instead else [])
