from __future__ import annotations

import os
import signal
from concurrent.futures import Future

import numpy as np
import pytest

from bocage_edge.seal.errors import CodecFailedError
from bocage_edge.seal.layout import FrameLayout, PixelFormat
from bocage_edge.seal.pool import Budget, CodecPool
from bocage_edge.seal.syntax import JPEG_2000_LOSSLESS, RLE_LOSSLESS

pytestmark = pytest.mark.processes

BIG_SIDE = 4096
BIG = FrameLayout(BIG_SIDE, BIG_SIDE, 1, 16, False, False, False)
SMALL = FrameLayout(64, 64, 1, 16, False, False, False)


def noise(layout: FrameLayout) -> bytes:
    return np.random.default_rng(5).integers(0, 256, layout.size_bytes, np.uint8).tobytes()


def test_a_frame_comes_back_exactly(pool: CodecPool) -> None:
    frame = noise(SMALL)
    stream = pool.code_block(SMALL, frame).result(30)
    assert pool.open_block(SMALL, stream).result(30) == frame


def test_a_worker_can_do_nothing_but_compute(pool: CodecPool) -> None:
    said = pool.try_walls().result(30)
    assert len(said) >= 10
    assert {name: how for name, how in said.items() if how not in ("EPERM", "EACCES")} == {}


def test_the_kernel_here_has_both_walls(pool: CodecPool) -> None:
    pool.try_walls().result(30)
    assert pool.walls is not None
    assert pool.walls.seccomp
    assert pool.walls.landlock >= 1


def test_killing_the_worker_in_mid_frame_costs_nothing() -> None:
    with CodecPool(1) as pool:
        frame, big = noise(SMALL), noise(BIG)
        pool.code_block(SMALL, frame).result(30)
        coded = pool.code_block(BIG, big)
        (pid,) = kill_worker_at(pool, coded)
        assert pool.open_block(BIG, coded.result(30)).result(30) == big
        assert pool.worker_pids() != [pid]
        assert pool.backlog_bytes == 0


def test_a_frame_that_ends_two_workers_is_given_up_and_costs_no_other() -> None:
    with CodecPool(1) as pool:
        frame = noise(SMALL)
        pool.code_block(SMALL, frame).result(30)
        big = pool.code_block(BIG, noise(BIG))
        following = pool.code_block(SMALL, frame)
        first = kill_worker_at(pool, big)
        while pool.worker_pids() in ([], first):
            assert not big.done()
        kill_worker_at(pool, big)
        with pytest.raises(CodecFailedError):
            big.result(30)
        assert pool.open_block(SMALL, following.result(30)).result(30) == frame
        assert pool.backlog_bytes == 0


def kill_worker_at(pool: CodecPool, job: Future[bytes]) -> list[int]:
    """Kill the one worker while it is at a job; gives its process id."""
    while not job.running():
        assert not job.done()
    pids = pool.worker_pids()
    os.kill(pids[0], signal.SIGKILL)
    return pids


def test_a_frame_that_takes_too_long_is_given_up() -> None:
    with CodecPool(1, job_within_s=0.05) as pool:
        with pytest.raises(CodecFailedError):
            pool.code_block(BIG, noise(BIG)).result(30)
        assert pool.backlog_bytes == 0


def test_a_worker_that_cannot_start_fails_the_job_and_not_us() -> None:
    with CodecPool(1, argv=["/bin/false"]) as pool, pytest.raises(CodecFailedError):
        pool.code_block(SMALL, noise(SMALL)).result(30)


@pytest.mark.parametrize("stream", [b"", b"\xff\x4f\xff\x51" + bytes(100), b"x" * 1000])
def test_nonsense_is_refused_and_the_worker_lives_on(pool: CodecPool, stream: bytes) -> None:
    form = PixelFormat(64, 64, 1, 16, 12, False, "MONOCHROME2")
    with pytest.raises(CodecFailedError):
        pool.open_block(SMALL, stream).result(30)
    for syntax in (JPEG_2000_LOSSLESS, RLE_LOSSLESS, "1.2.3"):
        with pytest.raises(CodecFailedError):
            pool.decode(syntax, form, stream).result(30)
    assert len(pool.code_block(SMALL, noise(SMALL)).result(30)) > 0


def test_another_frame_than_announced_is_refused(pool: CodecPool) -> None:
    stream = pool.code_block(SMALL, noise(SMALL)).result(30)
    other = FrameLayout(32, 64, 1, 16, False, False, False)
    with pytest.raises(CodecFailedError):
        pool.open_block(other, stream).result(30)


def test_closing_fails_what_waits_and_leaves_no_process() -> None:
    pool = CodecPool(1)
    pool.code_block(SMALL, noise(SMALL)).result(30)
    (pid,) = pool.worker_pids()
    waiting = [pool.code_block(BIG, noise(BIG)) for _ in range(3)]
    pool.close()
    for each in waiting:
        with pytest.raises(CodecFailedError):
            each.result(30)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_budget_is_shared_and_one_may_always() -> None:
    budget = Budget(100)
    assert budget.try_take(500)
    assert not budget.try_take(1)
    budget.give_back(500)
    assert budget.try_take(60)
    assert budget.try_take(40)
    assert not budget.try_take(1)
    assert budget.taken == 100
