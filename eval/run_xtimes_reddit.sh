#!/usr/bin/env bash
# run_xtimes.sh on Reddit: same arguments and environment, with these defaults.
# SAMPLES: the size of the LEAF subset used with DecentralizePy.
export CONFIG=${CONFIG:-eval/step_configs/config_reddit_sharing.ini}
export SAMPLES=${SAMPLES:-70642} BATCH=${BATCH:-16} ROUNDS=${ROUNDS:-10}
export DEGREE=${DEGREE:-3}
exec bash "$(dirname "$0")/run_xtimes.sh" "${1:-}" "${@:2}"
