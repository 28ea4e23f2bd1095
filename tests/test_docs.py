"""Breaks when an example in docs/ does not run, or a page is wrong."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from decentralizepy.communication._wire import encode
from decentralizepy.config import ini
from decentralizepy.config.checks import check
from decentralizepy.config.text import KINDS
from decentralizepy.datasets.Digits import CNN, MLP
from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear
from decentralizepy.sharing.Sharing import Sharing
from tests.support import LIMIT_S, ROOT
from tests.support.rings import Vector, exchange, make, vectors
from tests.support.toy import CONFIG

PAGES = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.rst")}
BLOCK = re.compile(
    r"^\.\. code-block:: \w+\n   :caption: (\S+)\n\n((?:    .*\n|\n)+)", re.MULTILINE
)
NODES, ROUNDS = 4, 20
PARAMETERS = MLP().count_params()


def blocks(page):
    """Return the code blocks of a page that have a caption, by caption."""
    return {name: textwrap.dedent(text) for name, text in BLOCK.findall(PAGES[page])}


@pytest.fixture
def results(tmp_path):
    """Return a function that runs an example as its page says, and returns its results."""

    def results(name):
        for ending in ("py", "ini"):
            file = f"{name}.{ending}"
            (tmp_path / file).write_text(blocks("extending")[file])
        command = f"decentralizepy run {name}.ini"
        assert f"\n    {command}\n" in PAGES["extending"]
        done = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stderr
        folder = tmp_path / "runs" / name
        assert_told(folder)
        files = [folder / f"{rank}_results.json" for rank in range(NODES)]
        return [json.loads(file.read_text()) for file in files]

    return results


def assert_told(folder):
    """Assert that the page on results names every file of a run."""
    pictures_and_copies = {".png", ".ini"}
    for path in folder.iterdir():
        if path.is_file() and path.suffix not in pictures_and_copies:
            name = re.sub(r"^\d+", "<rank>", path.name)
            name = re.sub(r"^.turn\d+$", ".turn<n>", name)
            assert f"``{name}``" in PAGES["results"], path
    names = {path.name for path in (folder / "weights").iterdir()}
    assert names == {f"{ROUNDS - 1}_weight_{uid}.pt" for uid in range(NODES)}


@pytest.mark.processes
def test_half_sends_two_bytes_a_number(results):
    sent = 2 * PARAMETERS * 2 * ROUNDS  # to two neighbors of the ring
    for node in results("half"):
        assert node["total_data_per_n"][str(ROUNDS)] == sent
        assert node["test_acc"][str(ROUNDS)] > 50


@pytest.mark.processes
def test_gossip_meets_half_of_the_neighbors(results):
    models = [
        node["total_data_per_n"][str(ROUNDS)] / (4 * PARAMETERS)
        for node in results("gossip")
    ]
    assert all(count == int(count) for count in models)
    assert sum(models) % 2 == 0  # both ends of an edge meet, or neither does
    assert 0.25 < sum(models) / (2 * NODES * ROUNDS) < 0.75


@pytest.mark.processes
@pytest.mark.slow
def test_circle_is_learned(results):
    for node in results("circle"):
        losses = node["train_loss"]
        assert losses[str(ROUNDS)] < losses["1"]
        assert node["test_acc"][str(ROUNDS)] > 80  # 61.5 % are in class 1


def namespace(name):
    """Return what a module of the page on extending defines."""
    names = {}
    exec(blocks("extending")[f"{name}.py"], names)
    return names


def test_chords_join_nodes_a_step_apart():
    graph = namespace("chords")["Chords"](10, step=4)
    assert graph.neighbors(0) == {1, 9, 4, 6}


def test_the_proximal_term_counts_in_training_alone():
    model = torch.nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    parts = (0, 0, None, model, optimizer, torch.nn.MSELoss(), ".")
    training = namespace("proximal")["Proximal"](*parts, mu=0.5)
    model.weight.data.fill_(2.0)
    training.start = [torch.tensor([[4.0]])]
    x = torch.tensor([[1.0]])
    assert training.batch_loss(x, x)[0] == 1 + 0.25 * 4  # (2 - 1)^2 + mu/2 (2 - 4)^2
    training.train(Three())
    assert training.batch_loss(x, x)[0] == 1


def test_the_codec_halves_the_bytes():
    codec = namespace("half_codec")["HalfCodec"]()
    values = np.array([1.0, -0.5, 3.0], np.float32)
    encoded = codec.compress_float(values)
    assert encoded.nbytes == 6
    assert codec.decompress_float(encoded).tolist() == values.tolist()


def test_strides_grow_by_one_in_each_round():
    graph = namespace("strides")["Strides"](9, longest=2)
    assert [graph.at(number).neighbors(0) for number in (0, 1, 2)] == [
        {1, 8},
        {2, 7},
        {1, 8},
    ]


def test_a_slow_copy_and_a_duel_by_hand():
    """Two nodes at 0 and 1; of 0, 1 and 9, the farthest from 0 is left out."""
    slow = namespace("slow")["Slow"]
    nodes = make(slow, [Vector([0.0]), Vector([1.0])], pull_back=0.5)
    exchange(nodes)
    assert [node.slow.item() for node in nodes] == pytest.approx([0.5, 0.5])
    for node in nodes:
        node.model.w.data += 1.0  # to 1.5; then 0.9 * 0.5 + 0.1 * 1.5, and half of both
    exchange(nodes)
    assert vectors(nodes).ravel() == pytest.approx([1.05, 1.05])
    duel = namespace("duel")
    (near,) = make(duel["Near"], [Vector([0.0])], byzantine=1)
    models = torch.tensor([[0.0], [9.0], [1.0]])
    assert near.aggregate(models, torch.ones(3) / 3).item() == 0.5
    mirror = duel["Mirror"](0, 90, far=2.0)
    assert mirror.forge(models[2], models[:2], 0).item() == 2.5


@pytest.mark.parametrize(
    "name", ["chords", "proximal", "half_codec", "strides", "slow", "duel"]
)
def test_the_lines_of_an_example_are_options_of_its_class(name, tmp_path, monkeypatch):
    texts = blocks("extending")
    (tmp_path / f"{name}.py").write_text(texts[f"{name}.py"])
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "run.ini").write_text(texts[f"{name}.ini"])
    section = ini.read(str(tmp_path / "run.ini"))
    wire = {"comm_package": "decentralizepy.communication.IPC", "comm_class": "IPC"}
    sharing = {
        "sharing_package": "decentralizepy.sharing.Sharing",
        "sharing_class": "Sharing",
    }
    whole = {**CONFIG, "COMMUNICATION": wire, "SHARING": sharing, **section}
    check(whole, "run.ini")


def test_every_example_is_tested():
    examples = ("half", "gossip", "circle", "chords", "proximal", "half_codec")
    examples += ("strides", "slow", "duel")
    assert set(blocks("extending")) == {
        f"{name}.{ending}" for name in examples for ending in ("py", "ini")
    }


def test_the_header_is_that_of_the_first_message():
    sharing = Sharing(0, 0, None, Linear(1, 16), Ring(16), CNN(), None, ".")
    message = sharing.get_data_to_send(degree=4) | {"CHANNEL": "DPSGD"}
    header, params = encode(message)
    shown = re.findall(
        r"^(?:[0-9a-f]{2} )*[0-9a-f]{2}", blocks("structure")["header"], re.M
    )
    assert bytes.fromhex(" ".join(shown)) == header
    for told in (
        f"{len(header)} bytes",
        f"{params.size} numbers",
        f"{params.nbytes} bytes",
    ):
        assert told in PAGES["structure"]


def test_the_sections_are_those_that_are_checked():
    rows = re.findall(
        r"   \* - ``(\w+)``.*\n     - ``(\w+)``\n     - ``(.*)``",
        PAGES["configuration"],
    )
    assert {name: (prefix, words) for name, prefix, words in rows} == KINDS


def test_every_file_of_eval_has_a_line():
    text = (ROOT / "eval/README.rst").read_text()
    told = re.findall(r"^``(\S+)`` ", text, re.MULTILINE)
    ignored = {"README.rst", "data", "__pycache__"}
    there = {path.name for path in (ROOT / "eval").iterdir()} - ignored
    assert sorted(told) == sorted(there)


def test_the_drawing_of_the_structure_is_up_to_date():
    path = ROOT / "docs/draw_structure.py"
    spec = importlib.util.spec_from_file_location("draw_structure", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PICTURE.read_text() == script.svg(), f"run python {path}"


class Three:
    """Three samples, in batches of one."""

    def get_trainset(self, batch_size, shuffle):
        return [(torch.tensor([[x]]), torch.tensor([[0.0]])) for x in (1.0, 2.0, 3.0)]


def test_batch_means_trains_and_measures_as_the_public_system_does():
    names = {}
    exec(blocks("coming_from_decentralizepy")["batch_means.py"], names)
    model = torch.nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    parts = (0, 0, None, model, optimizer, torch.nn.MSELoss(), ".")
    training = names["BatchMeans"](*parts, rounds=2, batch_size=1)
    seen = []
    training.trainstep = lambda x, y: seen.append(x.item())
    training.train(Three())
    training.train(Three())
    assert seen == [1, 2, 1, 2]  # each round begins with the first batch
    training.rounds = 4
    training.train(Three())
    assert seen[4:] == [1, 2, 3, 1]
    model.weight.data.fill_(1.0)
    assert training.eval_loss(Three()) == pytest.approx((1 + 4 + 9) / 3)


def test_the_tests_that_the_page_on_faults_names_are_there():
    files = [path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py")]
    text = "\n".join((ROOT / path).read_text() for path in files)
    names = {path.name for path in files}
    told = re.findall(r"``(test_\w+(?:\.py)?)``", PAGES["reliability"])
    assert len(told) > 50
    missing = [n for n in told if f"def {n}(" not in text and n not in names]
    assert missing == []


def test_each_step_of_the_walks_names_a_function_of_its_file():
    steps = re.findall(r"``([\w/]+\.py)``,\s+``(\w+)``", PAGES["structure"])
    assert len(steps) >= 24
    for path, name in steps:
        text = (ROOT / "decentralizepy" / path).read_text()
        assert re.search(rf"^ *def {name}\(", text, re.MULTILINE), f"{path}: {name}"


def test_walks_have_eight_steps_at_most():
    walks = re.findall(r"(?:^#\. .*\n(?:   .*\n)*)+", PAGES["structure"], re.MULTILINE)
    assert [walk.count("#. ") for walk in walks] == [8, 8, 8]


def test_the_files_to_open_are_there():
    table = PAGES["structure"].partition("Which file to open")[2]
    table = table.partition("Random streams")[0]
    paths = re.findall(r"``([\w/]+(?:\.py|/))``", table)
    assert len(paths) > 15
    assert [p for p in paths if not (ROOT / "decentralizepy" / p).exists()] == []


def test_every_picture_is_in_the_gallery_with_its_command():
    shown = re.findall(
        r"^\.\. image:: (\S+)\n.*\n\n::\n\n    \S", PAGES["gallery"], re.M
    )
    there = [p.name for p in (ROOT / "docs").iterdir() if p.suffix in (".png", ".svg")]
    assert sorted(shown) == sorted(there)
