"""Breaks when nodes with lazy modules start from different weights, or from none."""

import pytest
import torch

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.mappings.Linear import Linear
from decentralizepy.models.lazy import materialize
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from tests.support.toy import Lazy, Points

pytestmark = pytest.mark.filterwarnings("ignore:Lazy modules")
STILL = {"lr": 0.0}


def test_nodes_and_server_start_from_the_same_weights(run_nodes):
    server = {
        "service_class": FederatedParameterServer,
        "service_options": (str(run_nodes.folder), 20, 10, 1, 1.0),
    }
    model = {"model_class": "Lazy"}
    for options in ({}, {"node_class": DPSGDNodeFederated, **server}):
        nodes = run_nodes(
            FullyConnected(3),
            rounds=1,
            DATASET=model,
            OPTIMIZER_PARAMS=STILL,
            **options
        )
        first, *others = (node.model.fc.weight for node in nodes.values())
        assert first.shape == (2, 4)
        assert len(others) == 2 + bool(options)
        assert all(torch.equal(first, each) for each in others)


def test_the_sample_draws_no_other_number():
    dataset, model = Points(0, 0, Linear(1, 2)), torch.nn.Sequential(Lazy())
    order = dataset.generator.get_state()
    torch.manual_seed(1)
    model.append(torch.nn.Dropout(0.5))
    materialize(model, dataset)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    torch.nn.Linear(4, 2)
    assert drawn == torch.rand(1)
    assert torch.equal(dataset.generator.get_state(), order)
    assert model.training


class Texts(Points):
    def get_trainset(self, batch_size=1, shuffle=False):
        return [{"labels": torch.zeros(1)}]


def test_a_sample_that_is_a_dict_is_refused():
    with pytest.raises(ConfigError, match="lazy modules get their shapes from"):
        materialize(Lazy(), Texts(0, 0, Linear(1, 2)))
    known = torch.nn.Linear(4, 2)
    materialize(known, Texts(0, 0, Linear(1, 2)))
