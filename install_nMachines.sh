#!/usr/bin/env bash
# Create this package's environment on every machine of an address file, over ssh.
# Usage: bash install_nMachines.sh ADDRESSES.json [--dry-run] [--into FOLDER] [EXTRA]
#   --dry-run   only print what would be done
#   FOLDER      the package's folder on the other machines; default: the same as here
#   EXTRA       as for eval/venv.sh: dev, for tests and linters
# Environment: VENV and PYTHON, as for eval/venv.sh; SSH, the command (default: ssh).
# Machines without the package receive these files, except those that git ignores. Existing
# files are not changed: use git or rsync to update them. Nothing is removed.
set -euo pipefail
cd "$(dirname "$0")"

fail() {
    echo "install_nMachines.sh: $1" >&2
    exit 2
}

addresses="" into=$PWD dry="" extra=""
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' install_nMachines.sh && exit ;;
    --dry-run) dry=yes ;;
    --into) into=${2:-} && shift ;;
    -*) fail "$1: no such flag; there are --dry-run and --into FOLDER" ;;
    *) if [ -z "$addresses" ]; then addresses=$1; else extra=$1; fi ;;
    esac
    shift || fail "--into: expected a folder"
done
[ -n "$addresses" ] || fail "expected an address file, as eval/ip.json"

# the package itself cannot be imported before its environment is made
hosts=$("${PYTHON:-python3}" - "$addresses" <<'PYTHON'
import json
import sys

try:
    with open(sys.argv[1], encoding="utf-8-sig") as file:
        hosts = dict.fromkeys(json.load(file).values())
    if not hosts or not all(isinstance(host, str) and host.split() == [host] for host in hosts):
        raise ValueError
except OSError as error:
    sys.exit(f"install_nMachines.sh: {sys.argv[1]}: {error.strerror}")
except (ValueError, AttributeError, TypeError):
    expected = 'expected a JSON object of machines and hosts, as {"0": "localhost"}'
    sys.exit(f"install_nMachines.sh: {sys.argv[1]}: {expected}")
print(*hosts, sep="\n")
PYTHON
) || exit 2

is_here() {
    case $1 in localhost | 127.*) return 0 ;; esac
    grep -qxF -- "$1" < <({ hostname; hostname -f; hostname -I | tr ' ' '\n'; } 2>/dev/null)
}

on() { # on HOST COMMAND: the words of the command are the remote shell's
    ${SSH:-ssh} -o BatchMode=yes -o ConnectTimeout=10 -- "$1" "$2"
}

# the settings that are given, for another shell
settings=$(for name in VENV PYTHON; do
    if [ -n "${!name:-}" ]; then printf '%s=%q ' "$name" "${!name}"; fi
done)
make_venv="${settings}bash eval/venv.sh $(printf %q "$extra")"
folder=$(printf %q "$into")

install() {
    if is_here "$1"; then
        bash eval/venv.sh "$extra"
    else
        if ! on "$1" "test -e $folder/eval/venv.sh" </dev/null; then
            tar -c --exclude-vcs --exclude="${VENV:-.venv}" -X <(sed 's|/$||' .gitignore) . |
                on "$1" "mkdir -p $folder && tar -x --skip-old-files -C $folder"
        fi
        on "$1" "cd $folder && $make_venv" </dev/null
    fi
    echo ready
}

plan() {
    if is_here "$1"; then
        echo "bash eval/venv.sh $extra"
    else
        echo "send the package to $into if it is not there; there, $make_venv"
    fi
}

trap 'kill 0' INT # which does not reach what runs in the background
jobs=() status=0
while read -r host; do
    if [ -n "$dry" ]; then
        echo "$host: $(plan "$host")"
    else
        (set -e; install "$host") 2>&1 | sed "s/^/$host: /" &
        jobs+=("$!:$host")
    fi
done <<<"$hosts"
for job in "${jobs[@]}"; do
    wait "${job%%:*}" || { echo "${job#*:}: not installed" >&2 && status=1; }
done
exit "$status"
