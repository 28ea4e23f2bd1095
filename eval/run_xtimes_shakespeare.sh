#!/usr/bin/env bash
# run_xtimes.sh on Shakespeare: its arguments and settings, with these defaults.
# SAMPLES: of what `decentralizepy data download` writes; LEAF's whole has 3678451.
export CONFIG=${CONFIG:-eval/step_configs/config_shakespeare_sharing.ini}
export SAMPLES=${SAMPLES:-164326} BATCH=${BATCH:-16} ROUNDS=${ROUNDS:-20}
export DEGREE=${DEGREE:-3}
exec bash "$(dirname "$0")/run_xtimes.sh" "${1:-}" "${@:2}"
