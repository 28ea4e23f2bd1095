#!/usr/bin/env bash
# run_all.sh with all INI files for CelebA; same arguments and environment.
cd "$(dirname "$0")/.." || exit
export CONFIGS=${CONFIGS:-$(echo eval/step_configs/config_celeba_*.ini)}
exec bash eval/run_all.sh "$@"
