#!/usr/bin/env bash
# Run several INI files in turn, with 16 processes on this machine, then compare them in a
# table and a figure.
# Usage: bash eval/run_all.sh [OUTPUT FOLDER] [FLAGS ...]
# Environment: CONFIGS, the INI files; default: the digits and, if CIFAR-10 is in
# eval/data, its files in eval/step_configs.
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
bin=${VENV:-.venv}/bin
out=${1:-eval/data/all-$(date +%Y-%m-%dT%H-%M-%S)}
shift $(($# > 0))

configs=(${CONFIGS:-eval/config_digits.ini})
if [ -z "${CONFIGS:-}" ] && [ -d eval/data/cifar-10-batches-py ]; then
    configs+=(eval/step_configs/config_cifar_*.ini)
fi
mkdir -p "$out"
for config in "${configs[@]}"; do
    name=$(basename "${config#*config_}" .ini)
    "$bin/decentralizepy" run "$config" -ro 0 -ps 16 -is 80 -ta 20 -tea 20 \
        -gf eval/regular_16.txt "$@" \
        -ld "$out/$name/machine0" -wsd "$out/$name/weights" >"$out/$name.txt"
    echo "$name done"
done
"$bin/decentralizepy" compare -o "$out/compare.png" "$out" | tee "$out/compare.txt"
