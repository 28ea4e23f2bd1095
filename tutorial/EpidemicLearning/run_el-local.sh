#!/usr/bin/env bash
# Epidemic Learning without an oracle: in each round, each of 16 processes sends to 7
# randomly chosen others; 80 rounds, tested every 20. CIFAR-10 must be in eval/data.
# Usage: bash tutorial/EpidemicLearning/run_el-local.sh [FLAGS ...]
set -euo pipefail
cd "$(dirname "$0")/../.."
bash eval/venv.sh
logs=eval/data/$(date +%Y-%m-%dT%H-%M-%S)
exec "${VENV:-.venv}/bin/python" tutorial/EpidemicLearning/testingEL_Local.py \
    -ro 0 -tea 20 -ld "$logs/machine0" -wsd "$logs/weights" -mid 0 -ps 16 -ms 1 -is 80 \
    -gf tutorial/fullyConnected_16.edges -ta 20 \
    -cf tutorial/EpidemicLearning/config_EL.ini -ll INFO "$@"
