#!/usr/bin/env bash
# Run one experiment with several seeds, then compare them in a table and a figure.
# Usage: bash eval/run_xtimes.sh [OUTPUT FOLDER] [FLAGS ...]
# Environment variables, with their defaults, which are for the digits:
#   CONFIG=eval/config_digits.ini SAMPLES=1438 PROCS=16 EPOCHS=10
#   BATCH=8 ROUNDS=5 (in an epoch) SEEDS="90 91 92 93 94"
#   DEGREE=4 (of a regular graph, a new one for each seed; -gf FILE uses one graph for all)
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
source eval/epochs.sh
bin=${VENV:-.venv}/bin
config=${CONFIG:-eval/config_digits.ini} procs=${PROCS:-16}
out=${1:-eval/data/xtimes-$(date +%Y-%m-%dT%H-%M-%S)}
shift $(($# > 0))

mkdir -p "$out"
length=$(epochs "${SAMPLES:-1438}" "$procs" "${BATCH:-8}" "${ROUNDS:-5}" "${EPOCHS:-10}")
for seed in ${SEEDS:-90 91 92 93 94}; do
    name=seed$seed
    graph="--set GRAPH.graph_package=decentralizepy.graphs.Regular"
    graph+=" --set GRAPH.graph_class=Regular --set GRAPH.degree=${DEGREE:-4}"
    "$bin/decentralizepy" run "$config" -ps "$procs" $length \
        $graph --set GRAPH.seed="$seed" --set DATASET.random_seed="$seed" "$@" \
        -ld "$out/$name/machine0" -wsd "$out/$name/weights" >"$out/$name.txt"
    echo "$name done"
done
"$bin/decentralizepy" compare -o "$out/compare.png" "$out" | tee "$out/compare.txt"
