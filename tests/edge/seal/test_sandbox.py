from __future__ import annotations

import errno
import struct

import pytest

from bocage_edge.seal.sandbox import (
    ALLOWED,
    GUARDED,
    MACHINES,
    PROT_EXEC,
    SECCOMP_RET_ALLOW,
    SECCOMP_RET_ERRNO,
    SECCOMP_RET_KILL_PROCESS,
    Machine,
    filter_program,
)

REFUSED = SECCOMP_RET_ERRNO | errno.EPERM
# asm/unistd_64.h and asm-generic/unistd.h
FORBIDDEN = {
    "x86_64": {"open": 2, "openat": 257, "socket": 41, "connect": 42, "clone": 56, "execve": 59}
    | {"kill": 62, "ptrace": 101, "clone3": 435, "io_uring_setup": 425, "process_vm_readv": 310},
    "aarch64": {"openat": 56, "socket": 198, "connect": 203, "clone": 220, "execve": 221}
    | {"kill": 129, "ptrace": 117, "clone3": 435, "io_uring_setup": 425, "process_vm_readv": 270},
}
BOTH = pytest.mark.parametrize("name", sorted(MACHINES))


def verdict(machine: Machine, number: int, third: int = 0, arch: int | None = None) -> int:
    """Run the filter as the kernel would. Source: linux/filter.h, bpf(2)."""
    audit = machine.audit_arch if arch is None else arch
    data = struct.pack("<IIQ6Q", number, audit, 0, 0, 0, third, 0, 0, 0)
    program = list(struct.iter_unpack("<HBBI", filter_program(machine)))
    at = accumulator = 0
    while True:
        code, yes, no, value = program[at]
        if code == 0x06:
            return int(value)
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
            at += 1
            continue
        test = {0x15: accumulator == value, 0x35: accumulator >= value}
        test[0x45] = bool(accumulator & value)
        at += 1 + (yes if test[code] else no)


@BOTH
def test_computing_is_allowed(name: str) -> None:
    machine = MACHINES[name]
    for numbers in ALLOWED.values():
        assert verdict(machine, numbers[machine.column]) == SECCOMP_RET_ALLOW


@BOTH
def test_everything_else_is_refused(name: str) -> None:
    machine = MACHINES[name]
    allowed = {numbers[machine.column] for numbers in (ALLOWED | GUARDED).values()}
    assert not allowed & set(FORBIDDEN[name].values())
    for number in range(1000):
        if number not in allowed:
            assert verdict(machine, number) == REFUSED


@BOTH
def test_memory_cannot_be_made_executable(name: str) -> None:
    machine = MACHINES[name]
    for numbers in GUARDED.values():
        number = numbers[machine.column]
        assert verdict(machine, number, third=3) == SECCOMP_RET_ALLOW
        assert verdict(machine, number, third=3 | PROT_EXEC) == REFUSED


@BOTH
def test_calls_of_another_architecture_end_the_process(name: str) -> None:
    machine = MACHINES[name]
    assert verdict(machine, 0, arch=0x40000003) == SECCOMP_RET_KILL_PROCESS


def test_the_second_set_of_numbers_of_x86_64_is_refused() -> None:
    machine = MACHINES["x86_64"]
    assert verdict(machine, 0x40000000 | ALLOWED["read"][0]) == REFUSED
