"""Breaks when a plug-in that ``init`` writes does not run, or hides where it fails."""

import io
import re

import pytest

from decentralizepy.commands import init, template
from tests.support.outside import python


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return a function that writes a plug-in to the working directory."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.chdir(tmp_path)

    def written(*flags):
        assert init.main([*flags]) == 0
        return tmp_path

    return written


def test_the_names_are_those_of_a_module_and_a_class(written):
    folder = written("--sharing", "my-idea")
    assert {path.name for path in folder.iterdir()} == {
        *("my_idea.py", "my_idea.ini", "test_my_idea.py")
    }
    assert "class MyIdea(Sharing):" in (folder / "my_idea.py").read_text()
    assert template.names("--node", "MyIdea2") == ("my_idea2", "MyIdea2")


@pytest.mark.processes
@pytest.mark.slow
def test_the_test_of_each_kind_passes(written):
    for kind in template.SECTIONS:
        folder = written(f"--{kind}", f"My{kind.capitalize()}")
    done = python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".")
    assert done.returncode == 0, done.stdout
    assert f"{len(template.SECTIONS)} passed" in done.stdout


@pytest.mark.processes
def test_a_bug_is_shown_with_its_line_and_the_debugger_opens_there(written):
    folder = written("--sharing", "Half")
    path = folder / "half.py"
    lines = path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines) if "rounded = " in line)
    lines.insert(number, "        wrong = 21 / 0")
    path.write_text("\n".join(lines))
    words = ("-m", "decentralizepy", "run", "half.ini", "--pdb")
    done = python(folder, *words, input="p self.step\nq\n")
    assert done.returncode == 1
    place = f"{path}:{number + 1}: in serialized_model: ZeroDivisionError"
    assert done.stderr.startswith(place)
    assert re.search(rf"> {path}\({number + 1}\)serialized_model", done.stdout)
    assert "(Pdb) 0.001" in done.stdout


MISTAKES = {
    "there already": (["--node", "Half"], "half.ini: exists already; --overwrite repl"),
    "hides": (["--node", "Random"], "--node Random: there is a module random, which"),
    "no name": (["--node", "1st"], "--node 1st: expected the name of a class, such as"),
    "two": (["--node", "A", "--graph", "B"], "expected one of --sharing, --node, --da"),
    "a file": (["a.ini", "--node", "A"], "expected one of --sharing, --node, --dat"),
    "new": (["--new"], "expected one of --sharing, --node, --dat"),
}


@pytest.mark.parametrize(("flags", "cause"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(
    flags, cause, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "half.ini").write_text("mine")
    assert init.main(flags) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"init: {cause}")
    assert len(said.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["half.ini"]
    assert (tmp_path / "half.ini").read_text() == "mine"


@pytest.mark.parametrize("name", ["JWINS", "jwin", "Powergossip"])
def test_a_name_like_one_of_ours_is_no_new_class_unless_it_is_said(
    name, tmp_path, monkeypatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.chdir(tmp_path)
    init.main(["--sharing", name])
    assert not [*tmp_path.glob("*.py")]
    assert init.main(["--sharing", name, "--new"]) == 0
    assert len([*tmp_path.glob("*.py")]) == 2
