"""Stands in for vllm.entrypoints.openai.api_server: the same log lines, a child, the same three routes; started as a process.

$FAKE_VLLM says what goes wrong: die:<line of the log>, deaf (neither parent nor child heeds SIGTERM), slow:<seconds>, taken.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHILD = ["sh", "-c", "trap '' TERM; exec sleep 600"]
LINES = [
    "non-default args: {}",
    "Resolved architecture: X",
    "Starting to load model x...",
    "Loading weights took 1 s",
    "init engine (x) took 1 s",
]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--port", "--host", "--served-model-name", "--model"):
        parser.add_argument(name)
    options, _ = parser.parse_known_args()
    kind, _, value = os.environ.get("FAKE_VLLM", "").partition(":")
    say(LINES[0])
    subprocess.Popen(CHILD)
    if kind == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if kind == "die":
        say(value)
        sys.exit(1)
    if kind == "taken" and options.port == value:
        say("ERROR: [Errno 98] error while attempting to bind on address ('127.0.0.1', 1): address already in use")
        sys.exit(1)
    for line in LINES[1:]:
        say(line)
    time.sleep(float(value) if kind == "slow" else 0.1)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"data": [{"id": options.served_model_name}]}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    ThreadingHTTPServer((options.host, int(options.port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
