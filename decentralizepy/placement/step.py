"""Ends the Slurm job step of a run that has lost a machine."""

import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from decentralizepy import utils
from decentralizepy.errors import PeerError
from decentralizepy.placement.find import started_by

GRACE_S = 5.0  # for the launchers of other machines, which lose the peer, too
LIMIT_S = 10.0  # for scancel to answer


def leave(
    status: int, argv: Sequence[str] | None, parser: ArgumentParser | None
) -> int:
    """Cancel the job step of this launcher if it has lost a peer; return its status.

    ``srun`` would wait for the tasks of a dead host until Slurm itself gives the host up,
    by default after 300 seconds (``SlurmdTimeout``).

    Parameters
    ----------
    status
        The exit status of the launcher.
    argv, parser
        As for :func:`decentralizepy.utils.given`.
    """
    if status != PeerError.exit_status:
        return status
    if step := step_of(utils.given(argv, parser), os.environ):
        sys.stdout.flush()  # Slurm will kill this launcher, too
        time.sleep(GRACE_S)
        with suppress(OSError, subprocess.TimeoutExpired):  # no scancel on this node
            subprocess.run(["scancel", "--quiet", step], timeout=LIMIT_S)
    return status


def step_of(chosen: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Return the step that runs a launcher on each of several machines; "" if none does.

    Arguments as for :func:`decentralizepy.placement.find.find`.
    """
    started = started_by(chosen, environ)
    if not started or started[0] != "slurm" or started[1].machines == 1:
        return ""
    return f"{environ['SLURM_JOB_ID']}.{environ['SLURM_STEP_ID']}"
