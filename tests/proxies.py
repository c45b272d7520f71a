"""A proxy before the database, which can stop to pass anything on: as a server that is frozen, or a cable that is cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """`flows`: whether bytes pass. New connections are taken all the same, as a system does for a frozen process.

    `forget`: the connections of now pass nothing any more, for good, and nobody is told; new ones do.
    `target`: where new connections lead; it may be changed, as a balancer does after a failover.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.flows = threading.Event()
        self.flows.set()
        self.lost: set[socket.socket] = set()
        self.current: set[socket.socket] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.flows.clear()
        try:
            yield
        finally:
            self.flows.set()

    def forget(self) -> None:
        self.lost |= self.current

    def close(self) -> None:
        self.flows.set()
        self.listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self.listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target)
        except OSError:  # nobody is there, just now
            client.close()
            return
        self.current |= {client, server}
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._pass_on, args=[source, sink], daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with source, sink:
            with suppress(OSError):
                while data := source.recv(65536):
                    self.flows.wait()
                    if source not in self.lost:
                        sink.sendall(data)
            # Closing alone would tell nobody while the other direction's thread still reads from it.
            for one in (source, sink):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(host: str, port: int) -> Iterator[Proxy]:
    running = Proxy(host, port)
    try:
        yield running
    finally:
        running.close()
