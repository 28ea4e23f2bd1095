#!/usr/bin/env bash
# run_xtimes.sh on CIFAR-10: same arguments and environment, with these defaults.
# SAMPLES: the size of the training set.
export CONFIG=${CONFIG:-eval/step_configs/config_cifar_sharing.ini}
export SAMPLES=${SAMPLES:-50000} BATCH=${BATCH:-8} ROUNDS=${ROUNDS:-10}
export DEGREE=${DEGREE:-3}
exec bash "$(dirname "$0")/run_xtimes.sh" "${1:-}" "${@:2}"
