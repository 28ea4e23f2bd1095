"""What observers of a run learned, as a metric of the run."""

from dataclasses import replace

from decentralizepy.audit.measure import Settings, audit, places
from decentralizepy.reproduce.measures import LEAKED
from decentralizepy.results.methods import Found

_LOSS_THRESHOLD = Settings(shadows=0, rounds=5)


def audited(found: Found) -> Found:
    """Return a run with the AUC of membership inference, by the loss, in percent.

    Raises
    ------
    DataError
        If nothing was observed.
    """
    numbers = audit(places(found), _LOSS_THRESHOLD).numbers()
    leaked = {n: 100 * of["mia_auc"] for n, of in numbers.items() if "mia_auc" in of}
    run = replace(found.run, final={**found.run.final, LEAKED: leaked})
    return replace(found, run=run)
