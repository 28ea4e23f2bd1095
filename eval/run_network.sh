#!/usr/bin/env bash
# Run full sharing, JWINS and CHOCO with several seeds, and time them on networks of 10, 100
# and 1,000 Mbit/s. Prints for each when 80 % were reached, and draws accuracy by virtual time.
# Usage: bash eval/run_network.sh [OUTPUT FOLDER] [--set NETWORK.KEY=VALUE ...]
# A measured matrix of latencies: --set NETWORK.latency_file=latencies.txt
# Environment variables, with their defaults: SEEDS=90..94 BANDWIDTHS="10 100 1000" TARGET=80
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
run=${VENV:-.venv}/bin/decentralizepy
out=${1:-eval/data/network-$(date +%Y-%m-%dT%H-%M-%S)}
shift $(($# > 0))

"$run" sweep eval/config_network.ini --points eval/network_methods.csv \
    --seeds "${SEEDS:-90..94}" -o "$out/runs" "$@"
for mbits in ${BANDWIDTHS:-10 100 1000}; do
    timed=$out/$mbits
    "$run" network "$out/runs" -o "$timed" --set NETWORK.bandwidth="$mbits"
    "$run" compare "$timed" --target "${TARGET:-80}" --columns seeds,final,sent,rounds,virtual \
        -o "$timed.png"
    "$run" plot "$timed" --y test_acc --x virtual_time -o "$timed.pdf"
done
