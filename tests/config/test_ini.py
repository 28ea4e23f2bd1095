"""Reading an INI file: the types of its values, and one line for what is wrong."""

import configparser
import math

import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.config.assignments import override
from decentralizepy.config.ini import read, render, typed
from decentralizepy.errors import ConfigError

TYPED = [
    ("1", 1),
    ("-3", -3),
    ("007", 7),
    ("1_000", 1000),
    ("0x10", 16),
    ("0b11", 3),
    ("0.5", 0.5),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("inf", math.inf),
    ("true", True),
    ("Yes", True),
    ("ON", True),
    ("false", False),
    ("no", False),
    ("Off", False),
    ("none", None),
    ("None", None),
    ("", ""),
    ("'a'", "'a'"),
    ('"1"', '"1"'),
    ("[0.1,0.2]", "[0.1,0.2]"),
    ("50%", "50%"),
    ("No thanks", "No thanks"),
    ("1 2", "1 2"),
    ("t", "t"),
    ("9" * 5000, math.inf),
]


@pytest.mark.parametrize(("text", "value"), TYPED)
def test_a_value_has_the_first_type_that_fits(text, value):
    got = typed(text)
    assert (got, type(got)) == (value, type(value))


@given(st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.none()))
def test_a_value_that_python_prints_reads_back_as_itself(value):
    got = typed(str(value))
    assert (got, type(got)) == (value, type(value))


def ini(folder, text):
    path = folder / "config.ini"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


GOOD = [
    ("[A]\nkey = 1\nOther=b", {"A": {"key": 1, "other": "b"}}),
    ("[A]\nK : v\nu = http://x:80", {"A": {"k": "v", "u": "http://x:80"}}),
    ("[A]\na = 0.1 ; alpha\nb = x;y\nc = x # y", {"A": {"a": 0.1, "b": "x;y", "c": "x # y"}}),
    ("; x\n# y\n[A] ; z\na =\nb = ; none", {"A": {"a": "", "b": ""}}),
    ("[A]\na = 50%\nb = %(a)s", {"A": {"a": "50%", "b": "%(a)s"}}),
    ("[A]\nl = [1,\n  2]\nb=3", {"A": {"l": "[1,\n2]", "b": 3}}),
    ("[DEFAULT]\na = 1\n[B]", {"DEFAULT": {"a": 1}, "B": {}}),
    ("[a]\nx=1\n[A]\nx=2", {"a": {"x": 1}, "A": {"x": 2}}),
    ("", {}),
    (b"\xef\xbb\xbf[A]\r\na = 1\r\nb = \xc3\xa4\r\n", {"A": {"a": 1, "b": "ä"}}),
    ("[A]\n\n\n  a = 1\nb = 2\n\n\n", {"A": {"a": 1, "b": 2}}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sections"), GOOD)
def test_sections_keys_and_comments(tmp_path, text, sections):
    assert read(ini(tmp_path, text)) == sections


SWALLOWED = (
    "indented, so it belongs to the value of {} before it; expected key = value at the "
    "start of a line"
)
BAD = [
    ("lr = 1\n", ", line 1: lr = 1: expected a [SECTION] first"),
    (b"\x7fELF\x02\x01", ", line 1: \x7fELF\x02\x01: expected a [SECTION] first"),
    ("# x\n\nhello\n", ", line 3: hello: expected a [SECTION] first"),
    ("[A]\n[B]\n[A]\n", ", line 3: a second section [A]"),
    ("[A]\nlr = 1\nLR = 2\n", ", line 3: [A] lr: given twice"),
    ("[A]\nlr = 1\nmomentum 0.9\n", ", line 3: momentum 0.9: expected key = value"),
    ("[A\nlr = 1\n", ", line 1: [A: expected a [SECTION] first"),
    ("[A]\n= 1\n", ", line 2: = 1: expected key = value"),
    ("[A]\nx = \xe4".encode("latin-1"), ", line 2: not text in UTF-8"),
    ("[A]".encode("utf-16"), ", line 1: not text in UTF-8"),
    ("[A]\nx " + "y " * 99, f", line 2: {'x' + ' y' * 28}...: expected key = value"),
    ("[A]\nlr = 1\n  momentum = 2\n", f", line 3: {SWALLOWED.format('lr')}"),
    ("[B]\n x = 1\n[A]\nb =\n\n\tx = 1\n", f", line 6: {SWALLOWED.format('b')}"),
    ("[A]\nl = [1,\n  2]\n  x = 3\n", f", line 4: {SWALLOWED.format('l')}"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_is_no_ini_file_is_one_line(tmp_path, text, message):
    path = ini(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        read(path)
    assert str(error.value) == f"{path}{message}"


def test_all_lines_that_are_none_are_told_at_once(tmp_path):
    path = ini(tmp_path, "[A]\nx\nlr = 1\ny\n")
    with pytest.raises(ConfigError) as error:
        read(path)
    assert str(error.value).splitlines() == [
        f"{path}, line 2: x: expected key = value",
        f"{path}, line 4: y: expected key = value",
    ]


def test_a_missing_file_is_named_as_given_and_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        read("conf.ini")
    assert str(error.value) == f"conf.ini: no such file ({tmp_path}/conf.ini)"


def test_a_folder_is_no_ini_file(tmp_path):
    with pytest.raises(ConfigError) as error:
        read(tmp_path)
    assert str(error.value) == f"{tmp_path}: cannot be read: Is a directory"


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(ConfigError, match=r"config.ini: cannot be read: Permission"):
        read(ini(tmp_path, "[A]"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ini")


@settings(max_examples=300)
@given(text=st.binary() | st.text(st.sampled_from("[]ab=:;# \n\t\r%\v\x85\u2028é")))
def test_any_file_is_read_or_refused_with_a_line_for_each_fault(folder, text):
    path, refusal = ini(folder, text), ""
    try:
        read(path)
    except ConfigError as error:
        refusal = str(error)
    assert all(line.startswith(str(path)) for line in refusal.split("\n") if refusal)


@given(
    st.dictionaries(
        st.text("ABC", min_size=1),
        st.dictionaries(st.text("abc_", min_size=1), st.sampled_from(TYPED)),
    )
)
def test_what_configparser_writes_reads_back(folder, sections):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(
        {
            name: {key: text for key, (text, _) in keys.items()}
            for name, keys in sections.items()
        }
    )
    with (folder / "written.ini").open("w") as file:
        parser.write(file)
    assert read(folder / "written.ini") == {
        name: {key: value for key, (_, value) in keys.items()}
        for name, keys in sections.items()
    }


@pytest.mark.parametrize("text", ["~/runs/x", "$HOME/runs/x", "${HOME}/runs/x"])
def test_a_path_has_its_shell_abbreviations_replaced(tmp_path, monkeypatch, text):
    monkeypatch.setenv("HOME", "/home/me")
    written = f"[A]\ntrain_dir = {text}\naddresses_filepath = {text}\nname = {text}"
    sections = read(ini(tmp_path, written))
    override(sections, [f"A.test_dir={text}"])
    assert sections["A"] == {
        "train_dir": "/home/me/runs/x",
        "addresses_filepath": "/home/me/runs/x",
        "name": text,  # no path, as far as one can tell
        "test_dir": "/home/me/runs/x",
    }


def test_what_is_rendered_reads_back(tmp_path):
    text = "[A]\na = 1\nb = yes\nc = none\nd =\ne = 0.5\nf = x ; y\n[B]\ng = [1,\n 2]\n"
    sections = read(ini(tmp_path, text))
    assert read(ini(tmp_path, render(sections))) == sections
