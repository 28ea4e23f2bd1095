"""Breaks when the documentation shows a command that its program does not take."""

import argparse
import os
import re
import subprocess

import pytest

from decentralizepy import cli
from decentralizepy.utils import given
from tests.support import ROOT
from tests.support.outside import python
from tests.support.pages import PAGES, commands, inline

PLACEHOLDERS = {
    "N": "4",
    "K": "4",
    "I": "0",
    "NAME": "cifar10",
    "PERCENT": "80",
    "HOST:PORT": "127.0.0.1:29400",
    "SECTION.key=v1,v2": "SHARING.alpha=0.1,0.2",
}
DROPPED = {"...", "FLAGS", "[FLAGS]"}
# programs of the system, which are not ours to check
OTHERS = {"source", "pip", "apt-get", "sphinx-build", "torchrun"}
SHORT = ("--engine", "debug", "-is", "2", "-ta", "2", "-tea", "2")


class Parsed(Exception):
    """A parser has accepted its words."""


@pytest.fixture
def parse(monkeypatch):
    """Return a function that parses a command of ours, and does no more."""
    original = argparse.ArgumentParser.parse_known_args

    def parse_known_args(parser, words=None, namespace=None):
        _, left = original(parser, words, namespace)
        if left and "submit" not in tested:  # which has the options of sbatch
            raise SystemExit(f"unknown: {left}")
        raise Parsed

    def parse(words):
        tested[:] = words
        words = [PLACEHOLDERS.get(w, w) for w in words if w not in DROPPED]
        take = cli.main
        if words[0] == "run":  # which ends the process
            named = words[1:2] and not words[1].startswith("-")
            words = words[2:] if named else words[1:]
            take = given
        with pytest.raises(Parsed):
            take(words)

    tested = []
    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parse_known_args)
    return parse


def ours(words):
    """Return the words of the subcommand of ``decentralizepy`` that a command runs."""
    if "decentralizepy" in words:
        return words[words.index("decentralizepy") + 1 :]
    if "eval/run.sh" in words:
        rest = words[words.index("eval/run.sh") + 1 :]
        return ["run", *rest]
    name = next((w for w in words if w.endswith((".py", ".sh")) or w == "-m"), "")
    rest = words[words.index(name) + 1 :] if name else []
    if name == "generate_graph.py":
        return ["graph", *rest]
    return None


def foreign(words):
    """Assert that the script or module of a command is there, and has its flags."""
    words = [word for word in words if "=" not in word.split("/")[0]]
    program = os.path.basename(words[0])
    if program in OTHERS or words[1:3] == ["-m", "venv"]:
        return
    known = program in ("bash", "python", "python3")
    assert known, f"{words}: mark what is no command as .. code-block:: text, or ini"
    if words[1] == "-m":
        path = ROOT / f"{words[2].replace('.', '/')}.py"
        path = path if path.exists() else path.with_suffix("") / "__main__.py"
    else:
        path = ROOT / words[1]
    text = path.read_text()
    flags = [word for word in words[2:] if word.startswith("--")]
    assert [flag for flag in flags if flag not in text] == [], path


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one_that_its_program_takes(page, parse):
    for words in [*commands(page), *inline(page)]:
        taken = ours(words)
        if taken is None:
            foreign(words)
        else:
            parse(taken)


def test_an_unknown_flag_would_be_noticed(parse):
    with pytest.raises((SystemExit, pytest.fail.Exception)):
        parse(["run", "FILE.ini", "--no-such-flag"])


def launch(words):
    """Launch a run in the current folder, in one process and for a few rounds."""
    words = ["-m", "decentralizepy", *words, *SHORT]
    return python(os.curdir, *words, stdin=subprocess.DEVNULL).returncode


@pytest.mark.slow
def test_the_quick_start_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    """Only its runs are shorter."""
    monkeypatch.chdir(tmp_path)
    for words in filter(None, map(ours, commands("docs/quickstart.rst"))):
        take = launch if words[0] == "run" else cli.main
        assert take(words) == 0, words
    table = capsys.readouterr().out
    assert re.search(r"\bfirst\b.*\n.*\bjwins\b", table)
    assert (tmp_path / "compare.png").exists()


def test_commands_that_cost_nothing_run_as_they_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for page in PAGES:
        for words in filter(None, map(ours, commands(page))):
            if words[0] == "graph" or words[:2] == ["data", "list"]:
                assert cli.main(words) == 0, (page, words)
    assert (tmp_path / "graph.edges").exists()
