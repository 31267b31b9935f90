"""Every program that writes a folder holds it alone, from before its work on: a second one is refused at once."""

import ast

import pytest

from tests import processes, programs

# Flags that each program needs; the inputs are not there, so a program that looked at them first would say so.
WRITERS = {
    "data_prep.synthesize_videos": ("output", {}),
    "experiments.cluster": ("workdir", {"embeddings": "none", "num_clusters": 2}),
    "experiments.describe_models": ("output", {}),
    "experiments.evaluate": ("output", {"embeddings": "none"}),
    "experiments.evaluate_coincidence": ("output", {"workdir": "none", "data": "none"}),
    "experiments.export_model": ("output", {"workdir": "none"}),
    "experiments.finetune": ("output", {"data": "none"}),
    "experiments.import_features": ("output", {"features": "none"}),
    "experiments.label": ("workdir", {"audio": "none"}),
    "experiments.label_clusters": ("workdir", {"task": "propagate", "assignments": "none"}),
    "experiments.label_curve": ("output", {"embeddings": "none", "clusterings": "a=none"}),
    "experiments.learn_on_device": ("output", {"model": "none", "examples": "none"}),
    "experiments.mine": ("output", {"embeddings": "none", "exemplars": "none"}),
    "experiments.mining_precision": ("output", {"embeddings": "none"}),
    "experiments.quickstart": ("output", {}),
    "experiments.refine_labels": ("output", {"scores": "none"}),
    "experiments.reproduce_audioset2017": ("output", {"data": "none", "eval_data": "a=none"}),
    "experiments.reproduce_hornauer2021": ("output", {"data_sets": "a=none"}),
    "experiments.reproduce_jansen2018": ("output", {"data": "none"}),
    "experiments.score": ("output", {"workdir": "none", "data": "none"}),
    "experiments.search": ("output", {"embeddings": "none", "query": "none"}),
    "experiments.serve_data": ("state", {"role": "dispatcher"}),
    "experiments.synthesize_embeddings": ("output", {}),
    "experiments.tag": ("output", {"model": "none", "input": "none"}),
    "experiments.train_classifier": ("workdir", {"data": "none"}),
    "experiments.train_coincidence": ("workdir", {"data": "none"}),
    "experiments.train_head": ("output", {"embeddings": "none", "workdir": "none"}),
    "experiments.train_instances": ("workdir", {"data": "none"}),
    "experiments.train_triplet": ("workdir", {"data": "none"}),
}
# They hold it where they know what they write (a job's folder, an annotation log), or write a single file.
OTHERS = (
    "data_prep.synthesize_scenes",
    "experiments.ask",
    "experiments.draw_methods",
    "experiments.embed",
    "experiments.export_ratings",
    "experiments.label_studio",
    "experiments.score_archive",
)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    folder = tmp_path_factory.mktemp("held")
    with processes.held_by_another(folder):
        yield folder


@pytest.mark.parametrize("module", WRITERS)
def test_a_program_is_refused_while_another_writes(held, module):
    flag, others = WRITERS[module]
    line = processes.error_of(processes.run(module, *processes.flags(**{flag: held}, **others)))
    assert line == f"error: {held}: another process writes there: wait for it, or give another folder."
    assert not list(held.iterdir())


def test_no_program_with_such_a_flag_is_left_out():
    folders = {module for module, program in programs.described().items() if {"output", "workdir"} & {*program.flags}}
    assert {name for name in folders if not name.startswith(("data_prep.prepare_", "experiments.benchmarks."))} == {
        *WRITERS,
        *OTHERS,
    } - {"experiments.serve_data"}
    for module in programs.modules():
        if module.startswith("experiments.benchmarks.") and "output" in programs.described()[module].flags:
            source = (processes.ROOT / module.replace(".", "/")).with_suffix(".py").read_text()
            calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
            assert any(ast.unparse(call) == "command_line.run(main, writes='output')" for call in calls), module
