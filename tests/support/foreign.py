"""Nodes and a sharing class as in scripts written for DecentralizePy, and their launch."""

import json
import logging
import os
import sys
import threading
from collections import deque

import torch
from torch import multiprocessing as mp

from decentralizepy.config import ini
from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.sharing.Sharing import Sharing


class OwnLoop(DPSGDNode):
    """Builds itself and goes through its rounds by itself; no method of a parent's parent."""

    def __init__(
        self,
        rank,
        machine_id,
        mapping,
        graph,
        config,
        iterations=1,
        log_dir=".",
        weights_store_dir=".",
        log_level=logging.INFO,
        test_after=5,
        train_evaluate_after=1,
        reset_optimizer=1,
        *args,
    ):
        threads = max(os.cpu_count() // mapping.get_local_procs_count(), 1)
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self.instantiate(
            rank,
            machine_id,
            mapping,
            graph,
            config,
            iterations,
            log_dir,
            weights_store_dir,
            log_level,
            test_after,
            train_evaluate_after,
            reset_optimizer,
            *args,
        )
        self.run()

    def instantiate(
        self,
        rank,
        machine_id,
        mapping,
        graph,
        config,
        iterations=1,
        log_dir=".",
        weights_store_dir=".",
        log_level=logging.INFO,
        test_after=5,
        train_evaluate_after=1,
        reset_optimizer=1,
        *args,
    ):
        logging.info("Started process.")
        self.init_log(log_dir, rank, log_level)
        self.cache_fields(
            rank,
            machine_id,
            mapping,
            graph,
            iterations,
            log_dir,
            weights_store_dir,
            test_after,
            train_evaluate_after,
            reset_optimizer,
        )
        self.init_dataset_model(config["DATASET"])
        self.init_optimizer(config["OPTIMIZER_PARAMS"])
        self.init_trainer(config["TRAIN_PARAMS"])
        self.init_comm(config["COMMUNICATION"])
        self.message_queue = {}
        self.barrier = set()
        self.my_neighbors = self.graph.neighbors(self.uid)
        self.init_sharing(config["SHARING"])
        self.peer_deques = {}
        self.connect_neighbors()

    def run(self):
        results = {"train_loss": {}, "test_acc": {}, "test_loss": {}, "total_bytes": {}}
        for iteration in range(self.iterations):
            self.iteration = iteration
            self.trainer.train(self.dataset)
            message = self.sharing.get_data_to_send(degree=len(self.my_neighbors))
            message["CHANNEL"] = "DPSGD"
            for neighbor in self.my_neighbors:
                self.communication.send(neighbor, message)
            while not self.received_from_all():
                self.keep(*self.receive_DPSGD())
            self.sharing._averaging({n: self.peer_deques[n] for n in self.my_neighbors})
            if self.reset_optimizer:
                self.optimizer = self.optimizer_class(
                    self.model.parameters(), **self.optimizer_params
                )
                self.trainer.reset_optimizer(self.optimizer)
            results["total_bytes"][iteration + 1] = self.communication.total_bytes
            if (iteration + 1) % self.train_evaluate_after == 0:
                loss = self.trainer.eval_loss(self.dataset)
                results["train_loss"][iteration + 1] = loss
            if self.dataset.__testing__ and (iteration + 1) % self.test_after == 0:
                accuracy, loss = self.dataset.test(self.model, self.loss)
                results["test_acc"][iteration + 1] = accuracy
                results["test_loss"][iteration + 1] = loss
            path = os.path.join(self.log_dir, f"{self.rank}_results.json")
            with open(path, "w") as file:
                json.dump(results, file)
        if self.model.shared_parameters_counter is not None:
            logging.info("There are counts of shared parameters.")
        self.disconnect_neighbors()
        self.model.dump_weights(self.weights_store_dir, self.uid, iteration)

    def keep(self, sender, message):
        if sender not in self.peer_deques:
            self.peer_deques[sender] = deque()
        if message["iteration"] == self.iteration:
            self.peer_deques[sender].appendleft(message)
        else:
            self.peer_deques[sender].append(message)


class OwnFields(DPSGDNode):
    """Keeps fields of its own, and picks its neighbors with them."""

    def cache_fields(
        self,
        rank,
        machine_id,
        mapping,
        graph,
        iterations,
        log_dir,
        weights_store_dir,
        test_after,
        train_evaluate_after,
        reset_optimizer,
    ):
        self.rank = rank
        self.machine_id = machine_id
        self.mapping = mapping
        self.graph = graph
        self.uid = self.mapping.get_uid(rank, machine_id)
        self.iterations = iterations
        self.log_dir = log_dir
        self.weights_store_dir = weights_store_dir
        self.test_after = test_after
        self.train_evaluate_after = train_evaluate_after
        self.reset_optimizer = reset_optimizer
        self.sent_disconnections = False
        self.picked = []

    def get_neighbors(self, node=None):
        self.picked.append(self.iteration)
        assert self.picked == list(range(len(self.picked)))
        return self.my_neighbors


class SecondThread(DPSGDNode):
    """A thread reads a channel of its own while the rounds go on."""

    def run(self):
        self.over = threading.Event()
        self.heard = []
        listener = threading.Thread(target=self.listen)
        listener.start()
        super().run()
        listener.join()
        due = [
            n for n in self.graph.neighbors(self.uid) for _ in range(self.iterations)
        ]
        assert sorted(self.heard) == sorted(due), self.heard

    def get_neighbors(self, node=None):
        for neighbor in self.my_neighbors:
            self.communication.send(neighbor, {"CHANNEL": "GOSSIP", "from": self.uid})
        return self.my_neighbors

    def listen(self):
        expected = self.iterations * len(self.graph.neighbors(self.uid))
        while len(self.heard) < expected:
            received = self.receive_channel("GOSSIP", block=False)
            if received is not None:
                self.heard.append(received[1]["from"])
        self.over.set()

    def disconnect_neighbors(self):
        self.over.wait()
        super().disconnect_neighbors()


class OwnSharing(Sharing):
    """Makes, reads and averages messages by itself."""

    def __init__(
        self, rank, machine_id, communication, mapping, graph, model, dataset, log_dir
    ):
        super().__init__(
            rank, machine_id, communication, mapping, graph, model, dataset, log_dir
        )

    def serialized_model(self):
        flat = torch.cat([v.flatten() for v in self.model.state_dict().values()])
        return self.compress_data({"params": flat.numpy()})

    def deserialized_model(self, m):
        params = self.decompress_data(m)["params"]
        state, start = {}, 0
        for i, key in enumerate(self.model.state_dict()):
            part = params[start : start + self.lens[i]].reshape(self.shapes[i])
            state[key] = torch.from_numpy(part)
            start += self.lens[i]
        return state

    def _averaging(self, peer_deques):
        with torch.no_grad():
            total, weights = {}, 0
            for peer in peer_deques:
                message = peer_deques[peer].popleft()
                degree, iteration = message["degree"], message["iteration"]
                del message["degree"]
                del message["iteration"]
                del message["CHANNEL"]
                assert iteration == self.communication_round
                weight = 1 / (max(len(peer_deques), degree) + 1)
                weights += weight
                for key, value in self.deserialized_model(message).items():
                    total[key] = total.get(key, 0) + value * weight
            for key, value in self.model.state_dict().items():
                total[key] += (1 - weights) * value
        self.model.load_state_dict(total)
        self._post_step()
        self.communication_round += 1


def launch(node_class, config_file, log_dir, nodes, iterations):
    """Start the nodes of a ring as upstream's drivers do."""
    config = ini.read(config_file)
    mapping, graph = Linear(1, nodes), Ring(nodes)
    processes = []
    for rank in range(nodes):
        args = [
            rank,
            0,  # machine_id
            mapping,
            graph,
            config,
            iterations,
            log_dir,
            log_dir,  # weights_store_dir
            logging.INFO,
            2,  # test_after
            1,  # train_evaluate_after
            1,  # reset_optimizer
        ]
        processes.append(mp.Process(target=node_class, args=args))
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return max(process.exitcode != 0 for process in processes)


if __name__ == "__main__":
    name, config_file, log_dir, nodes, iterations = sys.argv[1:]
    node_class = {"DPSGDNode": DPSGDNode, **globals()}[name]
    sys.exit(launch(node_class, config_file, log_dir, int(nodes), int(iterations)))
