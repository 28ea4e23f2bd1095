"""What observers of a run learned, as a metric of the run."""

from dataclasses import replace

from decentralizepy.audit.measure import Settings, audit, places
from decentralizepy.reproduce.measures import LEAKS
from decentralizepy.results.methods import Found

_LOSS_THRESHOLD = Settings(shadows=0, rounds=5)


def audited(found: Found) -> Found:
    """Return a run with the metrics of an audit that claims are about, in percent.

    Raises
    ------
    DataError
        If nothing was observed.
    """
    numbers = audit(places(found), _LOSS_THRESHOLD).numbers()
    leaked = {
        name: {n: 100 * of[name] for n, of in numbers.items() if name in of}
        for name in LEAKS.values()
    }
    run = replace(found.run, final={**found.run.final, **leaked})
    return replace(found, run=run)
