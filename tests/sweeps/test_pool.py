"""Breaks when a sweep runs too many at once, loses a point, or leaves runs behind."""

import signal
import sys
from pathlib import Path

import pytest

from decentralizepy.sweeps import meter, pool, record
from decentralizepy.sweeps.plan import Job
from decentralizepy.sweeps.points import Point
from tests.support import LIMIT_S

AWAIT = f"""
import pathlib, sys, time
def wait(name):
    deadline = time.monotonic() + {LIMIT_S}
    while not pathlib.Path(name).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """Return a function that makes a job for each program."""

    def jobs(*texts):
        monkeypatch.chdir(tmp_path)
        for number, text in enumerate(texts):
            Path(f"{number}.py").write_text(AWAIT + text)
        return [
            Job(Point(name, ()), Path(name), record.Record([], ""), False, 0, None)
            for name in map(str, range(len(texts)))
        ]

    return jobs


def main(words):
    """Run a job's program instead of the command."""
    log_dir = Path(words[words.index("--log_dir") + 1])
    exec(Path(f"{log_dir.parent}.py").read_text(), {})
    return 0


def statuses(ended):
    return {job.point.name: (job.done, job.record.exit_status) for job in ended}


def test_a_failed_point_does_not_end_the_others(jobs):
    ended = pool.Pool(main, [], 1).run(jobs("sys.exit(3)", "pass"))
    assert statuses(ended) == {"0": (False, 3), "1": (True, 0)}
    assert record.read(Path("0")).status == "failed"
    assert record.read(Path("1")).status == "done"


def test_the_last_line_tells_why_a_point_failed(jobs):
    [*_] = pool.Pool(main, [], 1).run(
        jobs("print('warning'); sys.exit('no such thing\\n')")
    )
    assert pool.reason(Path("0")) == "no such thing"


def test_a_run_has_what_the_sweep_has_imported(jobs, monkeypatch):
    monkeypatch.setitem(sys.modules, "slow_to_import", "here")
    [job] = pool.Pool(main, [], 1).run(jobs("import slow_to_import; print(sys.argv)"))
    assert job.done
    words = pool.command(job, [])
    assert pool.reason(Path("0")) == str([str(pool.PROGRAM), *words])


def test_what_processes_of_a_run_print_is_kept(jobs):
    echo = "import os; print('one'); os.system('echo two; echo three >&2')"
    [*_] = pool.Pool(main, [], 1).run(jobs(echo))
    assert Path("0", pool.OUTPUT).read_text() == "one\ntwo\nthree\n"


def test_as_many_run_at_once_as_are_allowed(jobs):
    meet = "open('{}', 'w'); wait('{}')"
    pair = jobs(meet.format("a", "b"), meet.format("b", "a"))
    assert statuses(pool.Pool(main, [], 2).run(pair)) == {
        "0": (True, 0),
        "1": (True, 0),
    }


def test_no_more_run_at_once_than_are_allowed(jobs):
    alone = "assert not pathlib.Path('here').exists(); open('here', 'w'); {}"
    leave = "pathlib.Path('here').unlink()"
    [*ended] = pool.Pool(main, [], 1).run(jobs(*[alone.format(leave)] * 3))
    assert all(job.done for job in ended)


def test_runs_are_stopped_when_the_sweep_is(jobs):
    endless = "open('started', 'w'); wait('never')"
    runs = pool.Pool(main, [], 2)
    ending = runs.run(jobs("wait('started')", endless))
    assert next(ending).point.name == "0"
    (other,) = runs.running.values()
    ending.close()
    assert other.process.exitcode == -signal.SIGTERM
    assert record.read(Path("1")).status == "started"  # to be run again


def test_the_first_run_is_measured_alone(jobs, monkeypatch, capsys):
    monkeypatch.setattr(pool, "at_once", lambda cores, memory: 2)
    meet = "open('{}', 'w'); wait('{}')"
    pair = meet.format("a", "b"), meet.format("b", "a")
    alone = "assert not pathlib.Path('a').exists()"
    [*ended] = pool.Pool(main, []).run(jobs(alone, *pair))
    assert [job.done for job in ended] == [True] * 3
    assert capsys.readouterr().out.startswith("2 at once: the first run keeps ")


@pytest.mark.parametrize(
    ("cores", "memory", "count"),
    [
        (1.0, 1, 4),
        (1.9, 1, 2),
        (0.1, 1, 4),  # one per core at most
        (9.0, 1, 1),
        (1.0, 300, 3),  # 0.8 x 1,000 bytes are free: two more
        (1.0, 5000, 1),
    ],
)
def test_cores_and_memory_limit_how_many_run_at_once(monkeypatch, cores, memory, count):
    monkeypatch.setattr(meter.Machine, "cores", lambda self: 4)
    free = meter.Machine.memory(meter.Machine())._replace(amount=1000)
    monkeypatch.setattr(meter.Machine, "memory", lambda self: free)
    assert meter.at_once(cores, memory) == count


def job(ports, checkpointed=0):
    point = Point("p", ())
    return Job(point, Path("p"), record.Record([], ""), False, checkpointed, ports)


def test_runs_at_once_have_ports_of_their_own():
    words = ["--iterations", "5"]
    first, second = (pool.command(job(range(96, 112)), words, n) for n in (0, 1))
    assert "--set" not in first
    assert second[second.index("--set") + 1] == "COMMUNICATION.offset=116"
    assert pool.command(job(None), words, 1) == pool.command(job(None), words, 0)


def test_a_point_with_checkpoints_is_resumed():
    words = pool.command(job(None, 20), ["--iterations", "5"])
    assert words == ["run", "--resume", "p/machine0"]
