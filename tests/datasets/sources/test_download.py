"""What is fetched is whole, is what was published, and stays in its folder."""

import hashlib
import os
import tarfile
import zipfile

import pytest

from decentralizepy.datasets.sources.download import (
    Release,
    Web,
    digest_of,
    extract,
    fetch,
    fetch_release,
    fresh,
    gather,
    pick,
)
from decentralizepy.errors import DataError
from tests.support.web import tar

CONTENT = b"0123456789" * 20_000
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


def test_a_file_arrives_whole(site, tmp_path):
    folder, url = site
    (folder / "a.bin").write_bytes(CONTENT)
    fetch(f"{url}/a.bin", tmp_path / "a.bin", MD5)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_digest_is_the_library_s(tmp_path, algorithm):
    (tmp_path / "a").write_bytes(CONTENT)
    expected = f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}"
    assert digest_of(tmp_path / "a", f"{algorithm}:00") == expected


def test_another_checksum_is_told(site, tmp_path):
    folder, url = site
    (folder / "a.bin").write_bytes(b"another file")
    with pytest.raises(DataError) as error:
        fetch(f"{url}/a.bin", tmp_path / "a.bin", MD5)
    found = hashlib.md5(b"another file").hexdigest()
    assert str(error.value) == f"{url}/a.bin: checksum md5:{found}, expected {MD5}"


def test_a_connection_that_ends_early_is_told(site, tmp_path):
    folder, url = site
    (folder / "short.bin").write_bytes(CONTENT)
    with pytest.raises(DataError) as error:
        fetch(f"{url}/short.bin", tmp_path / "a.bin")
    told = f"{url}/short.bin: ended after 200000 of 400000 bytes; try again"
    assert str(error.value) == told


def test_a_page_that_is_not_there_is_told(site, tmp_path):
    _, url = site
    host = url.removeprefix("http://")
    with pytest.raises(DataError) as error:
        fetch(f"{url}/none", tmp_path / "a.bin")
    assert str(error.value) == f"{url}/none: {host} returned 404 File not found"


def test_a_host_that_refuses_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("urllib.request._opener", None)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DataError) as error:
        fetch("http://127.0.0.1:9/a", tmp_path / "a")
    assert str(error.value) == "cannot reach 127.0.0.1:9: Connection refused"


def test_archives_are_unpacked_and_what_is_wanted_is_found(site, tmp_path):
    folder, url = site
    tar(folder / "inner.tar.gz", ("deep/text.txt", b"hello"))
    inner = (folder / "inner.tar.gz").read_bytes()
    tar(folder / "outer.tar.gz", ("box/inner.tar.gz", inner), ("box/other", b""))
    gather(Web({f"{url}/outer.tar.gz": ""}), tmp_path)
    (found,) = pick(tmp_path, "box/*.tar.gz", "**/text.txt")
    assert found.read_bytes() == b"hello"


def test_what_a_publisher_took_out_is_told(tmp_path):
    with pytest.raises(DataError, match=r"^no \*\.csv in the download: "):
        pick(tmp_path, "*.csv")


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("member", "told"),
    [
        (("../evil", b"x"), "member ../evil lies outside the archive"),
        (("/evil", b"x"), "member /evil lies outside the archive"),
        (("a/../../evil", b"x"), "member a/../../evil lies outside the archive"),
        (link("a", "/etc"), "member a is not a regular file"),
        (link("a", "../b", tarfile.LNKTYPE), "member a is not a regular file"),
    ],
)
def test_a_tar_file_that_leads_elsewhere_is_refused(tmp_path, member, told):
    inside = tmp_path / "inside"
    inside.mkdir()
    tar(tmp_path / "a.tar.gz", ("good", b"x"), member)
    with pytest.raises(DataError) as error:
        extract(tmp_path / "a.tar.gz", inside)
    assert str(error.value) == f"a.tar.gz: {told}"
    assert sorted(os.listdir(tmp_path)) == ["a.tar.gz", "inside"]
    assert not os.listdir(inside)


def test_a_zip_file_that_leads_elsewhere_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good", "x")
        archive.writestr("../evil", "x")
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(DataError) as error:
        extract(tmp_path / "a.zip", inside)
    assert str(error.value) == "a.zip: member ../evil lies outside the archive"
    assert not os.listdir(inside)


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip"])
@pytest.mark.parametrize("end", [0, 40, -600])
def test_a_damaged_archive_is_told(tmp_path, name, end):
    path, inside = tmp_path / name, tmp_path / "inside"
    inside.mkdir()
    if name == "a.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", os.urandom(1000))
    else:
        tar(path, ("a", os.urandom(1000)))
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(DataError, match=f"^{name}: damaged: "):
        extract(path, inside)


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "data" / "set"
    with pytest.raises(FileExistsError), fresh(target) as new:
        new.mkdir()
    assert not os.listdir(target.parent)
    with fresh(target) as new:
        (new / "a").touch()
        (new.parent / "of use on the way").touch()
        assert not target.exists()
    assert os.listdir(target.parent) == ["set"]
    assert os.listdir(target) == ["a"]


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An index with one package, toyset 1.0, and the checksum of its wheel."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    path = wheels / "toyset-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        about = "toyset-1.0.dist-info"
        wheel.writestr("toyset/data.txt", "hello")
        wheel.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: toyset\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_package_comes_from_the_index_that_pip_is_told(index, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    gather(Release("toyset", "1.0", index), folder)
    assert pick(folder, "toyset/data.txt")[0].read_text() == "hello"


@pytest.mark.parametrize(
    ("version", "digest", "told"),
    [
        ("1.0", "0" * 64, "the checksum does not match the known file"),
        ("2.0", "0" * 64, "pip: No matching distribution found for toyset==2.0"),
    ],
)
def test_another_package_is_told(index, tmp_path, version, digest, told):
    folder = tmp_path / "new"
    folder.mkdir()
    with pytest.raises(DataError) as error:
        fetch_release(Release("toyset", version, digest), folder)
    assert str(error.value) == f"toyset=={version}: {told}"


def test_an_index_that_cannot_be_reached_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(DataError) as error:
        fetch_release(Release("toyset", "1.0", "0" * 64), tmp_path)
    assert str(error.value) == "toyset==1.0: cannot reach pip's package index"
