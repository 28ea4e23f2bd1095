#!/usr/bin/env bash
# Every sharing algorithm on the digits: 16 processes, non-iid, 100 rounds each; then a
# table and a picture that compare accuracy and bytes.
# Usage: bash eval/run_sharing.sh [OUTPUT FOLDER] [FLAGS ...]
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
bin=${VENV:-.venv}/bin
out=${1:-eval/data/sharing-$(date +%Y-%m-%dT%H-%M-%S)}
shift $(($# > 0))

run() { # NAME [key=value ...]: one run; a key without a section is one of SHARING
    name=$1
    shift
    settings=()
    for setting in "$@"; do
        [[ ${setting%%=*} == *.* ]] || setting=SHARING.$setting
        settings+=(--set "$setting")
    done
    "$bin/decentralizepy" run eval/config_digits.ini -is 100 -ta 10 -tea 50 \
        --set OPTIMIZER_PARAMS.lr=0.05 "${settings[@]}" "${flags[@]}" \
        -ld "$out/$name/machine0" -wsd "$out/$name/weights" >"$out/$name.txt"
    echo "$name done"
    runs+=("$out/$name")
}

module() { echo "sharing_package=decentralizepy.sharing.$1 sharing_class=${1##*.}"; }

server() { # CLIENT SERVER: learn with a parameter server
    for part in node:$1 server:$2; do
        key=NODE.${part%%:*} name=${part#*:}
        echo "${key}_package=decentralizepy.node.$name ${key}_class=${name##*.}"
    done
}

elias() { echo "compress=True compression_package=decentralizepy.compression.$1 compression_class=$1"; }

flags=("$@")
runs=()
mkdir -p "$out"
partial="accumulation=True accumulate_averaging_changes=True"
run Sharing $(module Sharing)
run PlainAverage $(module PlainAverageSharing)
run JWINS $(module JWINS.JWINS) "alpha_list=[0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 1.0]" \
    wavelet=sym2 metadata_cap=0.5 $partial $(elias EliasFpzip)
run Wavelet $(module JWINS.Wavelet) wavelet=sym2 alpha=0.3 $partial $(elias EliasFpzip)
run FFT $(module JWINS.FFT) alpha=0.3 $partial $(elias EliasFpzip)
run TopK $(module PartialModel) alpha=0.3 $partial $(elias EliasFpzip)
run SubSampling $(module SubSampling) alpha=0.35
run RandomK $(module RandomK) alpha=0.35
run Choco $(module Choco) step_size=0.5 alpha=0.2 $(elias EliasFpzip)
run QSGD $(module QSGD) step_size=0.5
run SignError $(module SignError) step_size=0.5
run PowerGossip $(module PowerGossip)
run FedAvg $(server DPSGDNodeFederated FederatedParameterServer)
run STC $(server STC.STCClient STC.STCServer) $(module STC) alpha=0.1
"$bin/decentralizepy" compare -o "$out/compare.png" "${runs[@]}" | tee "$out/compare.txt"
