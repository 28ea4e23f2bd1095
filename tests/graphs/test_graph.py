"""Graph: its edges, its files, its weights."""

import logging
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, strategies as st

from decentralizepy.errors import GraphError
from decentralizepy.graphs import Graph, Ring, Star


def make(n, *edges):
    graph = Graph(n)
    graph.add_edges(edges)
    return graph


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 12))
    node = st.integers(0, n - 1)
    return make(n, *draw(st.lists(st.tuples(node, node))))


class TestEdges:
    def test_a_new_graph_has_no_edges(self):
        graph = Graph(3)
        assert graph.n_procs == 3
        assert graph.adj_list == [set(), set(), set()]
        assert graph.get_all_nodes() == [0, 1, 2]

    def test_without_a_size_it_is_empty_and_not_broken(self):
        assert Graph().n_procs == 0
        assert Graph().adj_list == []

    @pytest.mark.parametrize("n", [0, -1])
    def test_a_size_below_one_is_refused(self, n):
        with pytest.raises(GraphError, match="at least 1 node"):
            Graph(n)

    def test_edges_have_no_direction_and_no_loop(self):
        graph = make(4, (0, 1), (1, 2), (2, 1), (3, 3))
        assert graph.adj_list == [{1}, {0, 2}, {1}, set()]
        assert [graph.degree(uid) for uid in range(4)] == [1, 2, 1, 0]

    def test_neighbors_is_the_live_set(self):
        """Foreign code adds peers to the set that it was given."""
        graph = make(2, (0, 1))
        assert graph.neighbors(0) is graph.adj_list[0]

    @pytest.mark.parametrize("uid", [-1, 2])
    def test_a_uid_out_of_range_does_not_wrap_around(self, uid):
        with pytest.raises(GraphError, match="2 nodes"):
            make(2, (0, 1)).neighbors(uid)

    def test_connect_graph_adds_the_ring(self):
        graph = make(4, (0, 2))
        graph.connect_graph()
        assert graph.adj_list == [{1, 2, 3}, {0, 2}, {0, 1, 3}, {0, 2}]

    def test_components(self):
        graph = make(5, (3, 1), (1, 4), (0, 2))
        assert graph.components() == [[1, 3, 4], [0, 2]]
        assert not graph.is_connected()
        graph.add_edges([(0, 1)])
        assert graph.is_connected()


class TestNetworkx:
    @given(graphs())
    def test_there_and_back(self, graph):
        assert Graph.from_networkx(graph.to_networkx()).adj_list == graph.adj_list

    def test_number_labels_are_kept_in_any_order(self):
        assert Graph.from_networkx(nx.Graph([(2, 0), (0, 1)])).adj_list == [
            {1, 2},
            {0},
            {0},
        ]

    def test_other_labels_are_numbered(self):
        directed = nx.DiGraph([("b", "a"), ("a", "c"), ("c", "c")])
        assert Graph.from_networkx(directed).adj_list == [{1}, {0, 2}, {1}]

    @pytest.mark.processes
    def test_import_is_cheap(self):
        """Each command of the package would pay for networkx."""
        code = (
            "import sys, decentralizepy.graphs;"
            "sys.exit(bool({'networkx', 'numpy', 'torch'} & set(sys.modules)))"
        )
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0


class TestFile:
    @pytest.mark.parametrize("form", ["edges", "adjacency"])
    @given(graph=graphs())
    def test_round_trip(self, tmp_path_factory, form, graph):
        file = tmp_path_factory.mktemp("graph") / "g"
        graph.write_graph_to_file(file, form)
        again = Graph()
        assert again.read_graph_from_file(file, form) == graph.n_procs
        assert again.n_procs == graph.n_procs
        assert again.adj_list == graph.adj_list

    def test_text_of_both_formats(self, tmp_path):
        graph = make(4, (0, 1), (1, 2))
        graph.write_graph_to_file(tmp_path / "e")
        graph.write_graph_to_file(str(tmp_path / "a"), "adjacency")
        assert (tmp_path / "e").read_bytes() == b"4\n0 1\n1 0\n1 2\n2 1\n"
        assert (tmp_path / "a").read_bytes() == b"4\n1\n0 2\n1\n\n"

    def test_force_connect_adds_the_ring(self, tmp_path):
        (tmp_path / "g").write_text("4\n0 2\n")
        graph = Graph()
        graph.read_graph_from_file(tmp_path / "g", force_connect=True)
        assert graph.adj_list == [{1, 2, 3}, {0, 2}, {0, 1, 3}, {0, 2}]

    def test_islands_are_read_without_complaint(self, tmp_path):
        (tmp_path / "g").write_text("4\n0 1\n2 3\n")
        graph = Graph()
        assert graph.read_graph_from_file(tmp_path / "g", "edges") == 4
        assert graph.components() == [[0, 1], [2, 3]]

    def test_a_bad_file_changes_nothing(self, tmp_path):
        (tmp_path / "g").write_text("2\n0 5\n")
        graph = Ring(3)
        with pytest.raises(GraphError):
            graph.read_graph_from_file(tmp_path / "g")
        assert graph.adj_list == Ring(3).adj_list

    def test_a_self_loop_is_warned_of(self, tmp_path, caplog):
        (tmp_path / "g").write_text("2\n0 1\n1 1\n")
        graph = Graph()
        with caplog.at_level(logging.WARNING):
            graph.read_graph_from_file(tmp_path / "g")
        assert graph.adj_list == [{1}, {0}]
        assert "line 3: self-loop removed" in caplog.text

    def test_a_graph_without_nodes_is_not_written(self, tmp_path):
        """The reader would refuse the file."""
        with pytest.raises(GraphError, match="no nodes"):
            Graph().write_graph_to_file(tmp_path / "g")
        assert list(tmp_path.iterdir()) == []


class TestWeights:
    def test_mixing_matrix_of_a_path(self):
        third, half = 1 / 3, 1 / 2
        np.testing.assert_allclose(
            make(3, (0, 1), (1, 2)).mixing_matrix(),
            [[2 * third, third, 0], [third, third, third], [0, third, 2 * third]],
        )
        np.testing.assert_allclose(
            make(2, (0, 1)).mixing_matrix(), np.full((2, 2), half)
        )

    @given(graphs())
    def test_mixing_matrix_keeps_the_mean(self, graph):
        """Symmetric, rows of sum 1, nothing negative; zero off the edges."""
        weights = graph.mixing_matrix()
        np.testing.assert_array_equal(weights, weights.T)
        np.testing.assert_allclose(weights.sum(axis=1), 1)
        assert (weights >= 0).all()
        for uid in graph.get_all_nodes():
            assert set(np.flatnonzero(weights[uid])) == graph.neighbors(uid) | {uid}

    def test_centr_of_a_star(self):
        """The center lies on every path: betweenness 1; the leaves have 0."""
        center, leaf = 1 / 1.01, 1 / 0.01
        row = np.array([center, leaf, leaf, leaf]) / (center + 3 * leaf)
        np.testing.assert_allclose(Star(4).centr(), [row] * 4)
