"""Breaks when a shell completes nothing, or a command has no example in its help."""

import os
import shutil
import subprocess
import sys

import pytest

from decentralizepy import cli
from decentralizepy.commands import completion
from decentralizepy.commands.completion import candidates
from tests.support import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.ini").write_text("[SHARING]\nalpha = 0.1\nsharing_class = A\n")
    (tmp_path / "runs").mkdir()
    (tmp_path / "notes.txt").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_are_completed(folder):
    assert candidates(["s"]) == ["submit", "sweep"]
    assert candidates([""]) == [*cli.COMMANDS]


def test_ini_files_folders_and_examples_are_completed(folder):
    examples = ["digits", "federated", "jwins"]
    assert candidates(["run", ""]) == ["mine.ini", "runs/", *examples]
    assert candidates(["run", "m"]) == ["mine.ini"]
    assert candidates(["run", f"{folder}/r"]) == [f"{folder}/runs/"]


@pytest.mark.parametrize("command", sorted({*cli.COMMANDS} - {"completion", "data"}))
def test_flags_are_completed(command, folder):
    found = candidates([command, "--"])
    assert "--help" in found
    assert all(flag.startswith("--") for flag in found)


def test_sections_and_keys_of_the_file_are_completed_after_set(folder):
    words = ["run", "mine.ini", "--set"]
    assert candidates([*words, "SH"]) == ["SHARING."]
    assert candidates([*words, "SHARING.a"]) == ["SHARING.alpha="]
    assert candidates([*words, "RUN.iter"]) == ["RUN.iterations="]
    assert candidates(["run", "digits", "--set", "GRAPH.d"]) == ["GRAPH.degree="]


@pytest.mark.parametrize("shell", completion.SCRIPTS)
def test_the_script_of_a_shell_is_valid(shell, capsys, folder):
    assert completion.main([shell]) == 0
    script = capsys.readouterr().out
    assert "decentralizepy completion --" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_bash_completes_with_the_script(folder, monkeypatch):
    program = folder / "decentralizepy"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m decentralizepy "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    typed = "COMP_WORDS=(decentralizepy ru); COMP_CWORD=1; _decentralizepy"
    lines = f'{completion.SCRIPTS["bash"]}\n{typed}; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", lines], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"run\n"


def test_another_shell_is_one_line(capsys):
    assert completion.main(["csh"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("completion: argument shell: invalid choice: 'csh'")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_an_example_in_its_help(command, capsys):
    try:
        status = cli.main([command, "-h"])
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr().out
    assert not status
    assert f"  decentralizepy {command} " in said.partition("example")[2]


def test_a_misspelt_command_or_flag_is_told_with_the_nearest(capsys):
    assert cli.main(["swep"]) == 2
    assert capsys.readouterr().err.startswith(
        "swep: no such command; did you mean sweep?"
    )
    assert cli.main(["init", "--shering", "JWINS"]) == 2
    assert (
        capsys.readouterr().err
        == "init: --shering: no such flag; did you mean --sharing?\n"
    )
