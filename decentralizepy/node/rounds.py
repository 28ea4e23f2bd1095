"""The training rounds of learners and parameter servers."""

import logging
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from decentralizepy.checkpoints import stated
from decentralizepy.config.run_section import RunSection
from decentralizepy.errors import PeerLost
from decentralizepy.message import Message
from decentralizepy.node._counters import unseen
from decentralizepy.node.checkpoint import Checkpointer
from decentralizepy.node.mailbox import Received
from decentralizepy.node.Node import Section
from decentralizepy.node.recording import Recording
from decentralizepy.node.scripts import ScriptNames
from decentralizepy.results.schedule import Schedule
from decentralizepy.results.write import Results
from decentralizepy.sharing.finite import finite, sent, spoilt_by_averaging, state_of

logger = logging.getLogger(__name__)


class Rounds(ScriptNames, Recording):
    """A node that runs in rounds: train, share, gather, average, record.

    A round calls the steps ``get_neighbors`` (whom to send to), ``share``,
    ``get_senders`` (whom to wait for) and ``gather``; subclasses override a step, or
    all of ``round``, never the loop.

    Attributes
    ----------
    iteration : int
        The current round, from 0.
    update_channel : str
        The channel on which models arrive.
    """

    senders: set[int]
    """The uids whose models this round's average waits for."""
    awaited: set[int] | None = None
    """The uids whose messages ``gather`` waits for; None, in a custom loop: neighbors."""
    asynchronous = False
    """Whether what the node does depends on when messages arrive."""
    checkpointer_class: type[Checkpointer] = Checkpointer
    checkpointer: Checkpointer | None = None
    reset_optimizer: int
    test_after: int
    train_evaluate_after: int

    def state_dict(self) -> dict[str, Any]:
        """Return the node's own attributes that ``checkpointed`` names."""
        return {name: getattr(self, name) for name in stated(self, "checkpointed")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load the state that ``state_dict`` returned."""
        for name in stated(self, "checkpointed") & state.keys():
            setattr(self, name, state[name])

    def init_checkpoints(self, config: Section) -> None:
        """Read from section RUN where to start, and when to evaluate and keep state."""
        run = RunSection.of(config)
        self.evaluators, self.target_accuracy = run.evaluate, run.target_accuracy
        self.first_round = run.first_round
        self.checkpointer = self.checkpointer_class(self, run.checkpoint_every)
        self.checkpointer.due = run.due

    def run(self) -> None:
        """Run all rounds, then pass the end barrier."""
        if self.checkpointer is None:  # a foreign node that builds itself
            self.checkpointer = self.checkpointer_class(self)
        self.schedule = Schedule(self.test_after, self.train_evaluate_after)
        with Results(self.log_dir, self.rank, self.first_round) as self.results:
            self.take_waits()  # discards the waits of the start barrier
            self.checkpointer.survey()
            self.checkpointer.resume()
            for iteration in self.rounds():
                self.iteration = iteration
                self.recorder.begin()
                self.round()
                self.record()
                self.checkpointer.write_if_due(iteration + 1)
            self.finish()

    def rounds(self) -> Iterator[int]:
        """Yield the round numbers, starting at 0 or after the checkpoint.

        The last one is that in which the target accuracy is reached, if it ever is.
        """
        for number in range(self.first_round, self.iterations):
            if self.target_reached:
                return
            yield number

    def round(self) -> None:
        """Train, share, gather, average; do none of it while the node is down."""
        if not self.is_up():
            self.sit_out()
            return
        self.train_locally()
        updates = self.exchange()
        messages = {uid: queue[0] for uid, queue in updates.items()}
        self.observe(messages)
        self.sharing._averaging(updates)
        self.check_average(messages)
        if self.reset_optimizer:
            self.renew_optimizer()

    def train_locally(self) -> None:
        """Train the model on the node's own data."""
        self.trainer.train(self.dataset)

    def exchange(self) -> dict[int, "deque[Message]"]:
        """Send this round's message, if there is one; return the deques of the others'."""
        if self.iteration in self.silent_rounds:
            self.sharing.get_data_to_send(degree=0)  # the average may build on it
            self.lost_messages = 0
            return {}
        self.find_peers()
        self.share(self.reached(self.my_neighbors))
        self.keep_pace(self.down(self.addressed()))
        return self.gather(self.senders)

    def find_peers(self) -> None:
        """Find out whom to send to and whom to wait for in this round, and greet them."""
        neighbors = set(self.get_neighbors())
        senders = set(self.get_senders(neighbors)) - self.lost_peers
        neighbors -= self.lost_peers
        self.my_neighbors = neighbors | senders
        self.connect_neighbors()
        self.my_neighbors, self.senders = neighbors, senders

    def sit_out(self) -> None:
        """Pass a round in which the node is down."""
        self.recorder.idle()
        if self.iteration not in self.silent_rounds:
            with unseen(self.communication):
                self.find_peers()
            self.keep_pace(self.addressed())
            self._shared = self.without_model()
            self.gather(self.senders)
        self.sharing.communication_round = self.iteration + 1

    def get_neighbors(self, node: int | None = None) -> set[int]:
        """Return the uids to send this round's model to; ``my_neighbors`` by default.

        ``node`` is only there for compatibility with old scripts, and never passed.
        """
        return self.my_neighbors

    def get_senders(self, receivers: set[int]) -> set[int]:
        """Return the uids to wait for; by default ``receivers``."""
        return receivers

    def share(self, receivers: Collection[int]) -> None:
        """Send this round's message to each of ``receivers``."""
        self._shared = message = self.make_message(len(receivers))
        message["CHANNEL"] = self.update_channel
        send = self.sharing.send if self.malice is None else self.malice.sender(self)
        send(sorted(receivers), message)

    def make_message(self, degree: int) -> Message:
        """Return this round's message; a Byzantine node forges its model."""
        message: Message
        if self.malice is None:
            message = self.sharing.get_data_to_send(degree=degree)
        else:
            message = self.malice.message(self, degree)
        return message

    def replace_lost(self, uids: set[int]) -> set[int]:
        """Replace the models of lost peers; return the uids of those that were replaced.

        By default with this node's own model, which thus takes over a lost peer's weight.
        The degree sent to the other neighbors still applies in this round, so the mixing
        matrix of the remaining nodes is symmetric and its rows sum to 1.
        """
        for uid in uids:
            self.peer_deques[uid] = deque([self._shared])
        return uids

    @property
    def rounds_ahead(self) -> int:
        """How many rounds a peer may be ahead; models of later rounds are dropped.

        Nodes that do not meet in every round may be any number of rounds apart.
        """
        return self.iterations

    def gather(self, senders: set[int]) -> dict[int, "deque[Message]"]:
        """Wait for this round's message of each of ``senders``; return their deques."""
        since = time.monotonic()  # for all waits together: the limit is per round
        last = None
        self.awaited = senders
        with self.expecting(lambda: self._missing(senders), since=since):
            while not self.received_from_all():
                try:
                    sender, message = self.receive_DPSGD()
                except PeerLost as error:
                    senders = self.awaited = senders - self.give_up(error)
                    continue
                if sender in senders and not self._is_due(sender):
                    last = sender
                self.file_update(sender, message)
        if last is not None:
            self.note_wait(since, last)
        arrived = self.arrived(senders - self._missing(senders))
        self.recorder.waited(arrived, (self.update_channel, self.iteration))
        return {uid: self.peer_deques[uid] for uid in arrived}

    def unexpected(self) -> dict[int, int]:
        if self.awaited is None:
            return {}
        return {
            uid: queue[0]["iteration"] + 1
            for uid, queue in self.peer_deques.items()
            if queue
            and queue[0]["iteration"] <= self.iteration
            and uid not in self.awaited
        }

    def give_up(self, error: PeerLost) -> set[int]:
        """Continue without lost peers; return those whose models were not replaced.

        Raises
        ------
        PeerLost
            Unless section FAULTS sets ``on_peer_loss = drop``.
        """
        if self.on_peer_loss != "drop":
            raise error
        logger.warning("round %d: %s; continuing without", self.iteration + 1, error)
        self.lost_peers |= error.uids
        self.barrier -= error.uids
        return error.uids - self.replace_lost(error.uids)

    def receive_DPSGD(self) -> Received:
        """Return the next (sender, model message)."""
        return self.wait_for(self.update_channel)

    def received_from_all(self) -> bool:
        """Return whether the messages of all awaited senders have arrived."""
        senders = self.my_neighbors if self.awaited is None else self.awaited
        return all(map(self._is_due, senders))

    def _missing(self, senders: set[int]) -> set[int]:
        return {uid for uid in senders if not self._is_due(uid)}

    def _is_due(self, sender: int) -> bool:
        """Return whether this round's message of ``sender`` has arrived."""
        queue = self.peer_deques.get(sender)
        while queue and queue[0]["iteration"] < self.iteration:
            queue.popleft()  # its peer was not among the senders of that round
        return bool(queue) and queue[0]["iteration"] == self.iteration  # type: ignore[index]

    def file_update(self, sender: int, message: Message) -> None:
        """Keep a model until its round; drop duplicates, old ones and those far ahead."""
        queue = self.peer_deques.setdefault(sender, deque())
        rounds = [kept["iteration"] for kept in queue]
        number = message["iteration"]
        ahead = number - self.iteration
        if number in rounds or not 0 <= ahead <= self.rounds_ahead:
            text = "round %d: dropped uid %d's model of round %d"
            logger.warning(text, self.iteration + 1, sender, number + 1)
            return
        queue.insert(sum(kept < number for kept in rounds), message)

    def check_average(self, messages: Mapping[int, Message]) -> None:
        """Check that the average is finite, since custom sharing classes may not.

        Raises
        ------
        PeerError
            If one of the averaged ``messages`` contains NaN or infinity.
        NodeFailed
            If all of them are finite, but their average is not.
        """
        if self.nonfinite != "abort" or finite(state_of(self.model, self.sharing)):
            return
        number = self.iteration + 1
        for uid in sorted(messages):
            if not finite(messages[uid]):
                raise sent(uid, number)
        raise spoilt_by_averaging(self.uid, type(self.sharing), number)

    def finish(self) -> None:
        """Write the final weights, and say goodbye."""
        self.store()
        self.disconnect_neighbors()
        self.communication.terminate()
