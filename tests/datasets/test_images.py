"""ImageDataset: each partition with each validation set, and what a user gets wrong."""

import os
import subprocess
import sys
import textwrap
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch.utils.data import random_split

from decentralizepy.datasets.images import PARTITIONS, ImageDataset
from decentralizepy.datasets.pixels import Images
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.mappings.Linear import Linear

TRAIN, TEST = 60, 20


class Tiny(ImageDataset):
    """Images of one pixel, whose value is their place and gives their label."""

    num_classes = 3
    highest = 2

    @staticmethod
    def read(directory, train):
        if directory == "empty":
            return np.zeros((0, 1, 1, 1), np.uint8), np.zeros(0, np.int64)
        places = np.arange(TRAIN if train else TEST)
        return places.astype(np.uint8).reshape(-1, 1, 1, 1), places % 3


class Bundled(Tiny):
    bundled = True


def tiny(rank=0, nodes=4, cls=Tiny, **options):
    options = {"train_dir": "there", "test_dir": "there", **options}
    return cls(rank, 0, Linear(1, nodes), **options)


def places(batches):
    """Return the places of all images; pixels 0 to 2 became -1 to 1."""
    pixels = torch.cat([x for x, _ in batches]).flatten() + 1
    return pixels.int().tolist()


def of_all_nodes(**options):
    return [places(tiny(rank, **options).get_trainset()) for rank in range(4)]


def test_one_image_and_a_batch():
    pixels = np.arange(2 * 2 * 4 * 3, dtype=np.uint8).reshape(2, 2, 4, 3)
    images = Images(pixels, np.array([4, 5]), highest=255)
    x, y = images[1]
    assert x.shape == (3, 2, 4)
    assert int(y) == 5
    batch, labels = images[0:2]
    assert batch.shape == (2, 3, 2, 4)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert labels.tolist() == [4, 5]
    assert torch.equal(batch[1], x)
    assert torch.equal(images[np.array([1, 0])][0][0], x)


def test_pixels_become_minus_one_to_one_as_torchvision_makes_them():
    """ToTensor divides by 255; Normalize takes .5 off and divides by .5."""
    pixels = np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)
    x, _ = Images(pixels, np.zeros(256, np.int64), highest=255)[:]
    expected = (torch.arange(256) / 255 - 0.5) / 0.5
    torch.testing.assert_close(x.flatten(), expected, rtol=0, atol=2e-7)
    assert (x.min(), x.max()) == (-1, 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "index", [5, slice(2, 6), np.array([7, 0, 7]), np.array([[1], [2]]), [3, 4]]
)
def test_images_scaled_in_advance_are_read_with_the_same_bits(
    monkeypatch, index, channels
):
    """Which sets are small enough must not show in a run's numbers."""
    pixels = np.arange(9 * 4 * 7 * channels, dtype=np.uint8).reshape(9, 4, 7, channels)
    in_advance = Images(pixels, np.arange(9), highest=16)
    monkeypatch.setattr("decentralizepy.datasets.pixels.SMALL", 0)
    batch_by_batch = Images(pixels, np.arange(9), highest=16)
    (x, y), (expected, labels) = in_advance[index], batch_by_batch[index]
    assert torch.equal(x, expected)
    assert x.stride() == expected.stride()  # which decides on the kernels
    assert torch.equal(y, labels)


def test_nodes_of_a_process_scale_their_images_once():
    pixels, labels = np.zeros((9, 4, 7, 1), np.uint8), np.arange(9)
    first = Images(pixels, labels, highest=16)
    assert Images(pixels, labels, highest=16)._scaled is first._scaled
    assert Images(pixels.copy(), labels, 16)._scaled is not first._scaled


def test_reading_a_batch_leaves_the_images_as_they_are():
    """All nodes of a machine share them."""
    images = Images(np.full((2, 1, 1, 1), 9, np.uint8), np.zeros(2, np.int64), 255)
    before = images[0:2][0].clone()
    for index in (slice(0, 2), np.array([0]), 0):
        images[index][0].zero_()
    assert images.pixels.unique().tolist() == [9]
    assert torch.equal(images[0:2][0], before)


def test_simple_is_the_default():
    assert of_all_nodes()[1] == list(range(15, 30))


@pytest.mark.parametrize("source", ["", "Train", "Test"])
@pytest.mark.parametrize("kind", [*PARTITIONS, True, False, "", None])
def test_every_partition_goes_with_every_validation_set(kind, source):
    """Upstream could not divide by Dirichlet what a validation set was taken from."""
    options = {"partition_niid": kind, "shards": 2, "random_seed": 5}
    if source:
        options |= {"validation_source": source, "validation_size": 0.25}
    parts = of_all_nodes(**options)
    node = tiny(**options)
    assert node.__validating__ is bool(source)
    held = set(places(node.get_validationset())) if source else set()
    held_from_train = held if source == "Train" else set()
    held_from_test = held if source == "Test" else set()
    assert sorted(chain(*parts)) == sorted(set(range(TRAIN)) - held_from_train)
    assert sorted(places(node.get_testset())) == sorted(
        set(range(TEST)) - held_from_test
    )
    assert len(held) == {"": 0, "Train": 15, "Test": 5}[source]


@pytest.mark.parametrize(
    ("alias", "kind"), [(False, "iid"), ("", "iid"), (None, "iid"), (True, "kshard")]
)
def test_truth_values_name_a_partition(alias, kind):
    assert of_all_nodes(partition_niid=alias) == of_all_nodes(partition_niid=kind)


def test_k_shards_are_cut_from_the_data_sorted_by_label():
    parts = of_all_nodes(partition_niid="kshard", shards=1)
    assert len({place % 3 for place in parts[0]}) <= 2, "a run of 15 of 20 alike"


def test_quantity_parts_are_drawn_with_alpha():
    def lengths(alpha):
        return list(map(len, of_all_nodes(partition_niid="quantity", alpha=alpha)))

    assert sum(lengths(0.05)) == TRAIN
    assert max(lengths(0.05)) > 2 * TRAIN / 4
    assert max(lengths(1e6)) - min(lengths(1e6)) <= 1


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_each_node_has_as_many_classes_as_were_asked_for(classes):
    for part in of_all_nodes(partition_niid="classes", classes=classes):
        assert len({place % 3 for place in part}) == classes


def test_labels_go_with_their_images():
    for x, y in tiny(partition_niid="kshard", validation_source="").get_trainset(4):
        assert torch.equal((x.flatten() + 1).long() % 3, y)


def test_the_label_distribution_is_that_of_the_part():
    assert tiny(2, partition_niid="simple").get_label_distribution() == [5, 5, 5]


@given(
    st.sampled_from(["Train", "Test"]),
    st.floats(0.02, 0.9),
    st.integers(0, 2**31),
)
def test_the_validation_set_is_that_of_torch_random_split(source, size, seed):
    options = {"validation_source": source, "validation_size": size}
    node = tiny(nodes=1, random_seed=seed, **options)
    everything = range(TRAIN if source == "Train" else TEST)
    generator = torch.Generator().manual_seed(seed)
    validation, rest = random_split(everything, [size, 1 - size], generator)
    assert places(node.get_validationset()) == list(validation)
    left = node.get_trainset() if source == "Train" else node.get_testset()
    assert places(left) == list(rest)


def test_all_nodes_validate_on_the_same_images():
    options = {"validation_source": "Train", "validation_size": 0.1}
    sets = [places(tiny(rank, **options).get_validationset()) for rank in range(4)]
    assert sets == [sets[0]] * 4


def test_a_folder_that_is_not_named_is_not_used():
    """A federated client has no test folder, a server none to train on."""
    client = tiny(test_dir="", validation_source="Test", validation_size=0.5)
    assert client.__training__
    assert not client.__testing__
    assert not client.__validating__, "its source is not there"
    server = tiny(-1, train_dir="", validation_source="Test", validation_size=0.5)
    assert not server.__training__
    assert len(server.get_testset().dataset) == 10
    assert len(server.get_validationset().dataset) == 10


def test_a_service_has_no_part():
    """Upstream gave it the last node's."""
    service = tiny(-1)
    assert not service.__training__
    with pytest.raises(RuntimeError, match="node -1 has no training set"):
        service.get_trainset()


def test_a_bundled_set_needs_no_folder():
    node = tiny(cls=Bundled, train_dir="", test_dir="")
    assert node.__training__
    assert node.__testing__
    assert len(node.get_trainset().dataset) == 15


def test_only_local_divides_among_the_nodes_of_a_machine():
    mapping = Linear(2, 2, current_machine=1)
    node = Tiny(1, 1, mapping, only_local=True, train_dir="there")
    assert places(node.get_trainset()) == list(range(30, 60))


def test_sizes_are_followed():
    parts = of_all_nodes(sizes="[0.5, 0.25, 0.15, 0.1]")
    assert list(map(len, parts)) == [30, 15, 9, 6]


def test_an_empty_part_names_its_node():
    with pytest.raises(DataError, match="node 2 gets none of the 60 training samples"):
        tiny(2, sizes="[0.5, 0.5, 0, 0]")
    with pytest.raises(DataError, match="60 training samples are too few for 61 nodes"):
        tiny(nodes=61)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"partition_niid": "dirichlett"},
            r"partition_niid = dirichlett: .* classes; did you mean dirichlet\?",
        ),
        ({"partition_niid": "dirichlet", "alpha": 0}, "alpha = 0: expected more"),
        ({"partition_niid": "quantity", "alpha": -1}, "alpha = -1: expected more"),
        (
            {"partition_niid": "quantity", "alpha": float("inf")},
            "alpha = inf: expected more than 0, and finite",
        ),
        ({"shards": 0}, "shards = 0: expected at least 1"),
        (
            {"partition_niid": "classes", "classes": 4},
            r"\[DATASET\] classes = 4: expected 1 to 3",
        ),
        ({"partition_niid": "classes", "classes": 0}, "classes = 0: expected 1 to 3"),
        (
            {"feature_skew": "rotate"},
            r"feature_skew = rotate: .* rotation, colour; did you mean rotation\?",
        ),
        (
            {"validation_source": "train", "validation_size": 0.1},
            r"validation_source = train: .* Train, Test; did you mean Train\?",
        ),
        (
            {"validation_source": "Test", "validation_size": 1.5},
            "validation_size = 1.5: expected a fraction",
        ),
        ({"sizes": "[2]"}, "sizes"),
        ({"test_batch_size": -1}, "test_batch_size = -1"),
        ({"train_dir": "empty"}, "empty: no images in it"),
        ({"test_dir": "empty"}, "empty: no images in it"),
    ],
)
def test_what_a_user_gets_wrong_is_found_before_and_in_a_node(options, message):
    options = {"train_dir": "there", "test_dir": "there", **options}
    with pytest.raises(ConfigError, match=message) as of_node:
        tiny(**options)
    with pytest.raises(ConfigError, match=message):
        Tiny.prepare(**options)
    assert "\n" not in str(of_node.value)


def test_a_validation_set_that_leaves_nothing_is_refused():
    with pytest.raises(DataError, match=r"none of the 20 images .* are left"):
        tiny(validation_source="Test", validation_size=0.99)


def test_prepare_accepts_the_sizes_of_many_nodes():
    Tiny.prepare(train_dir="there", sizes="[0, 0.5, 0.5]", partition_niid="dirichlet")


def test_prepare_starts_no_thread():
    """A pool of threads does not live through a fork: the nodes would hang."""
    script = """
        import os
        import numpy as np
        import torch
        from decentralizepy.datasets.images import ImageDataset

        class Large(ImageDataset):
            @staticmethod
            def read(directory, train):
                labels = np.arange(200_000) % 10
                return np.zeros((200_000, 1, 1, 1), np.uint8), labels

        torch.set_num_threads(2)
        before = os.listdir("/proc/self/task")
        Large.prepare(train_dir="a", test_dir="b", partition_niid="kshard",
                      validation_source="Train", validation_size=0.1)
        assert os.listdir("/proc/self/task") == before
    """
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("threads are counted in /proc")
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)
