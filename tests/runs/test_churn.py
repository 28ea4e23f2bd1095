"""Breaks when a class that cannot run under churn is not refused, or one that can is."""

import re
from argparse import Namespace

import pytest

from decentralizepy import factory
from decentralizepy.config import text
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.ADPSGD import ADPSGD
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.EpidemicLearning import EL_Local_Timeout
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.FinalMerge import FinalMerge
from decentralizepy.node.KNN import KNN
from decentralizepy.runs.chosen import Chosen
from decentralizepy.runs.churn import churn_fits
from tests.support import ROOT
from tests.support.pages import script

NODES, LOSS = {"rate": 0.5}, {"loss": 0.1}


class OwnRound(DPSGDNode):
    def round(self):
        """Do nothing."""


def found(name, section, node=DPSGDNode):
    sharing = factory.load(f"decentralizepy.sharing.{name}", name)
    args = Namespace(iterations=3)
    chosen = Chosen(args, {"CHURN": section}, sharing, Ring(4), node, None)
    return [str(problem) for problem in churn_fits(chosen)]


@pytest.mark.parametrize(
    ("name", "section", "told"),
    [
        ("Choco", NODES, "rate = 0.5: Choco needs all nodes in every round: every nei"),
        ("Choco", LOSS, "loss = 0.1: Choco needs all messages in every round: every n"),
        ("SignError", NODES, "rate = 0.5: SignError needs all nodes"),
        ("PowerGossip", LOSS, "loss = 0.1: PowerGossip needs all messages in every ro"),
        (
            "D2",
            NODES,
            "rate = 0.5: D2 needs all nodes in every round: its corrections",
        ),
        ("D2", {"leave": 1, "leave_round": 2}, "leave = 1: D2 needs all nodes"),
        ("D2", LOSS, ""),
        ("QuasiGlobal", {**NODES, **LOSS}, ""),
        ("RelaySum", {**NODES, **LOSS}, ""),
        ("Choco", {"rate": 1.0, "loss": 0.0}, ""),
        ("Sharing", {"join": 4, "join_round": 1}, "join = 4: there is no node 4"),
    ],
)
def test_sharing_classes_say_what_they_need(name, section, told):
    problems = found(name, section)
    assert len(problems) == bool(told)
    assert all(told in line and line.startswith("[CHURN]") for line in problems)


@pytest.mark.parametrize("node", [DPSGDNode, DPSGDNodeFederated, EL_Local, KNN])
def test_nodes_in_rounds_may_go_down(node):
    assert found("Sharing", NODES, node) == []


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (EL_Local_Timeout.EL_Local, "EL_Local: does not run with [CHURN]: its nodes"),
        (ADPSGD, "ADPSGD: does not run with [CHURN]: its nodes do not wait for each"),
        (FinalMerge, "FinalMerge: does not run with [CHURN]: it has its own round"),
        (OwnRound, "OwnRound: does not run with [CHURN]: it has its own round"),
    ],
)
def test_nodes_without_common_rounds_may_not(node, told):
    (problem,) = found("Sharing", NODES, node)
    assert f"[NODE] node_class = {told}" in problem


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("rate", 0, "expected a number greater than 0"),
        ("mean_up", 0.5, "expected a number greater than or equal to 1"),
        ("loss", 1, "expected a number less than 1"),
        ("join", "[1, -2]", "expected a whole number or a valid list"),
        ("rte", 0.5, "not an option of CHURN; did you mean rate?"),
    ],
)
def test_a_value_out_of_range_is_told_with_its_key(key, value, told):
    problems = [str(each) for each in text._section("CHURN", {key: value}, ())]
    assert any(f"{key}" in line and told in line for line in problems), problems


def test_a_list_of_nodes_is_read():
    section = {"join": "[1, 2]", "join_round": 3, "mean_up": 2, "mean_down": 2}
    assert not [*text._section("CHURN", section, ())]


def test_the_documented_refusals_are_those_of_the_classes():
    lines = (ROOT / "docs" / "churn.rst").read_text().split("   * - ")
    refused = {
        name
        for row in lines
        if "\n     - refused" in row
        for name in re.findall(r"``(\w+)``", row.split("     - ")[0])
    }
    kinds = [owner for _, owner in script("option_table").plugins("SHARING")]
    assert refused == {kind.__name__ for kind in kinds if kind.needs}
