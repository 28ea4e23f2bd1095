"""Breaks when the entries that changed most are not those sent, or others are touched."""

import json
from collections import deque

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.sharing.PartialModel import PartialModel
from tests.support.rings import Vector, deliver, make, run, vectors

PEER = {"degree": 1, "iteration": 0}  # with one peer of degree 1, all weights are 1/2


def pair(first=(0, 0, 0, 0), second=(4, 4, 4, 4), **options):
    return make(PartialModel, [Vector(first), Vector(second)], **options)


def train(node, values):
    with torch.no_grad():
        node.model.w.copy_(torch.tensor(values, dtype=torch.float32))


def end_round(node, params=None):
    """Average with a peer's whole model, or with nobody."""
    message = {**PEER, "params": np.array(params, np.float32)}
    node._averaging({} if params is None else {1: deque([message])})


def test_a_round_by_hand():
    """Values travel, not changes; only what was sent moves the receiver."""
    sender, receiver = pair(alpha=0.5)
    train(sender, [1, -3, 2, 0])
    message = sender.get_data_to_send()
    assert message["indices"].dtype == np.int32
    assert message["params"].dtype == np.float32
    assert (message["indices"].tolist(), message["params"].tolist()) == (
        [1, 2],
        [-3, 2],
    )
    extra = {key: message[key] for key in ("alpha", "send_partial", "degree")}
    assert extra == {"alpha": 0.5, "send_partial": True, "degree": 1}
    receiver._averaging({0: deque([deliver(message)])})
    assert receiver.model.w.tolist() == [4, 0.5, 3, 4]
    assert sender.model.shared_parameters_counter.tolist() == [0, 1, 1, 0]
    assert sender.model.shared_parameters_counter.dtype == torch.int32


def test_the_change_counts_from_the_last_average():
    """Without accumulation what was not sent is forgotten."""
    node, _ = pair(alpha=0.25)
    train(node, [1, -3, 2, 0])
    node.get_data_to_send()
    end_round(node)
    train(node, [1, -3, 2, 0.5])
    assert node.get_data_to_send()["indices"].tolist() == [3]


def test_accumulation_of_training_by_hand():
    """What was not sent is sent later, the largest first; what was sent starts anew."""
    node, _ = pair(alpha=0.25, accumulation=True)
    train(node, [1, -3, 2, 0])
    sent = []
    for _ in range(3):
        sent += node.get_data_to_send()["indices"].tolist()
        end_round(node, [9, -3, 2, 0])  # what averaging moves does not count
    assert sent == [1, 2, 0]
    assert node.model.accumulated_changes.tolist() == [0, 0, 0, 0]


def test_accumulation_of_averaging_by_hand():
    """The movement of a whole round counts, after what was sent has been reset."""
    node, _ = pair(alpha=0.25, accumulation=True, accumulate_averaging_changes=True)
    train(node, [1, -3, 2, 0])
    assert node.get_data_to_send()["indices"].tolist() == [1]
    assert node.accumulated.tolist() == [0, 0, 0, 0]
    end_round(node, [1, 1, 2, 0])
    assert node.model.w.tolist() == [1, -1, 2, 0]
    assert node.accumulated.tolist() == [1, -1, 2, 0]
    train(node, [1.5, -1, 2, 0])
    message = node.get_data_to_send()
    assert node.model.model_change.tolist() == [1.5, -1, 2, 0]
    assert (message["indices"].tolist(), message["params"].tolist()) == ([2], [2])
    assert node.accumulated.tolist() == [1, -1, 0, 0]
    end_round(node)
    assert node.accumulated.tolist() == [1.5, -1, 0, 0]


def test_from_the_cap_on_the_whole_model_is_sent():
    """And nothing is left to accumulate; full rounds are not counted."""
    sender, receiver = pair(alpha=0.5, metadata_cap=0.5, accumulation=True)
    train(sender, [1, -3, 2, 0])
    message = sender.get_data_to_send()
    assert message.keys() == {"params", "degree", "iteration"}
    assert message["params"].tolist() == [1, -3, 2, 0]
    assert sender.accumulated.tolist() == [0, 0, 0, 0]
    assert sender.model.shared_parameters_counter.tolist() == [0, 0, 0, 0]
    receiver._averaging({0: deque([message])})
    assert receiver.model.w.tolist() == [2.5, 0.5, 3, 2]


def test_k_is_rounded_half_to_even_and_ties_go_to_the_front():
    node, _ = pair(alpha=0.625)  # 2.5 entries
    train(node, [1, -1, 1, -1])
    assert node.get_data_to_send()["indices"].tolist() == [0, 1]


def test_nothing_chosen_moves_nothing():
    sender, receiver = pair(alpha=0.1)
    message = sender.get_data_to_send()
    assert message["params"].shape == message["indices"].shape == (0,)
    receiver._averaging({0: deque([deliver(message)])})
    assert receiver.model.w.tolist() == [4, 4, 4, 4]


@settings(deadline=None)
@given(
    st.lists(st.floats(-9, 9, width=32), min_size=1, max_size=40),
    st.floats(0.01, 1),
)
def test_no_entry_left_out_changed_more_than_one_sent(change, alpha):
    node, _ = make(PartialModel, [Vector([0.0] * len(change))] * 2, alpha=alpha)
    chosen = node.choose(torch.tensor(change)).tolist()
    assert chosen == sorted(set(chosen))
    assert len(chosen) == round(alpha * len(change))
    sizes = np.abs(np.float32(change))
    left_out = np.delete(sizes, chosen)
    assert not chosen or left_out.max(initial=0) <= sizes[chosen].min()


def test_deserialized_model_has_ones_own_for_what_is_missing():
    """Foreign code calls it."""
    sender, receiver = pair(first=(1, 2, 3, 4), alpha=0.5)
    train(sender, [1, 7, 3, 8])
    model = receiver.deserialized_model(sender.get_data_to_send())
    assert {name: tensor.tolist() for name, tensor in model.items()} == {
        "w": [4, 7, 4, 8]
    }
    assert receiver.model.w.tolist() == [4, 4, 4, 4]


def test_a_subclass_with_its_own_messages_is_averaged_by_them():
    """Scripts written for the public system override this pair of methods."""

    class Doubled(PartialModel):
        def serialized_model(self):
            return {"twice": 2 * self.flat.vector().numpy()}

        def deserialized_model(self, m):
            return {"w": torch.from_numpy(m["twice"].copy()) / 2}

    nodes = make(Doubled, [Vector([1, 2, 3, 4]), Vector([3, 2, 1, 0])], alpha=0.5)
    run(nodes)
    assert vectors(nodes).tolist() == [[2, 2, 2, 2]] * 2


def test_a_server_lacks_what_its_workers_did_not_send():
    """The mean of its workers' values, its own where they sent none."""
    server, first, second = make(
        PartialModel, [Vector([1, 1, 1, 1]) for _ in range(3)], alpha=0.5
    )
    train(first, [5, 5, 1, 1])
    train(second, [1, 7, 7, 1])
    server._pre_step()
    sent = {node.uid: deque([node.get_data_to_send()]) for node in (first, second)}
    server._averaging_server(sent)
    assert server.model.w.tolist() == [3, 6, 4, 1]


def test_a_model_loaded_from_elsewhere_is_what_changes_count_from():
    """A federated client loads the server's model and ends the round by itself."""
    node, _ = pair(alpha=0.25)
    train(node, [9, 0, 0, 0])
    node._post_step()
    train(node, [9, 1, 0, 0])
    assert node.get_data_to_send()["indices"].tolist() == [1]


@pytest.mark.parametrize(
    ("indices", "params", "said"),
    [
        ([0, 4], [1, 2], "not ascending within 0 to 3"),
        ([-1, 2], [1, 2], "not ascending within 0 to 3"),
        ([2, 2], [1, 2], "not ascending within 0 to 3"),
        ([2, 1], [1, 2], "not ascending within 0 to 3"),
        ([1, 2], [1], r"\(1,\) values .* for 2 entries"),
        ([[1], [2]], [1, 2], "shape"),
        ([0.5, 1.0], [1, 2], "indices of float64"),
        ("x", [1], "indices of <U1"),
        (None, [1, 2], "indices of object"),
    ],
)
def test_indices_that_make_no_sense_are_named(indices, params, said):
    """Else a peer could write outside the model, or count twice."""
    node, _ = pair()
    message = {
        **PEER,
        "indices": np.array(indices),
        "params": np.array(params, np.float32),
    }
    with pytest.raises(PeerError, match=f"uid 1 sent a model of round 0 .*{said}"):
        node._averaging({1: deque([message])})


@pytest.mark.parametrize("kind", [np.float64, np.uint8, np.complex64])
def test_values_of_another_type_are_named(kind):
    """As a peer with another INI file sends them."""
    node, _ = pair()
    with pytest.raises(PeerError, match="values of"):
        node._averaging({1: deque([{**PEER, "params": np.ones(4, kind)}])})


def test_shared_entries_are_written(tmp_path):
    """Scripts that plot them read these keys; ranks from 2 on write nothing."""
    nodes = make(
        PartialModel,
        [Vector([0, 0, 0, 0]) for _ in range(3)],
        alpha=0.5,
        save_shared=True,
    )
    for node in nodes:
        node.log_dir = str(tmp_path)
        train(node, [0, 1, 0, 2])
    run(nodes, 2)
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert written == [
        f"shared_params/{rank}/{round}_shared_params.json"
        for rank in (0, 1)
        for round in (1, 2)
    ]
    assert json.loads((tmp_path / written[0]).read_text()) == {
        "order": ["w"],
        "shapes": {"w": [4]},
        "0": [1, 3],
    }
    assert "1" in json.loads((tmp_path / written[1]).read_text())


def test_scores_are_written(tmp_path):
    node, _ = pair(alpha=0.5, save_accumulated=True, accumulation=True)
    node.log_dir = str(tmp_path)
    train(node, [1, -3, 2, 0])
    for _ in range(2):
        node.get_data_to_send()
        end_round(node)
    read = [
        json.loads((tmp_path / "model_change" / "0" / f"{round}.json").read_text())
        for round in (1, 2)
    ]
    assert read[0] == {"order": ["w"], "shapes": {"w": [4]}, "tensor": [1, -3, 2, 0]}
    assert read[1]["tensor"] == [1, 0, 0, 0]


def test_nothing_is_written_unless_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(pair(alpha=0.5))
    assert not list(tmp_path.iterdir())


def test_a_change_transformer_makes_the_scores():
    node, _ = pair(
        alpha=0.25, change_transformer=lambda change: change * torch.arange(4)
    )
    train(node, [9, 3, 0, 2])
    assert node.get_data_to_send()["indices"].tolist() == [3]  # 0, 3, 0, 6


def test_dict_ordered_is_checked_before_any_process_starts():
    for attempt in (PartialModel.prepare, pair):
        with pytest.raises(ConfigError, match=r"\[SHARING\] dict_ordered = false"):
            attempt(dict_ordered=False)


def test_options_keep_their_places():
    """Subclasses pass them by position."""
    parts = make(PartialModel, [Vector([0] * 4)] * 2)[0]
    place = (0, 0, None, parts.mapping, parts.graph, Vector([0] * 4), None, ".")
    node = PartialModel(*place, 0.3, True, True, 0.8, True, "x", abs, True)
    assert (node.alpha, node.save_shared, node.metadata_cap) == (0.3, True, 0.8)
    assert (node.accumulation, node.save_accumulated) == (True, True)
    assert node.change_transformer is abs
    assert node.accumulate_averaging_changes
