"""Launchers of several machines, all of them on this one."""

import subprocess

from tests.support import LIMIT_S, ROOT

COUNT = 3


class Launchers:
    """Starts commands; those still running are killed at the end."""

    def __init__(self):
        self.started = []

    def __call__(self, words, cwd=ROOT, **options):
        process = subprocess.Popen(
            words,
            cwd=cwd,
            **options,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def end(self):
        for process in self.started:
            process.kill()
            process.communicate()


def ends(launchers):
    """Return exit status, output and errors of each launcher."""
    told = [each.communicate(timeout=LIMIT_S) for each in launchers]
    return [
        (each.returncode, *text) for each, text in zip(launchers, told, strict=True)
    ]
