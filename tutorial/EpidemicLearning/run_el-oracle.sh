#!/usr/bin/env bash
# Epidemic Learning with an oracle: a service draws a new 7-regular graph of 16 processes
# for each round; 80 rounds, tested every 20; CIFAR-10 must be in eval/data.
# Usage: bash tutorial/EpidemicLearning/run_el-oracle.sh [FLAGS ...]
set -euo pipefail
cd "$(dirname "$0")/../.."
bash eval/venv.sh
logs=eval/data/$(date +%Y-%m-%dT%H-%M-%S)
exec "${VENV:-.venv}/bin/python" tutorial/EpidemicLearning/testingEL_Oracle.py \
    -ro 0 -tea 20 -ld "$logs/machine0" -wsd "$logs/weights" -mid 0 -ps 16 -ms 1 -is 80 \
    -gf tutorial/fullyConnected_16.edges -ta 20 \
    -cf tutorial/EpidemicLearning/config_EL.ini -ll INFO "$@"
