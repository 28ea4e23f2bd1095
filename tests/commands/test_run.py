"""Breaks when the help of ``run`` does not show how it is used."""

import pytest

from decentralizepy.commands import run


def test_the_help_has_an_example_and_every_flag(capsys):
    with pytest.raises(SystemExit) as end:
        run.main(["-h"])
    assert end.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith("usage: decentralizepy run FILE.ini [FLAGS]\n")
    assert "decentralizepy run config.ini -ps 16" in told
    assert "--checkpoint_every" in told
