"""Makes HTTP requests to an Orthanc beside it, in the namespace it runs in, and times them.

Usage: python -m tests.bench.rest PORT    (a JSON list of [method, path, body, limit] on stdin)
A body that is a string is the path of a file to send. The method JOB posts an asynchronous job and
waits for its end; its answer is the job's state, its seconds are Orthanc's own.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

LOOK_EVERY_S = 0.1


def main(port: str) -> None:
    """Make the requests, a connection each: Orthanc closes one that rests for a second."""
    answers = [_made(int(port), *request) for request in json.load(sys.stdin)]
    print(json.dumps(answers))


def _made(
    port: int,
    method: str,
    path: str,
    body: Any = None,
    limit_s: float = 0,
) -> dict[str, Any]:
    began = time.monotonic()
    if method == "JOB":
        return _job(port, path, body, limit_s)
    answer = _asked(port, method, path, body)
    return {"seconds": time.monotonic() - began, "answer": answer}


def _job(port: int, path: str, body: Any, limit_s: float) -> dict[str, Any]:
    job = _asked(port, "POST", path, body)["ID"]
    pause, deadline = threading.Event(), time.monotonic() + limit_s
    while (info := _asked(port, "GET", f"/jobs/{job}", None))["State"] in (
        "Pending",
        "Running",
    ):
        if time.monotonic() > deadline:
            _asked(port, "POST", f"/jobs/{job}/cancel", {})
            return {"seconds": limit_s, "answer": "too slow"}
        pause.wait(LOOK_EVERY_S)
    return {"seconds": info["EffectiveRuntime"], "answer": info["State"]}


def _asked(port: int, method: str, path: str, body: Any) -> Any:
    data = Path(body).read_bytes() if isinstance(body, str) else json.dumps(body or {}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3600)
    connection.request(method, path, data if method == "POST" else None)
    answer = connection.getresponse().read()
    connection.close()
    return json.loads(answer) if answer.strip() else None


if __name__ == "__main__":
    main(sys.argv[1])
