"""Runs one machine's part of an experiment: prepare, fork the nodes, watch, report."""

import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy.engines.engine import Engine
from decentralizepy.engines.failure import describe
from decentralizepy.engines.select import select_engine
from decentralizepy.errors import ConfigError, DecentralizepyError, NodeFailed
from decentralizepy.files import write_atomic
from decentralizepy.mappings.Mapping import Mapping
from decentralizepy.monitor.output import unfailing
from decentralizepy.monitor.tracker import Tracker
from decentralizepy.placement.placed import placed
from decentralizepy.placement.step import leave
from decentralizepy.results.lines import arrange
from decentralizepy.results.read import DATASET_FILE
from decentralizepy.runs import gather, lock
from decentralizepy.runs.emulation import is_asynchronous
from decentralizepy.runs.ended import PAUSED
from decentralizepy.runs.ending import complete_results, measure_final
from decentralizepy.runs.experiment import Experiment
from decentralizepy.runs.here import run_here
from decentralizepy.runs.losses import Begun, lost_peers, without_checkpoints
from decentralizepy.runs.machines import Machines
from decentralizepy.runs.pause import SIGNAL, Pause
from decentralizepy.runs.prepare import prepare, prepare_transport, resume
from decentralizepy.runs.scratch import Scratch
from decentralizepy.runs.signals import Stopped, end_once, hold
from decentralizepy.runs.spread import spread
from decentralizepy.runs.virtual_time import add_gathered, add_virtual_time
from decentralizepy.summary import draw, progress_of, report
from decentralizepy.utils import in_notebook

if TYPE_CHECKING:
    from decentralizepy.figures.preload import Preload
    from decentralizepy.monitor.progress import Progress
    from decentralizepy.monitor.screen import Screen

POLL_S = 0.5


def launch(
    node_class: Callable[..., Any] | str | None = None,
    service_class: Callable[..., Any] | str | None = None,
    mapping_class: type[Mapping] | None = None,
    argv: Sequence[str] | None = None,
    parser: ArgumentParser | None = None,
) -> None:
    """Run this machine's nodes to the end of the experiment, and exit.

    In a notebook, return instead, or raise an error if the exit status would not be 0.

    Parameters
    ----------
    node_class : class or str, optional
        What each process runs, or its import path, with which mistakes in the text of the
        INI file are found before torch is imported. By default as in section NODE, or
        DPSGDNode.
    service_class : class or str, optional
        A parameter server or peer sampler, started on ``--server_machine``.
    mapping_class : class, optional
        By default as in section MAPPING, or Linear.
    argv : list of str, optional
        Flags; those of the command line by default, none in a notebook.
    parser : argparse.ArgumentParser, optional
        The result of :func:`decentralizepy.utils.make_parser`, with a driver's own flags
        added, which are written to ``args.json``.

    Notes
    -----
    The exit status is 0 if every node ended well, 1 if one failed or could not write any
    checkpoint, or if a callback failed, 2 for what a user must mend before anything
    starts, 3 if a peer was lost, 75 after SIGUSR2, when all have a checkpoint of one
    round, 130 after Ctrl-C, 143 after SIGTERM and 129 after SIGHUP.
    """

    def whole() -> None:
        say("checking the experiment")
        with placed(argv, (node_class, service_class, mapping_class), parser) as found:
            run(found, say)

    with unfailing() as say:
        if in_notebook():
            run_here(whole)
        else:
            hold(SIGNAL)  # until nodes run
            sys.exit(leave(status_of(whole), argv, parser))


def status_of(run: Callable[[], None]) -> int:
    """Return the exit status of a run, and print why it is not 0."""
    try:
        with end_once():
            run()
    except (DecentralizepyError, Stopped) as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:  # in a thread
        print("stopped by Ctrl-C; results so far are saved", file=sys.stderr)
        return 128 + signal.SIGINT
    except Exception as error:  # a bug in a plug-in, found before the start
        print(f"{describe(error)}in the launcher", file=sys.stderr)
        return 1
    return 0


def run(experiment: Experiment, say: Callable[[str], None] = lambda text: None) -> None:
    """Prepare, start, watch and report; ``say`` what takes long; raise if a node failed."""
    args = experiment.args
    experiment.settings.tell(experiment.parts, args)
    log_dir = Path(args.log_dir)
    with (
        lock.hold(log_dir, args.machine_id) as folder,
        Scratch() as scratch,
        tracker_of(experiment) as tracker,
    ):
        prepare_transport(experiment, scratch)
        with spread(experiment, scratch), Machines(experiment) as machines:
            say("loading the data")
            prepare(experiment)
            note_dataset(experiment)
            if args.resume:
                resume(experiment)
            with gather.begun(experiment, machines) as gathering:
                say(f"starting {len(experiment.ranks)} nodes")
                progress, failure = run_recorded(
                    experiment, folder, machines, tracker, gathering
                )
                if gathering.sends and args.figures == "on":
                    draw(log_dir)
                failure = failure or gathering.finish()
        if not gathering.sends:
            add_gathered(experiment, gathering.folders)
            if not failure:
                say("testing the final models")
                measure_final(experiment, progress, gathering.folders)
            say("reading the results")
            report(progress, gathering.folders, figures=args.figures == "on")
        if failure := failure or without_checkpoints(experiment):
            raise failure


def tracker_of(experiment: Experiment) -> Tracker:
    """Return what calls the callback of section TRACKING, if there is one."""
    part = experiment.parts.sections.get("TRACKING")
    log_dir = Path(experiment.args.log_dir)
    return Tracker(part.build(log_dir) if part else None, log_dir, describe)


def run_recorded(
    experiment: Experiment,
    folder: lock.HeldFolder,
    machines: Machines,
    tracker: Tracker,
    gathering: gather.Gathering,
) -> "tuple[Progress, NodeFailed | None]":
    """Run the nodes, and record in manifest and results how they ended."""
    from decentralizepy.runs import manifest

    with manifest.kept(experiment) as record:
        tracker.start(record)
        try:
            progress, failure = run_nodes(
                experiment, folder, machines, tracker, gathering
            )
        finally:
            add_virtual_time(experiment)
            complete_results(Path(experiment.args.log_dir), experiment.ranks)
        record["outcome"] = failure.cause if failure else "done"
        record["ended_after"] = experiment.rounds_done
    return progress, failure


def run_nodes(
    experiment: Experiment,
    folder: lock.HeldFolder,
    machines: Machines,
    tracker: Tracker,
    gathering: gather.Gathering,
) -> "tuple[Progress, NodeFailed | None]":
    """Run the nodes to their end, restarting them if [FAULTS] on_peer_loss says so.

    Returns
    -------
    progress : Progress
    failure : NodeFailed or None
        A node that the others finished without.
    """
    left = experiment.args.max_restarts if machines.policy == "restart" else 0
    while True:
        lost: list[int] = []
        try:
            progress, failure, lost = attempt(
                experiment, folder, machines, tracker, gathering
            )
        except NodeFailed as error:
            machines.explain(error)
            if not left or error.exit_status in (ConfigError.exit_status, PAUSED):
                raise
            failure = error
        elsewhere = machines.settle(failure, lost)
        if machines.policy == "drop":
            if failure and elsewhere:  # the first one, and all of them
                print(elsewhere, file=sys.stderr)
            return progress, failure or elsewhere
        failure = failure or elsewhere
        if not failure:
            return progress, None
        if not left:
            raise failure
        number = experiment.start_from_checkpoints(least=0)
        told = f"{failure.cause}; restarting all nodes after round {number}"
        print(f"warning: {told}", file=sys.stderr)
        left -= 1


def attempt(
    experiment: Experiment,
    folder: lock.HeldFolder,
    machines: Machines,
    tracker: Tracker,
    gathering: gather.Gathering,
) -> "tuple[Progress, NodeFailed | None, list[int]]":
    """Start all nodes, and watch them to their end.

    Returns
    -------
    progress : Progress
    failure : NodeFailed or None
        The node that failed first, if the others finished without it.
    lost : list of int
        The uids of all nodes that they finished without.
    """
    from decentralizepy.figures.preload import Preload
    from decentralizepy.monitor.screen import Screen
    from decentralizepy.monitor.waiting import Locator
    from decentralizepy.runs.mean_model import MeanModelTests

    args, specs = experiment.args, experiment.specs()
    pause = Pause(experiment, machines, specs)
    progress = progress_of(experiment, gathering.places)
    arrange(args.log_dir, shared=args.engine != "process")
    tracker.follow(progress)
    begun, tests = Begun(specs), MeanModelTests(experiment)
    tests.begin()

    def check() -> None:
        folder.check()
        tests.poll()
        tracker.update()
        gathering.poll()
        pause.poll()
        if args.machines > 1:
            machines.check(not all(begun(each) for each in specs if each.rank >= 0))

    go_on = begun if machines.policy == "drop" else None
    network = experiment.network if is_asynchronous(experiment.node_class) else None
    with Preload() as figures, select_engine(args, specs, go_on, network) as nodes:
        nodes.start()
        progress.locator = Locator(nodes.places)
        with Screen(progress) as screen:
            watch(nodes, screen, check, figures if args.figures == "on" else None)
        tests.end()
        lost = {spec.uid for spec in nodes.failed}
        lost.update(lost_peers(Path(args.log_dir), experiment.ranks))
        return progress, nodes.failure(), sorted(lost)


def note_dataset(experiment: Experiment) -> None:
    """Record which data set the run uses, and whether it is generated."""
    from decentralizepy.datasets.generated import is_generated

    cls, options = experiment.parts["DATASET"]
    folders = [options[key] for key in ("train_dir", "test_dir") if options.get(key)]
    generated = any(is_generated(Path(str(folder))) for folder in folders)
    content = json.dumps({"class": cls.__name__, "generated": generated})
    write_atomic(Path(experiment.args.log_dir, DATASET_FILE), content)


def watch(
    nodes: Engine,
    screen: "Screen",
    check: Callable[[], None],
    figures: "Preload | None",
) -> None:
    """Show the run until all nodes have ended; a failed one ends it."""
    progress = screen.progress
    while not nodes.wait(POLL_S):
        check()
        screen.update(nodes.alive + progress.elsewhere)
        # not while nodes start
        if figures and 2 * progress.slowest > progress.iterations:
            figures.start()
    screen.update(progress.elsewhere)
