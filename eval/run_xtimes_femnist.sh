#!/usr/bin/env bash
# run_xtimes.sh on FEMNIST: same arguments and environment, with these defaults.
# SAMPLES: the size of LEAF's full FEMNIST.
export CONFIG=${CONFIG:-eval/step_configs/config_femnist_sharing.ini}
export SAMPLES=${SAMPLES:-734463} BATCH=${BATCH:-16} ROUNDS=${ROUNDS:-20}
export DEGREE=${DEGREE:-3}
exec bash "$(dirname "$0")/run_xtimes.sh" "${1:-}" "${@:2}"
