#!/usr/bin/env bash
# Run this machine's nodes of an experiment; start it on every machine, in any order.
# Usage: bash eval/run.sh [FILE.ini] [FLAGS ...]
#   FILE.ini   default: eval/config_digits.ini, 16 nodes on this machine
#   FLAGS      those of eval/testing.py (-h lists them); they override section RUN
# For several machines, give --rendezvous HOST:PORT -ms M, where HOST is one of them. Or give
# -ms M and an address file that lists them all; then, the id of this machine is found by its
# address, unless -mid is given.
set -euo pipefail
cd "$(dirname "$0")/.."
bash eval/venv.sh
config=eval/config_digits.ini
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
    config=$1
    shift
fi
bin=${VENV:-.venv}/bin
logs=eval/data/$(date +%Y-%m-%dT%H-%M-%S)
case " $*" in
    *" --rendezvous"* | *" --placement"* | *" --hosts"*)
        exec "$bin/decentralizepy" run "$config" -ld "$logs" -wsd "$logs/weights" "$@"
        ;;
esac
machine=$("$bin/python" eval/machine_id.py "$config")
exec "$bin/decentralizepy" run "$config" -mid "$machine" \
    -ld "$logs/machine$machine" -wsd "$logs/weights" "$@"
