#!/usr/bin/env bash
# Epidemic Learning and D-PSGD at equal rounds and bytes: 16 processes, each with digits of
# one or two labels, send 4 models in each of 200 rounds: to 4 nodes drawn anew, or to the
# 4 neighbors of a fixed graph. Then a table and a picture that compare them.
# Usage: bash tutorial/EpidemicLearning/compare.sh [OUTPUT FOLDER] [FLAGS ...]
# Settings: SEEDS, one pair of runs for each (90 91 92).
set -euo pipefail
cd "$(dirname "$0")/../.."
bash eval/venv.sh
bin=${VENV:-.venv}/bin
out=${1:-eval/data/epidemic-$(date +%Y-%m-%dT%H-%M-%S)}
shift $(($# > 0))
flags=("$@")

run() { # NAME SEED [MORE ...]
    name=$1-$2
    "$bin/decentralizepy" run eval/config_digits.ini -is 200 -ta 10 -tea 50 \
        --set OPTIMIZER_PARAMS.lr=0.05 --set DATASET.shards=1 \
        --set DATASET.random_seed="$2" --set GRAPH.seed="$2" "${@:3}" "${flags[@]}" \
        -ld "$out/$name/machine0" -wsd "$out/$name/weights" >"$out/$name.txt"
    echo "$name done"
}

mkdir -p "$out"
for seed in ${SEEDS:-90 91 92}; do
    run DPSGD "$seed"
    run EL_Local "$seed" -gf tutorial/fullyConnected_16.edges \
        --set NODE.node_package=decentralizepy.node.EpidemicLearning.EL_Local \
        --set NODE.node_class=EL_Local --set NODE.graph_degree=4 \
        --set SHARING.sharing_package=decentralizepy.sharing.PlainAverageSharing \
        --set SHARING.sharing_class=PlainAverageSharing
done
"$bin/decentralizepy" compare -o "$out/compare.png" "$out" | tee "$out/compare.txt"
