"""Start a service on this machine, walk through its API, and stop it."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from vibrator.service.client import Client


def main():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "vibrator", "serve", "--store", "sqlite://",
               "--port", str(port),
               "--slider", "depth=detailed technical documentation",
               "--slider", "cooking=quick weeknight recipes",
               "--slider", "trails=long mountain trails"]  # fmt: skip
    service = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(base, service)
        walk(base)
    finally:
        service.terminate()
        service.wait(30)


def walk(base):
    with Client(base) as client:
        client.observe("ada", "write", "how do gRPC deadlines propagate?")
        client.observe("bruno", "click", "one pan pasta for busy evenings")
        client.observe("chioma", "write", "ran the ridge path at dawn")
        client.put_items({
            "grpc": "a deep guide to gRPC",
            "pasta": "quick pasta for a weeknight",
            "ridge": "a long mountain ridge trail",
        })  # fmt: skip
        for person in ("ada", "bruno", "chioma"):
            best = client.rank(person, 1).items[0]
            print(f"{person}: {best.item_id} ({best.best_slider} {best.probability:.0%})")
        decision = client.decide("chioma", ["grpc", "pasta", "ridge"])
        print("decided:", decision.chosen or "nothing", "because of", decision.reason)
        told = client.outcome(decision.decision_id, "done", dwell_ms=60_000)
        print("outcome kept:", told.accepted)


def wait_for(base, service):
    while service.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the service did not start: pip install 'vibrator[service]'")


if __name__ == "__main__":
    main()
