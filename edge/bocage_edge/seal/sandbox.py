"""Locks the calling process in: no files, no network, no other programs, no other processes.

For a codec worker once it has loaded what it needs: it keeps the descriptors it has and may
compute, nothing else. Two independent walls, each used where the kernel has it:

- Landlock with no rule at all: no path can be opened, made or run, no TCP port reached, no signal
  sent and no abstract socket named outside;
- seccomp: a list of the system calls that computing needs; every other one fails with EPERM, and
  memory cannot be made executable.

Around them resource limits, no new privileges, not dumpable (no ptrace, no core), and death with
the thread that started us.

Source: landlock(7), seccomp(2), prctl(2), setrlimit(2); linux/landlock.h, linux/filter.h
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from dataclasses import dataclass

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
# asm-generic/unistd.h; the same numbers on x86-64 and aarch64
SYS_LANDLOCK_CREATE_RULESET = 444
SYS_LANDLOCK_RESTRICT_SELF = 446
LANDLOCK_CREATE_RULESET_VERSION = 1
# linux/landlock.h: number of rights on files, by version of the interface
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
LATEST_FILE_RIGHTS = 16
NET_RIGHTS_SINCE, NET_RIGHTS = 4, 0b11
SCOPES_SINCE, SCOPES = 6, 0b11
# linux/seccomp.h, linux/audit.h, linux/filter.h
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_ERRNO = 0x00050000
SECCOMP_RET_KILL_PROCESS = 0x80000000
BPF_LOAD, BPF_EQUAL, BPF_AT_LEAST, BPF_ANY_BIT, BPF_RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, ARCH_AT, THIRD_ARGUMENT_AT = 0, 4, 32  # struct seccomp_data, little endian
X32_BIT = 0x40000000
PROT_EXEC = 4


# asm/unistd_64.h and asm-generic/unistd.h: what computing needs, on x86-64 and aarch64
ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "munmap": (11, 215),
    "brk": (12, 214),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "readv": (19, 65),
    "writev": (20, 66),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "sched_yield": (24, 124),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "futex": (202, 98),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
    "sched_getaffinity": (204, 123),
    "rseq": (334, 293),
    "membarrier": (324, 283),
}
# Allowed unless they make memory executable
GUARDED = {"mmap": (9, 222), "mprotect": (10, 226)}


@dataclass(frozen=True, slots=True)
class Machine:
    """One processor architecture."""

    audit_arch: int
    seccomp: int  # number of that system call
    column: int  # of the tables above


MACHINES = {"x86_64": Machine(0xC000003E, 317, 0), "aarch64": Machine(0xC00000B7, 277, 1)}


@dataclass(frozen=True, slots=True)
class Walls:
    """Which walls stand."""

    landlock: int  # version of the interface; 0 where the kernel has none
    seccomp: bool


class SandboxError(Exception):
    """A wall that this kernel has could not be put up: do not go on."""


def follow_parent_to_death(parent: int) -> None:
    """End with the thread that started us; at once where it has gone already."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


def confine(*, memory_bytes: int) -> Walls:
    """Put up the walls around this process, for good.

    Args:
        memory_bytes: of address space the process may take.

    Raises:
        SandboxError: it has more than one thread (the walls stand around one only), or a wall
            failed although the kernel has it.
    """
    if len(os.listdir("/proc/self/task")) != 1:
        raise SandboxError("another thread would stay outside")
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_DUMPABLE, 0)
    for limit, value in _limits(memory_bytes):
        resource.setrlimit(limit, (value, value))
    return Walls(_landlock(), _seccomp())


def _limits(memory_bytes: int) -> tuple[tuple[int, int], ...]:
    return (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    )


def _landlock() -> int:
    version = _syscall(
        SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_CREATE_RULESET_VERSION
    )
    if version <= 0:
        return 0
    rights = (1 << FILE_RIGHTS.get(version, LATEST_FILE_RIGHTS)) - 1
    fields = [rights]
    if version >= NET_RIGHTS_SINCE:
        fields.append(NET_RIGHTS)
    if version >= SCOPES_SINCE:
        fields.append(SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _syscall(SYS_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        raise SandboxError(f"Landlock refused its rules: {_last_error()}")
    if _syscall(SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0:
        raise SandboxError(f"Landlock refused to confine: {_last_error()}")
    os.close(ruleset)
    return version


def _seccomp() -> bool:
    machine = MACHINES.get(platform.machine())
    if machine is None or sys.byteorder != "little":
        return False
    code = filter_program(machine)
    program = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(program))
    if _syscall(machine.seccomp, SECCOMP_SET_MODE_FILTER, 0, header) == 0:
        return True
    if ctypes.get_errno() in (errno.ENOSYS, errno.EINVAL):
        return False  # a kernel without seccomp filters
    raise SandboxError(f"seccomp refused the filter: {_last_error()}")


def filter_program(machine: Machine) -> bytes:
    """Assemble the classic BPF program: an array of `struct sock_filter`, 8 bytes each."""
    refuse = _op(BPF_RETURN, SECCOMP_RET_ERRNO | errno.EPERM)
    allow = _op(BPF_RETURN, SECCOMP_RET_ALLOW)
    code = [
        _op(BPF_LOAD, ARCH_AT),
        _op(BPF_EQUAL, machine.audit_arch, yes=1),
        _op(BPF_RETURN, SECCOMP_RET_KILL_PROCESS),
        _op(BPF_LOAD, NUMBER_AT),
        _op(BPF_AT_LEAST, X32_BIT, no=1),
        refuse,
    ]
    for numbers in ALLOWED.values():
        code += [_op(BPF_EQUAL, numbers[machine.column], no=1), allow]
    for numbers in GUARDED.values():
        code += [
            _op(BPF_EQUAL, numbers[machine.column], no=4),
            _op(BPF_LOAD, THIRD_ARGUMENT_AT),
            _op(BPF_ANY_BIT, PROT_EXEC, no=1),
            refuse,
            allow,
        ]
    return b"".join([*code, refuse])


def _op(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, value)


_libc = ctypes.CDLL(None, use_errno=True)


def _syscall(number: int, *arguments: object) -> int:
    return int(_libc.syscall(ctypes.c_long(number), *arguments))


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    if _libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero) != 0:
        raise SandboxError(f"prctl {option}: {_last_error()}")


def _last_error() -> str:
    return os.strerror(ctypes.get_errno())


def die_first() -> None:
    """Ask the kernel to end this process before any other when memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
