"""The cable between clients and service: it may cut an answer off, after the request went through, or hold it back."""

import random
import socket
import time
from contextlib import suppress

from tests.proxies import Proxy


class Cable(Proxy):
    """`cut`, `delayed`: how many of the answers, from 0 to 1."""

    def __init__(self, port: int, dice: random.Random) -> None:
        self.dice, self.cut, self.delayed = dice, 0.0, 0.0
        super().__init__("127.0.0.1", port)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError), source, sink:
            is_answer = source.getpeername() == self.target
            while data := source.recv(65536):
                if is_answer and self.dice.random() < self.delayed:
                    time.sleep(self.dice.uniform(0.1, 2))
                if is_answer and self.dice.random() < self.cut:
                    sink.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
