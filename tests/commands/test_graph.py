"""The graph command: every kind in both formats, and its complaints."""

import pytest

from decentralizepy.commands.graph import describe, main
from decentralizepy.graphs import FullyConnected, Graph, Regular, Ring, SmallWorld, Star
from decentralizepy.graphs.spectrum import second_eigenvalue

KINDS = {
    "Regular -d 3 -s 1": Regular(16, 3, seed=1),
    "FullyConnected": FullyConnected(16),
    "Ring": Ring(16),
    "SmallWorld -k 2 -b 0.1 -s 1": SmallWorld(16, 2, 0.1, seed=1),
    "Star": Star(16),
}


@pytest.mark.parametrize("flags", KINDS)
@pytest.mark.parametrize("form", ["edges", "adjacency"])
def test_every_kind_in_both_formats(tmp_path, capsys, flags, form):
    file = tmp_path / "g"
    adjacency = ["-a"] if form == "adjacency" else []
    assert main(["-g", *flags.split(), "-n", "16", "-f", str(file), *adjacency]) == 0
    graph = Graph()
    graph.read_graph_from_file(file, form)
    assert graph.adj_list == KINDS[flags].adj_list
    out, err = capsys.readouterr()
    assert out.startswith(f"{file}: 16 nodes, ")
    assert len(out.splitlines()) == 1
    assert not err


def test_long_flags(tmp_path):
    file = tmp_path / "g"
    command = "--graph SmallWorld --nodes 9 --seed 4 --kover2 2 --beta 0.5 --adjacency"
    assert main([*command.split(), "--file", str(file)]) == 0
    graph = Graph()
    graph.read_graph_from_file(file, "adjacency")
    assert graph.adj_list == SmallWorld(9, 2, 0.5, seed=4).adj_list
    command = "--graph Regular --nodes 8 --degree 3 --file"
    assert main([*command.split(), str(file)]) == 0


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("-n 4 -f {}", "-g/--graph"),
        ("-g Ring -f {}", "-n/--nodes"),
        ("-g Ring -n 4", "-f/--file"),
        ("-g ring -n 4 -f {}", "'Ring'"),
        ("-g Ring -n four -f {}", "'four'"),
        ("-g Ring -n 0 -f {}", "at least 1 node"),
        ("-g Regular -n 4 -f {}", "graph Regular needs -d/--degree"),
        ("-g Regular -n 5 -d 3 -f {}", "even number from 0 to 4"),
        ("-g SmallWorld -n 4 -k 1 -f {}", "graph SmallWorld needs -b/--beta"),
        ("-g Ring -n 4 -x -f {}", "-x"),
        ("-g Ring -n 4 -f {}/none/g", "cannot be written"),
    ],
)
def test_errors_are_one_line_and_status_2(tmp_path, capsys, command, expected):
    assert main([word.format(tmp_path / "g") for word in command.split()]) == 2
    out, err = capsys.readouterr()
    assert expected in err
    assert len(err.splitlines()) == 1
    assert not out
    assert list(tmp_path.iterdir()) == []


def test_help_names_the_command(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["-h"], prog="decentralizepy graph")
    assert caught.value.code == 0
    assert "usage: decentralizepy graph" in capsys.readouterr().out


class TestDescribe:
    def test_a_whole_line(self):
        assert describe(Ring(4)) == (
            "4 nodes, 4 edges, degree 2, connected,"
            " second eigenvalue 0.3333 (spectral gap 0.6667)"
        )

    def test_one_node_has_no_second_eigenvalue(self):
        assert describe(Ring(1)) == "1 nodes, 0 edges, degree 0, connected"

    def test_islands_never_mix(self):
        graph = Graph(4)
        graph.add_edges([(0, 1), (2, 3)])
        assert "not connected" in describe(graph)
        assert second_eigenvalue(graph) == pytest.approx(1)

    def test_no_spectrum_of_a_large_graph(self):
        assert "eigenvalue" not in describe(Ring(1001))

    def test_second_eigenvalue_by_hand(self):
        """All of a complete graph average to the mean in one round."""
        assert second_eigenvalue(FullyConnected(5)) == pytest.approx(0, abs=1e-12)
        assert second_eigenvalue(Star(4)) == pytest.approx(3 / 4)
