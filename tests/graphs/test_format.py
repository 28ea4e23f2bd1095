"""The reader and writer of graph files, and what they say of bad ones."""

import os

import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.errors import GraphError
from decentralizepy.graphs import format


def complaint(data, form="edges"):
    with pytest.raises(GraphError) as caught:
        format.parse(data, form, "g")
    return str(caught.value)


class TestAccepted:
    @pytest.mark.parametrize(
        "data",
        [
            b"3\n0 1\n1 2\n",
            b"3\n0 1\n1 0\n1 2\n2 1\n",
            b"3\n0 1\n1 2",
            b"3\n0 1\n\n1 2\n\n \n",
            b"\xef\xbb\xbf3\r\n0 1\r\n1 2\r\n",
            b"3\r0\t1\r 1  2 ",
        ],
    )
    def test_edges(self, data):
        assert format.parse(data, "edges", "g") == [{1}, {0, 2}, {1}]

    @pytest.mark.parametrize(
        "data",
        [
            b"4\n1\n0 2\n1\n\n",
            b"4\r\n1\r\n2 0 0\r\n1\r\n\r\n",
            b"\xef\xbb\xbf4\n1\n0 2\n1\n\n\n \n",
        ],
    )
    def test_adjacency(self, data):
        assert format.parse(data, "adjacency", "g") == [{1}, {0, 2}, {1}, set()]


class TestRefused:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"", "g: the file is empty: line 1 must be the number of nodes"),
            (b" \n\n", "g: the file is empty: line 1 must be the number of nodes"),
            (b"\n3\n", "g, line 1: expected the number of nodes alone, not ''"),
            (b"0 1\n", "g, line 1: expected the number of nodes alone, not '0 1'"),
            (b"three\n", "g, line 1: 'three' is not a number"),
            (b"0\n", "g, line 1: 0 nodes: a graph has 1 to 1000000 nodes"),
            (b"-3\n", "g, line 1: -3 nodes: a graph has 1 to 1000000 nodes"),
            (b"1000001", "g, line 1: 1000001 nodes: a graph has 1 to 1000000 nodes"),
            (b"3\n0 1\n0 x\n", "g, line 3: 'x' is not a number"),
            (b"3\n0 1.0\n", "g, line 2: '1.0' is not a number"),
            ("3\n0 \u0661\n".encode(), "g, line 2: '\u0661' is not a number"),
            (
                b"3\n0 1\n0 3\n",
                "g, line 3: there is no node 3: line 1 says 3 nodes, 0 to 2",
            ),
            (
                b"3\n-1 0\n",
                "g, line 2: there is no node -1: line 1 says 3 nodes, 0 to 2",
            ),
            (b"3\n0\n", "g, line 2: expected an edge, two node numbers, not '0'"),
            (
                b"3\n0 1 2\n",
                "g, line 2: expected an edge, two node numbers, not '0 1 2'",
            ),
            (b"3\n0 1\n\xff\xfe\n", "g, line 3: not UTF-8 text"),
        ],
    )
    def test_edges(self, data, expected):
        assert complaint(data) == expected

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (
                b"3\n1\n0\n",
                "g, line 3: the file ends after 2 of 3 rows: each node has a row,"
                " an empty one if it has no neighbor",
            ),
            (b"2\n1\n0\n\n0\n", "g, line 5: a row too many: line 1 says 2 nodes"),
            (
                b"2\n1\n0 2\n",
                "g, line 3: there is no node 2: line 1 says 2 nodes, 0 to 1",
            ),
            (
                b"3\n1 2\n0\n\n",
                "g: not symmetric: line 2 has 2 but line 4 lacks 0; `decentralizepy"
                " graph --symmetrize g -a -f NEW` adds what is lacking",
            ),
        ],
    )
    def test_adjacency(self, data, expected):
        assert complaint(data, "adjacency") == expected

    def test_rows_of_a_ring_are_not_taken_for_edges(self):
        """Read as edges, they are another graph: the even nodes and the odd ones apart."""
        rows = b"6\n1 5\n0 2\n1 3\n2 4\n3 5\n0 4\n"
        assert complaint(rows) == (
            "g: these are the rows of an adjacency file, not edges: read it with"
            " --graph_type adjacency"
        )
        assert format.parse(rows, "adjacency", "g")[0] == {1, 5}

    @pytest.mark.parametrize(
        "edges",
        [
            b"3\n1 2\n0 2\n0 1\n",  # the same triangle either way
            b"4\n0 1\n1 2\n2 3\n3 0\n",
            b"4\n0 2\n1 3\n2 0\n3 1\n",
            b"2\n0 1\n1 0\n",
        ],
    )
    def test_as_many_edges_as_nodes_are_edges(self, edges):
        assert format.parse(edges, "edges", "g")

    def test_no_more_than_ten_one_way_edges_are_listed(self):
        row = " ".join(map(str, range(1, 13))).encode()
        text = complaint(b"13\n" + row + b"\n" * 13, "adjacency")
        assert text.count("lacks") == 10
        assert " and 2 more; " in text

    def test_an_unknown_format_names_the_nearest(self):
        assert "did you mean adjacency?" in complaint(b"1\n", "adjacent")
        with pytest.raises(GraphError, match=r"did you mean edges\?"):
            format.render([set()], "edge")

    def test_a_long_word_is_cut(self):
        assert len(complaint(b"9" * 100_000)) < 100


DIGITS = st.sampled_from([b"0", b"1", b"2", b" ", b"\n"])
PIECES = DIGITS | st.sampled_from(
    [
        b"-",
        b"\t",
        b"\r",
        b"x",
        b"\xff",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xd9\xa3",
        b"9" * 5000,
    ]
)
ANY_BYTES = (
    st.binary()
    | st.lists(PIECES).map(b"".join)
    | st.lists(DIGITS).map(lambda pieces: b"3\n" + b"".join(pieces))
)


@settings(max_examples=500)
@given(ANY_BYTES, st.sampled_from(format.FORMATS))
def test_any_bytes_are_a_sound_graph_or_one_line(data, form):
    """A file of garbage must not end in a traceback or a graph that hangs a run."""
    try:
        adjacency = format.parse(data, form, "g")
    except GraphError as error:
        adjacency, message = [], str(error)
    else:
        message = "one line"
    assert len(message.splitlines()) == 1
    for u, neighbors in enumerate(adjacency):
        assert u not in neighbors
        assert all(u in adjacency[v] for v in neighbors)


class TestPlaces:
    @pytest.mark.parametrize("name", ["none", "folder", "nul\0"])
    def test_what_cannot_be_read(self, tmp_path, name):
        (tmp_path / "folder").mkdir()
        with pytest.raises(GraphError, match="cannot be read"):
            format.read(tmp_path / name, "edges")

    @pytest.mark.parametrize("name", ["none/g", "folder", "nul\0"])
    def test_what_cannot_be_written(self, tmp_path, name):
        (tmp_path / "folder").mkdir()
        with pytest.raises(GraphError, match="cannot be written"):
            format.write("1\n", tmp_path / name)

    def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(
        self, tmp_path, monkeypatch
    ):
        def fail(*_):
            raise OSError(28, "No space left on device")

        file = tmp_path / "g"
        file.write_text("old")
        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(GraphError, match=r"g: .* No space left on device"):
            format.write("new", file)
        assert [path.name for path in tmp_path.iterdir()] == ["g"]
        assert file.read_text() == "old"

    def test_a_link_stays_a_link(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "g")
        format.write("1\n", tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "g").read_text() == "1\n"

    def test_a_pipe_stays_a_pipe(self, tmp_path):
        """So does a device: root could replace the null device by a file."""
        os.mkfifo(tmp_path / "pipe")
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        try:
            format.write("1\n", tmp_path / "pipe")
            assert (tmp_path / "pipe").is_fifo()
            assert os.read(reader, 10) == b"1\n"
        finally:
            os.close(reader)
