"""Breaks when the page of a report has an error, or shows what is not in the results."""

import pytest

from decentralizepy.commands import report
from decentralizepy.results.methods import find_runs, read_methods
from tests.support import browser
from tests.support.result_files import results, write

NASTY = "<script>fail(1)</script>&'\""


def make(folder, accuracy=40.0, alpha=0.1, **more):
    for rank in (0, 1):
        row = results(accuracy=accuracy + rank, sketch={"2": [float(rank)]}, **more)
        write(folder / f"{rank}_results.json", row)
    content = {
        "configuration": {"SHARING": {"sharing_class": "Sharing", "alpha": alpha}},
        "flags": {"iterations": 3, "machine_id": int(folder.name == "machine1")},
        "seeds": {"DATASET.random_seed": 1},
        "started": "2026-11-25T10:00:00+00:00",
        "ended": "2026-11-25T10:01:05+00:00",
        "outcome": "done",
        "machine": {"cpu": NASTY},
        "digests": {},
        "files": {},
        "packages": {"numpy": "2"},
        "code": {"decentralizepy": {"commit": None, "dirty": None}, "plug-ins": {}},
    }
    write(folder / "manifest.json", content)


def test_a_page_reads_back_what_the_results_say(tmp_path):
    """The run on two machines, with names and values that are no HTML; node 1 failed."""
    home = tmp_path / NASTY.replace("/", "")
    for machine in ("machine0", "machine1"):
        make(home / machine, 40.0 if machine == "machine0" else 60.0)
    churn = {"down": {"2": True}, "lost_messages": {"1": 2, "3": 1}}
    write(home / "machine0/0_results.json", results(**churn))
    write(home / "machine1/1_results.json", results(rounds=1, tested=()))
    (home / "machine1/1.log").write_text(f"[now][rounds][ERROR] {NASTY}\n")
    page = tmp_path / "page.html"
    assert report.main([str(home), "-o", str(page)]) == 0
    shown = browser.opened(page, "x=bytes&metric=test_acc&band=nodes")
    assert shown.errors == []
    (method,), _ = read_methods([home])
    mean = method.spread("test_acc")["mean"][2]
    assert float(shown.table("curves-table")[1][1]) == pytest.approx(mean, rel=1e-4)
    values = {row[0]: row[1:] for row in shown.table("provenance")}
    assert values["machine0: machine cpu"] == [NASTY]
    assert ["SHARING", "alpha", "0.1"] in shown.table("configuration")
    assert ["machine0/0", "1", "3"] in shown.table("churn-table")
    figure = shown.dom.partition('id="churn-figure"')[2].partition('id="churn-title"')[
        0
    ]
    assert "nodes up" in figure
    assert "messages lost" in figure
    assert "end after round 1 of 3: node machine1/1" in shown.dom
    assert "<script>fail" not in page.read_text()


def test_results_alone_are_shown_without_a_graph(tmp_path):
    """As those of the public DecentralizePy, which leaves no manifest."""
    write(tmp_path / "run/machine0/0_results.json", results())
    (found,) = find_runs([tmp_path / "run"])
    shown, failed = report.of_run(found)
    log_dir = tmp_path / "run/machine0"
    assert shown["graph"] == {"remarks": [f"Not known: {log_dir} has no args.json"]}
    assert failed == shown["configuration"] == shown["provenance"] == []


def test_machines_of_different_runs_are_not_joined(tmp_path, capsys):
    make(tmp_path / "run/machine0")
    make(tmp_path / "run/machine1", alpha=0.2)
    assert report.main([str(tmp_path / "run"), "-o", str(tmp_path / "x.html")]) == 2
    assert capsys.readouterr().err == (
        "report: run: machine0 and machine1 are not of one run: [SHARING] alpha is 0.1 "
        "and 0.2\n"
    )
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize("damaged", ["manifest.json", "0_results.json", "no results"])
def test_a_broken_or_empty_folder_is_one_line(tmp_path, capsys, damaged):
    folder = tmp_path / "run"
    make(folder)
    if damaged == "no results":
        folder = tmp_path / "empty"
        folder.mkdir()
    else:
        (folder / damaged).write_text("{")
    assert report.main([str(folder), "-o", str(tmp_path / "x.html")]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert (damaged if "." in damaged else "no results here") in said
