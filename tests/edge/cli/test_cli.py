"""What holds for every command: help with an example, exit codes, one clear line for an error, completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from edgeai import errors
from edgeai.cli import COMMANDS, LazyGroup, edgeai, exit_code

EDGEAI = [sys.executable, "-m", "edgeai"]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EDGEAI, *words], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def every_command() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(edgeai)
    assert isinstance(edgeai, LazyGroup)
    for name in COMMANDS:
        command = edgeai.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                found = command.get_command(context, sub)
                assert found is not None
                yield f"{name} {sub}", found


@pytest.mark.parametrize(("name", "command"), [pytest.param(*pair, id=pair[0]) for pair in every_command()])
def test_every_command_has_help_with_an_example(name: str, command: click.Command) -> None:
    done = run(*name.split(), "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"edgeai {name}" in done.stdout
    assert command.help


@pytest.mark.parametrize(("name", "command"), [pytest.param(*pair, id=pair[0]) for pair in every_command()])
def test_every_option_says_what_it_does(name: str, command: click.Command) -> None:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


def test_the_table_and_the_help_agree() -> None:
    helped = run("--help").stdout
    for name, command in COMMANDS.items():
        assert name in helped
        assert command.help.split(".")[0][:40] in " ".join(helped.split())


def test_no_words_show_the_help() -> None:
    done = run()
    assert done.returncode == 0
    assert "Usage: edgeai" in done.stdout


@pytest.mark.parametrize("words", ["device list", "device show raspberry-pi-5 --json", "completion bash"])
def test_a_full_disk_below_standard_output_is_one_line_and_exit_code_3(words: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*EDGEAI, *words.split()], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 3
    assert done.stderr.startswith("edgeai: standard output cannot be written: No space left")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [("nosuch",), ("bench", "--nosuch"), ("device", "show", "nosuch"), ("show",), ("completion", "tcsh")],
)
def test_wrong_words_exit_with_2_and_no_stack_trace(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ModelError("x"), 2),
        (errors.InputError("x"), 2),
        (errors.WorkerCrashed("x"), 2),
        (errors.UnknownDevice("x"), 2),
        (errors.BackendMissing("x"), 3),
        (errors.ProviderError("x"), 3),
        (errors.FetchError("x"), 3),
        (errors.RemoteError("x"), 3),
    ],
)
def test_errors_have_their_exit_code(error: errors.EdgeError, code: int) -> None:
    assert exit_code(error) == code


def test_every_error_is_also_the_builtin_it_resembles() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        assert kind.__name__ in (errors.__doc__ or "")
        if issubclass(kind, Warning):
            continue
        assert issubclass(kind, errors.EdgeError)
        builtins = {base for base in kind.__mro__ if base.__module__ == "builtins"}
        assert kind is errors.EdgeError or builtins > {Exception, BaseException, object}


def test_json_is_all_that_standard_output_holds() -> None:
    done = run("device", "--json")
    assert done.returncode == 0
    assert isinstance(json.loads(done.stdout), dict)


def test_nothing_is_coloured_when_piped_or_asked_not_to_be() -> None:
    for environment in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in run("device", "list", **environment).stdout


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m edgeai device list --json | head -c 1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "{"
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert "_EDGEAI_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("edgeai ", set(COMMANDS)),
        ("edgeai bench --suite p", {"public"}),
        ("edgeai bench --backend li", {"litert"}),
        ("edgeai bench --device raspberry-pi-z", {"raspberry-pi-zero-2-w"}),
        ("edgeai device show jetson-t", {"jetson-thor", "jetson-tx2"}),
    ],
)
def test_tab_completes_commands_and_values(words: str, expected: set[str]) -> None:
    parts = words.split(" ")
    done = subprocess.run(
        [Path(sys.executable).with_name("edgeai")],
        env={
            **os.environ,
            "_EDGEAI_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(parts) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert {line.split(",")[1] for line in done.stdout.split()} == expected
