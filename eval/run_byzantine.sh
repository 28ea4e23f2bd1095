#!/usr/bin/env bash
# Run every attack against every way of averaging, with several seeds, and print the accuracy
# of the honest nodes: the table of docs/byzantine.rst.
# Usage: bash eval/run_byzantine.sh [OUTPUT FOLDER] [flags of decentralizepy sweep]
# Environment variable, with its default: SEEDS=1..5
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
bin=${VENV:-.venv}/bin
out=${1:-eval/data/byzantine-$(date +%Y-%m-%dT%H-%M-%S)}
shift $(($# > 0))

"$bin/decentralizepy" sweep eval/config_byzantine.ini --points eval/byzantine_attacks.csv \
    --points eval/byzantine_defenses.csv --seeds "${SEEDS:-1..5}" -o "$out" "$@"
"$bin/python" eval/byzantine_table.py "$out"
