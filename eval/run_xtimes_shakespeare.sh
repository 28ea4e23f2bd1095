#!/usr/bin/env bash
# run_xtimes.sh on Shakespeare: same arguments and environment, with these defaults.
# SAMPLES: the size of `decentralizepy data download`; LEAF's full set has 3678451.
export CONFIG=${CONFIG:-eval/step_configs/config_shakespeare_sharing.ini}
export SAMPLES=${SAMPLES:-164326} BATCH=${BATCH:-16} ROUNDS=${ROUNDS:-20}
export DEGREE=${DEGREE:-3}
exec bash "$(dirname "$0")/run_xtimes.sh" "${1:-}" "${@:2}"
