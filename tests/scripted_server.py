"""A server on the loopback that answers JSON as it was told, and remembers what it was asked."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Script(ThreadingHTTPServer):
    """Answers with the replies it was given, in order, the last one for ever."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies, self.seen = [(200, {}, {"ok": True})], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append(
            (self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        )
        replies = self.server.replies
        status, headers, reply = replies.pop(0) if len(replies) > 1 else replies[0]
        raw = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = answer  # noqa: N815  # the names http.server looks for

    def log_message(self, *args):
        pass


@contextmanager
def scripted():
    """The server while it runs."""
    with Script() as script:
        thread = threading.Thread(target=script.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield script
        finally:
            script.shutdown()
            thread.join()
