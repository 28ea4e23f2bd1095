#!/usr/bin/env bash
# Federated averaging: a server and 16 clients, of which half take part in each of 80
# rounds, tested every 20; CIFAR-10 must be in eval/data.
# Usage: bash tutorial/run_federated.sh [FLAGS ...]
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
logs=eval/data/$(date +%Y-%m-%dT%H-%M-%S)
exec "${VENV:-.venv}/bin/python" eval/testingFederated.py \
    -ro 0 -tea 20 -ld "$logs/machine0" -wsd "$logs/weights" -mid 0 -ps 16 -ms 1 -is 80 \
    -gf tutorial/regular_16.txt -ta 20 -cf tutorial/config.ini -ll INFO \
    -sm 0 -sr -1 -wr 0.5 "$@"
