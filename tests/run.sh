#!/usr/bin/env bash
# Install the dev extra and run the tests, except for slow ones.
# Usage: bash tests/run.sh [PYTEST FLAGS ...]     -m "": slow ones too
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh dev
exec "${VENV:-.venv}/bin/python" -m pytest -n auto --maxprocesses=4 --maxschedchunk=16 -m "not slow" "$@"
