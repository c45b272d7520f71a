"""What processes cost, and what else the machine did meanwhile. Linux tells it in /proc; elsewhere nothing is known."""

import os
import resource
from collections.abc import Callable, Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def pinned(processor: int) -> Callable[[], None] | None:
    """For `preexec_fn`: the process and its children stay on one processor, so that a measured server and what asks it
    do not take turns on one."""
    if not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2:
        return None
    return lambda: os.sched_setaffinity(0, {processor})


def may_pin() -> bool:
    """Whether this process may do that with one of another user."""
    return hasattr(os, "sched_setaffinity") and os.getuid() == 0


def family(pid: int) -> list[int]:
    """A process and its children."""
    try:
        children = [int(one) for one in (PROC / f"{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in family(child))]


def cpu_seconds(pids: Iterable[int], *, ended: bool = False) -> float:
    """`ended`: with the children of each that have ended."""
    spent = 0
    for pid in pids:
        try:
            fields = (PROC / f"{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        spent += sum(map(int, fields[11 : 15 if ended else 13]))
    return spent / TICKS


def own_seconds(database: Iterable[int]) -> float:
    """CPU seconds of this process and of its children, also those that have ended, and of these servers with all that they ran."""
    children = family(os.getpid())[1:]
    spent = sum(resource.getrusage(whose).ru_utime + resource.getrusage(whose).ru_stime for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))  # fmt: skip
    return spent + cpu_seconds(children, ended=True) + cpu_seconds((one for pid in database for one in family(pid)), ended=True)  # fmt: skip


def megabytes(pids: Iterable[int]) -> float:
    """The most memory that any of them had."""
    most = 0
    for pid in pids:
        try:
            lines = (PROC / f"{pid}/status").read_text().splitlines()
        except OSError:
            continue
        most = max([most, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))])
    return most / 1024


def busy_seconds() -> float:
    """CPU seconds of the whole machine since it started; those that its host took away count, too."""
    try:
        fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / TICKS
