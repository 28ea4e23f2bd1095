#!/usr/bin/env bash
# 16 processes on this machine, 80 rounds, tested every 20; CIFAR-10 must be in eval/data
# (python download_dataset.py downloads it).
# Usage: bash tutorial/run_decentralized.sh [FLAGS ...]
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
logs=eval/data/$(date +%Y-%m-%dT%H-%M-%S)
exec "${VENV:-.venv}/bin/python" eval/testing.py \
    -ro 0 -tea 20 -ld "$logs/machine0" -wsd "$logs/weights" -mid 0 -ps 16 -ms 1 -is 80 \
    -gf tutorial/regular_16.txt -ta 20 -cf tutorial/config.ini -ll INFO "$@"
