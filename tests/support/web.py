"""A web server on this machine, and archives for it to serve."""

import contextlib
import io
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Server(SimpleHTTPRequestHandler):
    """Files of a folder; of ``short.bin`` the second half is never sent."""

    def log_message(self, *args):
        pass

    def send_header(self, name, value):
        if name == "Content-Length" and self.path == "/short.bin":
            value = str(2 * int(value))
        super().send_header(name, value)


@contextlib.contextmanager
def serve(folder):
    """Serve a folder; yield its address."""
    handler = partial(Server, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def tar(path, *members):
    """Write a tar file of (name, content) and of whole members."""
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
