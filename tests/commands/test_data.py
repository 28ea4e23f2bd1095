"""``decentralizepy data``: what a user is told, and what is on the disk afterwards."""

import hashlib
import os

import pytest

from decentralizepy.commands import data
from decentralizepy.datasets.sources.catalog import CATALOG, Entry
from decentralizepy.datasets.sources.download import Web
from decentralizepy.datasets.stand_in import cifar10
from tests.support.web import tar

STAND_INS = [name for name, entry in CATALOG.items() if entry.stand_in]


def run(capsys, *words):
    """Run the command; return its status and what it wrote on both outputs."""
    status = data.main(list(map(str, words)))
    out, err = capsys.readouterr()
    bars = [line for line in err.splitlines() if "━" not in line]
    return status, out, "".join(f"{line}\n" for line in bars)


@pytest.fixture
def toy(site, monkeypatch):
    """A data set, toy, of the local server; its file may be replaced."""
    folder, url = site
    path = folder / "toy.tar.gz"
    tar(path, ("toy-1/a.txt", b"hello"), ("toy-1/b.txt", b"world"))
    digest = "md5:" + hashlib.md5(path.read_bytes()).hexdigest()
    entry = Entry(
        name="toy",
        dataset="Digits",
        content="",
        classes=1,
        license="",
        source=Web({f"{url}/toy.tar.gz": digest}),
        folder="toy",
        options={"train_dir": "toy", "test_dir": "toy"},
        pick=("toy-1/*",),
        digests={"a.txt": "md5:" + hashlib.md5(b"hello").hexdigest()},
        terms="to be told",
    )
    monkeypatch.setattr(data, "find", {"toy": entry}.__getitem__)
    return path


def test_the_list_names_every_data_set(capsys):
    status, out, _ = run(capsys, "list")
    assert status == 0
    assert all(name in out for name in CATALOG)


def test_a_download_is_fetched_once_and_said_where(toy, tmp_path, capsys):
    told = f"toy: train_dir = {tmp_path}/toy, test_dir = {tmp_path}/toy\n"
    first = run(capsys, "download", "toy", "--dir", tmp_path)
    assert first == (0, "to be told\n" + told, "")
    toy.unlink()
    assert run(capsys, "download", "toy", "--dir", tmp_path) == (0, told, "")
    assert (tmp_path / "toy" / "a.txt").read_text() == "hello"
    assert sorted(os.listdir(tmp_path / "toy")) == ["a.txt", "b.txt"]
    assert os.listdir(tmp_path) == ["toy"]


@pytest.mark.parametrize("break_it", ["other", "gone", "wicked"])
def test_a_failed_download_is_one_line_and_leaves_nothing(
    toy, tmp_path, capsys, break_it, monkeypatch
):
    if break_it == "other":
        tar(toy, ("toy-1/a.txt", b"other"))
    elif break_it == "gone":
        toy.unlink()
    else:
        tar(toy, ("../evil", b"x"))
        monkeypatch.setattr(
            "decentralizepy.datasets.sources.download.digest_of", lambda _, d: d
        )
    status, _, err = run(capsys, "download", "toy", "--dir", tmp_path)
    assert status == 1
    assert err.count("\n") == 1
    word = {"other": "checksum", "gone": "404", "wicked": "lies outside the archive"}
    assert word[break_it] in err
    assert not os.listdir(tmp_path)


def test_without_a_network_it_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers the proxy
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    status, out, err = run(capsys, "download", "cifar10", "--dir", tmp_path)
    assert (status, out) == (1, "")
    assert err == "cannot reach www.cs.toronto.edu: Connection refused\n"
    assert not os.listdir(tmp_path)


def test_a_disk_that_cannot_be_written_is_one_line(toy, tmp_path, capsys):
    (tmp_path / "file").touch()
    status, _, err = run(capsys, "download", "toy", "--dir", tmp_path / "file")
    assert (status, err) == (1, f"{tmp_path}/file: File exists\n")


def test_ctrl_c_leaves_nothing(toy, tmp_path, capsys, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "pick", stop)
    status, _, err = run(capsys, "download", "toy", "--dir", tmp_path)
    told = "stopped by Ctrl-C; incomplete files were removed\n"
    assert (status, err) == (130, told)
    assert not os.listdir(tmp_path)


def test_what_has_no_source_names_the_page(tmp_path, capsys):
    assert run(capsys, "download", "reddit", "--dir", tmp_path) == (
        1,
        "",
        "reddit has no source to download from: see "
        "https://github.com/TalwalkarLab/leaf/tree/master/data/reddit; "
        "--stand-in generates data\n",
    )


def test_what_comes_with_a_library_is_not_downloaded(tmp_path, capsys):
    told = "digits comes with scikit-learn: there is nothing to download\n"
    assert run(capsys, "download", "digits", "--dir", tmp_path) == (0, told, "")


def test_an_unknown_name_is_one_line(capsys):
    status, _, err = run(capsys, "download", "cifar-10")
    assert status == 2
    assert err.startswith("cifar-10: no such data set; did you mean cifar10?; ")


def test_no_stand_in_is_one_line(tmp_path, capsys):
    status, _, err = run(capsys, "download", "amazon", "--stand-in", "--dir", tmp_path)
    assert (status, err) == (
        2,
        f"amazon has no stand-in; these have: {', '.join(STAND_INS)}\n",
    )


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """A folder of all stand-ins; that of CIFAR-10, which takes 10 s, a small one."""
    folder = tmp_path_factory.mktemp("generated")
    cifar10.write(folder / CATALOG["cifar10"].stand_in, train=50, test=10)
    others = [name for name in STAND_INS if name != "cifar10"]
    words = ["download", *others, "--stand-in", "--dir", str(folder)]
    assert data.main(words) == 0
    return folder


@pytest.mark.parametrize("name", STAND_INS)
def test_a_stand_in_is_where_the_catalog_says(generated, capsys, name):
    folders = CATALOG[name].directories(generated).values()
    assert all(map(os.path.isdir, folders))
    status, out, _ = run(capsys, "verify", name, "--dir", generated)
    assert status == 0
    first, *remarks = out.splitlines()
    assert first.endswith(" samples, all read")
    assert len(remarks) == (2 if name == "shakespeare" else 0)


@pytest.mark.parametrize("name", STAND_INS)
def test_real_data_do_not_mix_with_generated_ones(generated, capsys, name):
    status, _, err = run(capsys, "download", name, "--dir", generated)
    target = generated / CATALOG[name].folder
    told = f"{target}: contains generated data: remove or rename it first\n"
    assert (status, err) == (1, told)


def test_damage_is_found(generated, capsys):
    path = min((generated / "femnist" / "train").glob("*.json"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    status, out, err = run(capsys, "verify", "femnist", "--dir", generated)
    path.write_bytes(whole)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"{path}: ")


def test_a_known_checksum_is_compared(toy, tmp_path, capsys):
    run(capsys, "download", "toy", "--dir", tmp_path)
    path = tmp_path / "toy" / "a.txt"
    assert run(capsys, "verify", "toy", "--dir", tmp_path) == (
        0,
        f"{path}: OK\n",
        "",
    )
    path.write_text("HELLO")
    status, _, err = run(capsys, "verify", "toy", "--dir", tmp_path)
    found, expected = (hashlib.md5(word).hexdigest() for word in (b"HELLO", b"hello"))
    told = f"{path}: damaged: its checksum is md5:{found}, expected md5:{expected}\n"
    assert (status, err) == (1, told)
    path.unlink()
    assert run(capsys, "verify", "toy", "--dir", tmp_path)[2] == f"{path}: not found\n"


def test_what_is_not_there_is_no_good(tmp_path, capsys):
    told = (1, "", f"{tmp_path}/femnist: not found\n")
    assert run(capsys, "verify", "femnist", "--dir", tmp_path) == told


def test_bundled_data_are_read(capsys):
    told = (0, "digits: 1,797 samples, all read\n", "")
    assert run(capsys, "verify", "digits") == told


def test_users_who_are_tested_on_what_they_train_on_are_wrong(tmp_path, capsys):
    run(capsys, "download", "femnist", "--stand-in", "--dir", tmp_path)
    train, test = (
        sorted((tmp_path / "femnist" / part).glob("*.json")) for part in PARTS
    )
    test[0].write_bytes(train[0].read_bytes())
    status, out, err = run(capsys, "verify", "femnist", "--dir", tmp_path)
    assert (status, "all read" in out) == (1, True)
    assert "femnist/test: 4 of 64 users are tested on their own training samples" in err


def test_what_a_data_set_remarks_is_described(generated, tmp_path, capsys):
    text = INI.format(generated / "shakespeare").replace("Femnist", "Shakespeare")
    (tmp_path / "a.ini").write_text(text.replace("CNN", "LSTM"))
    output = tmp_path / "labels.png"
    status, out, _ = run(
        capsys, "describe", tmp_path / "a.ini", "--nodes", 2, "-o", output
    )
    assert status == 0
    assert "0.00% of characters" in " ".join(out.split())


PARTS = ("train", "test")
INI = """\
[DATASET]
dataset_package = decentralizepy.datasets.Femnist
dataset_class = Femnist
model_class = CNN
train_dir = {0}/train
test_dir = {0}/test

[OPTIMIZER_PARAMS]
optimizer_package = torch.optim
optimizer_class = SGD
lr = 0.1

[TRAIN_PARAMS]
training_package = decentralizepy.training.Training
training_class = Training
loss_package = torch.nn
loss_class = CrossEntropyLoss

[COMMUNICATION]
comm_package = decentralizepy.communication.IPC
comm_class = IPC

[SHARING]
sharing_package = decentralizepy.sharing.Sharing
sharing_class = Sharing
"""


def test_prepare_makes_the_cache_and_says_where(generated, tmp_path, capsys):
    folder = generated / "femnist"
    (tmp_path / "a.ini").write_text(INI.format(folder))
    status, out, _ = run(capsys, "prepare", tmp_path / "a.ini")
    first, *caches = out.splitlines()
    assert status == 0
    assert first.startswith("Femnist: ready in ")
    places = [f"{folder}/{part}/.decentralizepy: " for part in ("train", "test")]
    assert [line[: len(p)] for line, p in zip(caches, places, strict=True)] == places


def test_a_wrong_file_is_one_line(tmp_path, capsys):
    status, _, err = run(capsys, "prepare", tmp_path / "none.ini")
    assert (status, err.count("\n")) == (2, 1)
    (tmp_path / "a.ini").write_text(INI.format(tmp_path / "none"))
    status, _, err = run(capsys, "prepare", tmp_path / "a.ini")
    assert status == 2
    assert all("no such folder" in line for line in err.splitlines())
