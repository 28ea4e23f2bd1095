#!/usr/bin/env bash
# Run each combination of batch size, rounds per epoch and learning rate for the same
# number of epochs, then compare them in a table and a figure.
# Usage: bash eval/run_grid.sh [OUTPUT FOLDER] [FLAGS ...]
# Environment variables, with their defaults, which are for the digits:
#   CONFIG=eval/config_digits.ini SAMPLES=1438 PROCS=16 EPOCHS=10
#   BATCHES="8 16" ROUNDS="2 5" LRS="0.05 0.1"
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
source eval/epochs.sh
bin=${VENV:-.venv}/bin
config=${CONFIG:-eval/config_digits.ini} procs=${PROCS:-16}
out=${1:-eval/data/grid-$(date +%Y-%m-%dT%H-%M-%S)}
shift $(($# > 0))

mkdir -p "$out"
for batch in ${BATCHES:-8 16}; do
    for rounds in ${ROUNDS:-2 5}; do
        length=$(epochs "${SAMPLES:-1438}" "$procs" "$batch" "$rounds" "${EPOCHS:-10}")
        for lr in ${LRS:-0.05 0.1}; do
            name=batch$batch-rounds$rounds-lr$lr
            "$bin/decentralizepy" run "$config" -ps "$procs" $length \
                --set OPTIMIZER_PARAMS.lr="$lr" "$@" \
                -ld "$out/$name/machine0" -wsd "$out/$name/weights" >"$out/$name.txt"
            echo "$name done"
        done
    done
done
"$bin/decentralizepy" compare -o "$out/compare.png" "$out" | tee "$out/compare.txt"
