"""Coroutine tests run in a loop of their own, which must end without a task or a warning left."""

from __future__ import annotations

import asyncio
import inspect

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    asyncio.run(_checked(pyfuncitem.obj(**arguments)))
    return True


async def _checked(test: object) -> None:
    surprises: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: surprises.append(str(context))
    )
    assert inspect.iscoroutine(test)
    await test
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks left behind: {left}"
    assert not surprises
