#!/usr/bin/env bash
# Run this machine's part of an experiment; start it on every machine, in any order.
# Usage: bash eval/run.sh [FILE.ini] [FLAGS ...]
#   FILE.ini   eval/config_digits.ini if not given: 16 nodes on this machine
#   FLAGS      those of eval/testing.py (-h lists them); they win over section RUN
# With more machines, -ms M and an address file that names them all; which of them this
# one is, is found by its address, unless -mid tells it.
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
config=eval/config_digits.ini
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
    config=$1
    shift
fi
bin=${VENV:-.venv}/bin
machine=$("$bin/python" eval/machine_id.py "$config")
logs=eval/data/$(date +%Y-%m-%dT%H-%M-%S)
exec "$bin/decentralizepy" run "$config" -mid "$machine" \
    -ld "$logs/machine$machine" -wsd "$logs/weights" "$@"
