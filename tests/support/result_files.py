"""Results of one node, as a run writes them."""

import json


def results(rounds=3, accuracy=40.0, sent=1000, tested=(2,), **more):
    """Return upstream's results of one node, which tests in the rounds ``tested``."""
    every = [str(n) for n in range(1, rounds + 1)]
    return {
        "train_loss": dict.fromkeys(every, 2.0),
        "test_loss": {str(n): 1.0 for n in tested},
        "test_acc": {str(n): accuracy for n in tested},
        "total_bytes": {n: sent * int(n) for n in every},
        "total_meta": {n: 10 * int(n) for n in every},
        "total_data_per_n": {n: (sent - 10) * int(n) for n in every},
        "time": {n: 0.5 * int(n) for n in every},
        **more,
    }


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
