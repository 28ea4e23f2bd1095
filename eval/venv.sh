#!/usr/bin/env bash
# Create the virtual environment .venv if there is none, and install this package into it.
# Usage: bash eval/venv.sh [EXTRA]     EXTRA: dev, for tests and linters
# Environment: VENV, the folder; PYTHON, the interpreter to create it with.
set -euo pipefail
cd "$(dirname "$0")/.."
extra=${1:-}
venv=${VENV:-.venv}
python=${PYTHON:-python3}

make_venv() {
    command -v "$python" >/dev/null && "$python" -m venv "$venv" && return
    rm -rf "$venv" # incomplete
    # Debian has a separate package for venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q && apt-get install -qy python3-venv && "$python" -m venv "$venv" && return
    fi
    echo "cannot make a virtual environment; on Debian: sudo apt-get install python3-venv" >&2
    return 1
}

[ -x "$venv/bin/python" ] || make_venv
# what is installed already for this extra, from these very requirements, is left alone
stamp="$venv/.installed-${extra:-core}"
wanted=$(cat setup.cfg constraints.txt | sha256sum)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    echo "installing decentralizepy and its libraries into $venv ..."
    "$venv/bin/python" -m pip install -q --disable-pip-version-check \
        -c constraints.txt -e ".${extra:+[$extra]}"
    echo "$wanted" >"$stamp"
fi
