"""What a user of any binary meets, seen from outside: a real program in a process of its own."""

import subprocess
import sys

import pytest

from audioset_triplet.config import options
from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.presets import PRESETS
from tests import processes, programs

PROGRAM = "tests.config_program"


def program(*arguments: str) -> subprocess.CompletedProcess:
    return processes.run(PROGRAM, *arguments)


def _made(result: subprocess.CompletedProcess) -> TripletConfig:
    assert result.returncode == 0, result.stderr
    return options.from_json(TripletConfig, result.stdout)


def _one_line(result: subprocess.CompletedProcess) -> str:
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_says_what_the_program_does_and_lists_every_flag_with_its_default(flag):
    result = program(flag)
    assert (result.returncode, result.stderr) == (0, "")
    text = " ".join(result.stdout.split())
    assert "Prints the config that its flags make." in text
    for line in (
        "--title: A name for the run.",
        f"--preset: <{'|'.join(sorted(PRESETS))}>: Setting to start from",
        "--steps: Training steps. (default: '100000')",
        "--learning_rate: Peak learning rate. (default: '0.0001')",
        "--[no]deterministic: The same weights",
        "--negatives: <semi_hard|sampled>:",
        "--shares: Relative shares of noise",
    ):
        assert line in text, line


def test_without_flags_the_defaults_stand():
    assert _made(program("--title=x")) == TripletConfig()


def test_an_explicit_flag_overrides_the_preset_even_with_the_value_that_is_the_default_without_one():
    made = _made(program("--title=x", "--preset=small", "--width=1.0", "--steps=7", "--deterministic"))
    preset = PRESETS["small"]()
    assert preset.network.width != 1.0 == EmbeddingNetworkConfig().width
    assert (made.network.width, made.training.steps, made.training.deterministic) == (1.0, 7, True)
    assert (made.network.resnet.stem_stride, made.training.schedule) == (
        preset.network.resnet.stem_stride,
        preset.training.schedule,
    )


def test_lists_arrive_with_the_type_of_their_field():
    made = _made(program("--title=x", "--folds=1,2", "--shares=1,0,0.5,1"))
    assert (made.data.folds, made.sampling.shares) == ((1, 2), (1.0, 0.0, 0.5, 1.0))


def test_a_flagfile_counts_as_explicit(tmp_path):
    (tmp_path / "flags").write_text("# a comment\n--preset=small\n--batch_size=3\n--title=x\n")
    made = _made(program(f"--flagfile={tmp_path / 'flags'}"))
    assert (made.training.batch_size, made.training.steps) == (3, PRESETS["small"]().training.steps)


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--stepz=3"], ["stepz", "steps"]),
        (["--steps=many"], ["--steps", "many"]),
        (["--steps=0"], ["--steps", "0"]),
        (["--preset=large"], ["--preset", "large", "small"]),
        (["--negatives=hard"], ["--negatives", "semi_hard"]),
        (["--folds=1,x"], ["--folds", "1,x"]),
        (["--flagfile=/nowhere/flags"], ["/nowhere/flags"]),
        (["--folds=1", "--folds", "2"], ["--folds is given 2 times", "commas"]),
        (["stray"], ["stray"]),
        (["--title="], ["--title", "A name for the run"]),
        (["--fail=first\nsecond"], ["first second"]),
    ],
)
def test_a_bad_input_is_one_line_and_exit_code_1(arguments, named):
    line = _one_line(program("--title=x", *arguments))
    assert [word for word in named if word not in line] == []


def test_a_field_may_go_without_a_flag_and_keeps_its_value(tmp_path):
    source = (processes.ROOT / "tests" / "config_program.py").read_text()
    left_out = 'command_line.define_flags(TripletConfig, left_out=("method", "seed"))'
    path = tmp_path / "program.py"
    path.write_text(source.replace("command_line.define_flags(TripletConfig)", left_out))

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(path), "--preset=small", "--title=x", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=processes.environment(), timeout=60)

    made = _made(run("--steps=7"))
    assert made.training.steps == 7 and made.training.seed == 0 and made.sampling.method == "joint"
    assert "seed" in run("--seed=1").stderr


@pytest.mark.parametrize("module", programs.modules())
def test_help_does_not_wait_for_tensorflow(module):
    """It takes seconds to load, and cannot be where these programs ran."""
    shown = programs.described()[module]
    assert (shown.exit_code or 0, shown.stderr) == (0, "")
    assert f"python -m {module} " in shown.stdout
    if module.startswith("data_prep.prepare_"):
        own = {"data_prep.prepare_dcase2013": "--public"}.get(module, "--source")
        for flag in (own, "--output", "--num_shards", "--runner", "--max_reject_fraction"):
            assert f"{flag}:" in shown.stdout
