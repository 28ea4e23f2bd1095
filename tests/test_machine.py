"""Fake kernels; breaks when a limit is overlooked, or free memory is miscounted."""

import os

import pytest

from decentralizepy.machine import Free, Machine

MIB = 1 << 20
UNLIMITED = 9223372036854771712  # what version 1 says


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


@pytest.fixture
def bare(tmp_path):
    """A machine of which 1000 MiB are free, without control groups."""
    write(tmp_path / "proc", meminfo="MemTotal: 9 kB\nMemAvailable:  1024000 kB")
    write(tmp_path / "proc", vmstat="pgfault 9\noom_kill 7")
    (tmp_path / "cgroup").mkdir()
    return Machine(tmp_path / "proc", tmp_path / "cgroup")


@pytest.fixture
def first(bare):
    """Version 1: 400 MiB around the group, of which 100 are used and 30 are cache."""
    write(bare.proc / "self", cgroup="9:pids:/\n5:memory:/outer/inner\n0::/")
    outer = bare.cgroups / "memory" / "outer"
    stat = f"total_active_file {10 * MIB}\ntotal_inactive_file {20 * MIB}"
    write(outer, memory__limit_in_bytes=400 * MIB, memory__stat=stat)
    write(outer, memory__usage_in_bytes=100 * MIB)
    inner = outer / "inner"
    write(inner, memory__limit_in_bytes=UNLIMITED, memory__usage_in_bytes=5 * MIB)
    write(inner, memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 3")
    return bare


@pytest.fixture
def second(bare):
    """Version 2: 300 MiB, of which 50 are used, and 20 processes, of which 5 run."""
    write(bare.proc / "self", cgroup="0::/run")
    group = bare.cgroups / "run"
    write(group, memory__max=300 * MIB, memory__current=50 * MIB)
    write(group, memory__events="low 0\noom 2\noom_kill 2")
    write(group, pids__max=20, pids__current=5)
    return bare


def test_the_cores_are_those_that_this_process_may_run_on(bare, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 2, 5, 7})
    assert bare.cores() == 4


def test_a_quota_of_version_1_limits_the_cores_and_is_rounded_up(first, monkeypatch):
    """Four cores' worth around the group, and two and a half for the group."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {*range(8)})
    write(first.proc / "self", cgroup="4:cpu,cpuacct:/outer/inner")
    outer = first.cgroups / "cpu" / "outer"
    write(outer, cpu__cfs_quota_us=400_000, cpu__cfs_period_us=100_000)
    assert first.cores() == 4
    write(outer / "inner", cpu__cfs_quota_us=250_000, cpu__cfs_period_us=100_000)
    assert first.cores() == 3
    write(outer / "inner", cpu__cfs_quota_us=-1)
    assert first.cores() == 4


def test_a_quota_of_version_2_limits_the_cores(second, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {*range(8)})
    write(second.cgroups / "run", cpu__max="max 100000")
    assert second.cores() == 8
    write(second.cgroups / "run", cpu__max="50000 100000")
    assert second.cores() == 1


def test_without_groups_the_kernel_alone_says_what_is_free(bare):
    assert bare.memory() == Free(1000 * MIB, "MemAvailable")
    assert bare.threads() is None
    assert bare.oom_kills() == 7


def test_the_narrowest_group_of_version_1_counts_and_its_cache_is_free(first):
    where = first.cgroups / "memory" / "outer" / "memory.limit_in_bytes"
    assert first.memory() == Free(330 * MIB, str(where))
    assert first.oom_kills() == 3


def test_version_2(second):
    where = second.cgroups / "run"
    assert second.memory() == Free(250 * MIB, str(where / "memory.max"))
    assert second.threads() == Free(15, str(where / "pids.max"))
    assert second.oom_kills() == 2


def test_a_group_without_a_limit_leaves_all(second):
    group = second.cgroups / "run"
    write(group, memory__max="max", pids__max="max")
    assert second.memory() == Free(1000 * MIB, "MemAvailable")
    assert second.threads() is None


def test_version_2_beside_version_1(second):
    """As systemd's hybrid: version 2 is mounted at ``unified``."""
    (second.cgroups / "unified").mkdir()
    (second.cgroups / "run").rename(second.cgroups / "unified" / "run")
    assert second.memory().amount == 250 * MIB


def test_a_container_sees_its_own_group_as_the_root(second):
    """The path is the host's, and is not there; what is at the root is the group's."""
    write(second.proc / "self", cgroup="0::/../../kubepods/pod1")
    for path in (second.cgroups / "run").iterdir():
        path.rename(second.cgroups / path.name)
    assert second.memory().amount == 250 * MIB


def test_a_full_group_leaves_nothing(second):
    write(second.cgroups / "run", memory__current=310 * MIB, pids__current=30)
    assert second.memory().amount == 0
    assert second.threads().amount == 0


def test_what_is_not_linux_says_nothing(tmp_path):
    machine = Machine(tmp_path / "proc", tmp_path / "cgroup")
    assert machine.memory() is None
    assert machine.threads() is None
    assert machine.oom_kills() == 0


def test_this_machine_has_some_memory():
    assert Machine().memory().amount > 16 * MIB
