#!/usr/bin/env bash
# Run full and compressed sharing on the digits with several seeds: 16 processes, non-IID,
# 100 rounds each. Then print a table of means over seeds, and draw a figure of the first seed.
# Usage: bash eval/run_sharing.sh [OUTPUT FOLDER] [FLAGS ...]
# Environment variables, with their defaults: SEEDS="90 91 92 93 94" MODEL=MLP (or CNN)
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
bin=${VENV:-.venv}/bin
out=${1:-eval/data/sharing-$(date +%Y-%m-%dT%H-%M-%S)}
shift $(($# > 0))

run() { # NAME [key=value ...]: one run; the default section of a key is SHARING
    name=$1
    shift
    settings=()
    for setting in "$@"; do
        [[ ${setting%%=*} == *.* ]] || setting=SHARING.$setting
        settings+=(--set "$setting")
    done
    folder=$out/$name-$seed
    "$bin/decentralizepy" run eval/config_digits.ini -is 100 -ta 10 -tea 50 \
        --set DATASET.model_class="${MODEL:-MLP}" --set DATASET.random_seed="$seed" \
        --set GRAPH.seed="$seed" --set OPTIMIZER_PARAMS.lr=0.05 "${settings[@]}" \
        "${flags[@]}" -ld "$folder/machine0" -wsd "$folder/weights" >"$folder.txt"
    echo "$name, seed $seed: done"
}

module() { echo "sharing_package=decentralizepy.sharing.$1 sharing_class=${1##*.}"; }

server() { # CLIENT SERVER: learn with a parameter server
    for part in node:$1 server:$2; do
        key=NODE.${part%%:*} name=${part#*:}
        echo "${key}_package=decentralizepy.node.$name ${key}_class=${name##*.}"
    done
}

elias() { echo "compress=True compression_package=decentralizepy.compression.$1 compression_class=$1"; }

all() { # each algorithm once, with $seed
    run Sharing $(module Sharing)
    run PlainAverage $(module PlainAverageSharing)
    # a third of the values
    run JWINS $(module JWINS.JWINS) "alpha_list=[0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 1.0]" \
        $wavelet $partial $(elias EliasFpzip)
    run Wavelet $(module JWINS.Wavelet) alpha=0.34 $wavelet $partial $(elias EliasFpzip)
    run TopK $(module PartialModel) alpha=0.34 $partial $(elias EliasFpzip)
    run FFT $(module JWINS.FFT) alpha=0.34 $partial $(elias EliasFpzip)
    run SubSampling $(module SubSampling) alpha=0.34
    run RandomK $(module RandomK) alpha=0.34
    # a tenth
    run JWINS-tenth $(module JWINS.JWINS) \
        "alpha_list=[0.05, 0.05, 0.05, 0.1, 0.1, 0.1, 0.25]" \
        $wavelet $partial $(elias EliasFpzip)
    run TopK-tenth $(module PartialModel) alpha=0.1 $partial $(elias EliasFpzip)
    run Choco-tenth $(module Choco) step_size=0.5 alpha=0.1 $(elias EliasFpzip)
    run RandomK-tenth $(module RandomK) alpha=0.1
    # a few bits a number, or a few numbers a matrix
    run QSGD $(module QSGD) step_size=0.5
    run SignError $(module SignError) step_size=0.5
    run PowerGossip $(module PowerGossip)
    # a parameter server
    run FedAvg $(server DPSGDNodeFederated FederatedParameterServer)
    run STC $(server STC.STCClient STC.STCServer) $(module STC) alpha=0.1
}

flags=("$@")
mkdir -p "$out"
partial="accumulation=True accumulate_averaging_changes=True"
wavelet="wavelet=sym2 metadata_cap=0.5"
read -ra seeds <<<"${SEEDS:-90 91 92 93 94}"
for seed in "${seeds[@]}"; do
    all
done
"$bin/decentralizepy" compare -o "$out/compare.png" \
    --columns seeds,final,worst,mean_model,sent "$out" | tee "$out/compare.txt"
