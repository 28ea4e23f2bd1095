"""Breaks when keys can be read by others, are replaced, or do not belong together."""

import json
import os
import stat

import pytest
import zmq

from decentralizepy import cli
from decentralizepy.communication import keys as key_files


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_key_of_mac_is_random_and_its_owners_alone(tmp_path, capsys):
    paths = [tmp_path / "one.key", tmp_path / "two.key"]
    for path in paths:
        assert cli.main(["keys", "--mac", str(path)]) == 0
        assert mode(path) == 0o600
    one, two = (key_files.read_mac(path) for path in paths)
    assert len(one) == len(two) == 32
    assert one != two
    assert f"key_file = {paths[1]}" in capsys.readouterr().out


def test_pairs_of_curve_are_made_for_nodes_and_services(tmp_path, capsys):
    folder = tmp_path / "new" / "keys"
    assert cli.main(["keys", str(folder), "--nodes", "3", "--services", "1"]) == 0
    public = json.loads((folder / "public.json").read_text())
    assert list(public) == ["-1", "0", "1", "2"]
    assert len(set(public.values())) == 4
    for uid, key in public.items():
        path = folder / f"{uid}.secret"
        assert mode(path) == 0o600
        assert zmq.curve_public(path.read_bytes().strip()) == key.encode()
        assert key_files.read_curve(folder, int(uid), key.encode())
    assert "security = curve" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected either --mac FILE or DIR --nodes N"),
        (["keys"], "expected either --mac FILE or DIR --nodes N"),
        (["keys", "--nodes", "2", "--mac", "file"], "expected either"),
        (["keys", "--nodes", "0"], "--nodes is at least 1"),
        (["keys", "--nodes", "2", "--services", "-1"], "--services at least 0"),
        (["keys", "--nodes", "two"], "invalid int value: 'two'"),
        ([f"{__file__}/keys", "--nodes", "2"], "test_keys.py/keys: Not a directory"),
        (["--mac", "no/such/folder/mac.key"], "mac.key: No such file or directory"),
    ],
)
def test_bad_flags_are_one_line(tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["keys", *flags]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert message in said[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flags", [["--mac", "mac.key"], [".", "--nodes", "2"]])
def test_no_key_is_ever_replaced(tmp_path, monkeypatch, capsys, flags):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["keys", *flags]) == 0
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert cli.main(["keys", *flags]) == 2
    assert "already exists; keys are never replaced" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}
