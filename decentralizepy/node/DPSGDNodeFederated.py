"""The client of federated averaging: it trains when the server asks."""

from collections.abc import Iterator

from decentralizepy.message import Message
from decentralizepy.node.LiveNode import LiveNode
from decentralizepy.node.Node import Section


class DPSGDNodeFederated(LiveNode):
    """Take the server's model, train it, send back what the sharing sends.

    McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized
    Data, AISTATS 2017, algorithm 1. Arguments as for
    :class:`~decentralizepy.node.LiveNode.LiveNode`; the last one is the server's uid, -1
    by default. The server alone evaluates.
    """

    def init_dataset_model(self, dataset_configs: Section) -> None:
        super().init_dataset_model({**dataset_configs, "test_dir": ""})

    def connect_neighbors(self) -> None:
        """Greet the server; clients do not know each other."""
        self.my_neighbors = {self.service_uid}
        super().connect_neighbors()

    def rounds(self) -> Iterator[int]:
        """Yield the rounds that the server asks this client for, until its goodbye."""
        while "BYE" not in (request := self.next_request()):
            self.load(request)
            yield request["iteration"]

    def next_request(self) -> Message:
        """Wait for the server, which may leave a client out for many rounds."""
        received = self.receive_channel(
            "WORKER_REQUEST",
            missing=lambda: {self.service_uid},
            timeout=self.peer_timeout * self.iterations,
        )
        assert received is not None
        return received[1]

    def load(self, request: Message) -> None:
        """Take over the model of a request."""
        self.model.load_state_dict(request["params"])
        self.sharing._post_step()
        self.sharing.communication_round += 1
        if self.reset_optimizer:
            self.renew_optimizer()

    def round(self) -> None:
        self.trainer.train(self.dataset)
        message = self.sharing.get_data_to_send(degree=1)
        message |= {"CHANNEL": self.update_channel, "iteration": self.iteration}
        self.communication.send(self.service_uid, message)

    def evaluate_train(self) -> dict[str, float]:
        return {}

    evaluate = evaluate_train

    def finish(self) -> None:
        self.communication.terminate()
