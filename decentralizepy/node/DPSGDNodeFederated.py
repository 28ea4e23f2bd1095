"""The client of federated averaging, which trains when the server asks it to."""

from collections.abc import Iterator
from typing import Any

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.message import Message, label_of
from decentralizepy.models.flat import tensors
from decentralizepy.node.checkpoint import Checkpointer
from decentralizepy.node.LiveNode import LiveNode
from decentralizepy.node.Node import Section
from decentralizepy.node.scripts import alias


class ClientCheckpointer(Checkpointer):
    """A client's checkpoints: one after each round that it takes part in."""

    @property
    def kept(self) -> int:
        """Enough to reach back to the server's last checkpoint, and the one before."""
        return 2 * self.every + 1

    def resume(self) -> None:
        """Do nothing yet: the round is only known from the first request."""

    def catch_up(self, iteration: int) -> None:
        """Resume from the client's last round before ``iteration``."""
        self.files.forget_after(iteration if self.node.first_round else 0)
        newest = max(self.files.rounds(), default=0)
        self.node.results.forget_after(iteration)
        took_part: int = self.node.results.done
        if newest < took_part:
            raise ConfigError(
                f"uid {self.node.uid} cannot resume in round {iteration + 1}: its newest "
                f"checkpoint is of round {newest}, but it took part in round {took_part}"
            )
        if newest:
            self.go_back_to(newest)

    def write_if_due(self, number: int) -> None:
        """Write a checkpoint after every round: the next request may come much later."""
        if self.every:
            self.write(number)


class DPSGDNodeFederated(LiveNode):
    """Train the server's model, and return the message of the sharing class.

    McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized
    Data, AISTATS 2017, algorithm 1. Arguments as for
    :class:`~decentralizepy.node.LiveNode.LiveNode`; the last one is the server's uid, -1
    by default. Only the server evaluates.

    With ``[NODE] client_weights = samples`` (default ``equal``), a client also sends its
    number of samples, by which the server weights it in the mean.
    """

    keywords = ("parameter_server_uid",)
    parameter_server_uid = alias("service_uid")
    server_driven = True
    client_weights = "equal"
    checkpointer_class = ClientCheckpointer
    checkpointer: ClientCheckpointer
    _answer: Any = None

    def init_dataset_model(self, dataset_configs: Section) -> None:
        super().init_dataset_model({**dataset_configs, "test_dir": ""})

    def init_checkpoints(self, config: Section) -> None:
        """Keep the results of all rounds until the server says which to resume after."""
        super().init_checkpoints(config)
        if self.first_round:
            self.first_round = self.iterations

    def init_node(self, node_configs: Section) -> None:
        self.client_weights = node_configs.get("client_weights", "equal")

    def connect_neighbors(self) -> None:
        """Greet the server; clients do not talk to each other."""
        self.my_neighbors = {self.service_uid}
        super().connect_neighbors()

    def rounds(self) -> Iterator[int]:
        """Yield the rounds that the server requests, until it says goodbye."""
        caught_up = False
        while "BYE" not in (request := self.next_request()):
            if not caught_up:
                self.checkpointer.catch_up(request["iteration"])
                caught_up = True
            asked = ("WORKER_REQUEST", request["iteration"])
            self.recorder.waited([self.service_uid], asked)
            self.load(request)
            yield request["iteration"]
            self.answer()

    def next_request(self) -> Message:
        """Wait for the server, which may not pick this client for many rounds."""
        _, request = self.wait_for(
            "WORKER_REQUEST",
            missing=lambda: {self.service_uid},
            timeout=self.peer_timeout * self.iterations,
        )
        return request

    def load(self, request: Message) -> None:
        """Load the model of a request."""
        self.check_params(request.get("params"))
        # the server sends no extra state of modules
        self.model.load_state_dict({**self.model.state_dict(), **request["params"]})
        self.sharing._post_step()
        # the server's count, so that clients that skipped rounds draw like the others
        self.sharing.communication_round = request["iteration"] + 1
        if self.reset_optimizer:
            self.renew_optimizer()

    def check_params(self, params: object) -> None:
        """Raise PeerError unless the server's ``params`` fit this node's model."""
        own = tensors(self.model)
        if not isinstance(params, dict) or not alike(params, own):
            raise PeerError(
                f"uid {self.service_uid} sent a model that does not fit this node's"
            )

    def round(self) -> None:
        self.trainer.train(self.dataset)
        message = self.make_message(1)
        message |= {"CHANNEL": self.update_channel, "iteration": self.iteration}
        if self.client_weights == "samples":
            message["samples"] = len(self.dataset.get_trainset().dataset)
        self._answer = self.communication.encrypt(message)
        size = getattr(self._answer, "size", 0)
        self.recorder.sent(self.service_uid, size, label_of(message))

    def answer(self) -> None:
        """Send the update of a round, after this client's checkpoint of it is written.

        Otherwise the server could checkpoint a round that no client can return to.
        """
        encoded, self._answer = self._answer, None
        if encoded is not None:
            self.communication.send(self.service_uid, encoded, encrypt=False)

    def bytes_sent(self) -> tuple[int, int, int]:
        """Return the bytes sent so far, including this round's answer."""
        total, meta, data = super().bytes_sent()
        size = getattr(self._answer, "size", 0)
        params = getattr(self._answer, "data", 0)
        return total + size, meta + size - params, data + params

    def evaluate_train(self) -> dict[str, float]:
        return {}

    evaluate = evaluate_train

    def finish(self) -> None:
        self.communication.terminate()


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two models have tensors of the same names and shapes."""
    shapes = (
        {name: shape(part) for name, part in each.items()} for each in (one, other)
    )
    return next(shapes) == next(shapes)


def shape(part: Any) -> Any:
    """Return the shape of a tensor; None if it is something else."""
    return getattr(part, "shape", None)
