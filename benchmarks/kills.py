"""Kill random processes of many small runs, and check how each run ends.

``python -m benchmarks.kills --kills N --seed S`` prints one line per kill and the number
of each outcome. Every launcher that survives must name what was killed. Then the run must
end with the bits and bytes of an unbroken one, be refused before it starts again, or, with
``drop``, be finished by the others with status 1. If one ends otherwise, or not at all,
the exit status is 1.

With ``--machines 3``, the machines are network namespaces, which need root.
"""

import argparse
import contextlib
import importlib
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bits_worker import SLOW
from benchmarks.killed import LIMIT_S, NAMES, NEVER_SEEN, Kill, Run
from tests.support.namespaces import Cable

POLICIES = ("resume", "restart", "drop")
LATE_S = 3.0  # how soon a run should end after the kill, or after its last round
EQUAL, REFUSED = "equal bits and bytes", "refused before the start, status 2"
FINISHED, STOPPED = "survivors finished, status 1", "all stopped, nothing to finish"
WRONG, HUNG = "WRONG", "HUNG"


def judge(run: Run, kill: Kill, policy: str, clean: Run) -> tuple[str, float]:
    """Return the outcome of a run with a kill, and how late it ended, in seconds.

    That is the time from the kill or, if it is later, the last round of any node.
    """
    killed = time.time()
    codes = run.wait()
    if codes is None:
        return HUNG, LIMIT_S
    late = run.ended - max(killed, run.last_round())
    if any(map(NEVER_SEEN.search, run.screens())):
        late = 0.0  # nobody could know before start_timeout
    if not any(codes):
        return EQUAL if run.digest() == clean.digest() else WRONG, late
    if run.refused(codes):
        return REFUSED, late
    if not run.explains(codes, kill, dropped=False):
        return WRONG, late
    if policy == "drop" and (kill.process is not None or len(run.launchers) > 1):
        return judge_drop(run, kill, codes, clean), late
    return judge_resumed(run, clean), late


def judge_resumed(run: Run, clean: Run) -> str:
    """Resume a run; return how it ended."""
    run.start(resume=True)
    codes = run.wait()
    if codes is None:
        return HUNG
    if any(codes):
        return REFUSED if run.refused(codes) else WRONG
    return EQUAL if run.digest() == clean.digest() else WRONG


def judge_drop(run: Run, kill: Kill, codes: list[int], clean: Run) -> str:
    """Return how a run ended that its survivors should have finished.

    Without a service, or a node that had yet to start, there is nothing to finish.
    """
    served = run.serves and kill.machine == 0 and kill.process in (None, 0)
    if served or not kill.begun:
        return STOPPED
    ended, whole = run.rounds(), clean.rounds()
    # a server draws other clients without a lost one, so its own rounds count
    server = {name: whole[name] for name in whole if "-1_results" in name}
    missing = [n for n, count in (server or whole).items() if ended.get(n, 0) < count]
    may_miss = 0 if server else len(kill.lost)
    whole_but_lost = len(missing) <= may_miss
    return FINISHED if whole_but_lost and run.explains(codes, kill, True) else WRONG


def campaign(args: argparse.Namespace, folder: Path, cable: Cable | None) -> bool:
    """Run, kill and print; return whether every run ended as it should."""
    tally, clean = Counter[str](), dict[str, Run]()
    late = dict[str, list[float]]()
    pairs = itertools.cycle(itertools.product(POLICIES, args.names))
    numbered = itertools.islice(enumerate(pairs), args.first, args.first + args.kills)
    for number, (policy, name) in numbered:
        if name not in clean:
            clean[name] = Run(folder / f"clean-{name}", name, "resume", cable)
            clean[name].start()
            codes = clean[name].wait()
            assert codes == [0] * args.machines, "\n".join(clean[name].screens())
        run = Run(folder / f"{number:03}", name, policy, cable)
        run.start()
        kill = run.kill(random.Random(f"{args.seed} {number}"))
        outcome, took = judge(run, kill, policy, clean[name])
        tally[outcome] += 1
        late.setdefault(policy, []).append(took)
        print(f"{number:03} {name}, {policy}: {kill.words}: {outcome}, {took:.1f} s")
        if outcome == REFUSED:
            print("    " + run.refused([2] * args.machines))
        if outcome in (WRONG, HUNG) or took > LATE_S:
            print("\n".join(screen[-800:] for screen in run.screens()))
        sys.stdout.flush()
    for outcome, count in tally.most_common():
        print(f"{count:4} {outcome}")
    for policy, took_each in late.items():
        middle, most = statistics.median(took_each), max(took_each)
        print(
            f"{policy}: ended {middle:.1f} s (median) to {most:.1f} s after the cause"
        )
    return not (tally[WRONG] or tally[HUNG])


def main(argv: Sequence[str] | None = None) -> int:
    """Kill as the flags say; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="configurations (default: all)")
    parser.add_argument("--kills", type=int, default=39)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--machines", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder to keep the runs in")
    args = parser.parse_args(argv)
    args.names = args.names or NAMES
    for name in SLOW:
        importlib.import_module(name)
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-"))
        folder = (args.keep or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        cable = stack.enter_context(Cable(args.machines)) if args.machines > 1 else None
        if cable:
            (folder / "ip.json").write_text(json.dumps(cable.addresses))
        return 0 if campaign(args, folder, cable) else 1


if __name__ == "__main__":
    sys.exit(main())
