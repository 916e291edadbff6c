"""A load generator on raw sockets: as fast as it goes, or at a fixed rate; each answer is compared in full."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

Exchange = tuple[bytes, bytes]


@dataclass
class Measured:
    """`latencies` in seconds; at a fixed rate they count from when a request was due, sent or not."""

    seconds: float
    correct: int = 0
    wrong: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.correct / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Line:
    """One kept-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self._expected = b""
        self._got = b""

    def ask(self, exchange: Exchange, due: float) -> None:
        self.due, self._expected, self._got = due, exchange[1], b""
        assert self.socket.send(exchange[0]) == len(exchange[0]), "the socket's buffer is too small"

    def heard(self) -> bool | None:
        """Whether the answer is right; None while it is not complete."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self._got += chunk
        end = self._got.find(b"\r\n\r\n")
        if end < 0 or len(self._got) < end + 4 + content_length(self._got[:end]):
            return None
        return self._got.startswith(b"HTTP/1.1 200 ") and self._got[end + 4 :] == self._expected


def content_length(head: bytes) -> int:
    start = head.lower().index(b"content-length:") + 15
    end = head.find(b"\r\n", start)
    return int(head[start : end if end > 0 else len(head)])


def full_speed(port: int, exchanges: Sequence[Exchange], lines: int, seconds: float) -> Measured:
    """Every connection asks again as soon as it has its answer."""
    poll = select.epoll()
    by_file = {line.socket.fileno(): line for line in (Line(port) for _ in range(lines))}
    position, result = 0, Measured(seconds)
    started = time.perf_counter()
    for line in by_file.values():
        poll.register(line.socket, select.EPOLLIN)
        line.ask(exchanges[position % len(exchanges)], started)
        position += 1
    while (now := time.perf_counter()) < started + seconds:
        for file, _ in poll.poll(0.1):
            line = by_file[file]
            right = line.heard()
            if right is not None:
                result.correct += right
                result.wrong += not right
                line.ask(exchanges[position % len(exchanges)], now)
                position += 1
    result.seconds = time.perf_counter() - started
    for line in by_file.values():
        line.socket.close()
    return result


def fixed_rate(port: int, exchanges: Sequence[Exchange], lines: int, rate: float, seconds: float) -> Measured:
    """A request every 1/rate seconds, whatever became of those before."""
    by_file = {line.socket.fileno(): line for line in (Line(port) for _ in range(lines))}
    idle = deque(by_file.values())
    result, total = Measured(seconds), int(rate * seconds)
    started, sent = time.perf_counter() + 0.01, 0
    while result.correct + result.wrong < total:
        now = time.perf_counter()
        if now > started + seconds + 20:
            raise TimeoutError("the server does not keep up")
        while sent < total and idle and (due := started + sent / rate) <= now:
            idle.popleft().ask(exchanges[sent % len(exchanges)], due)
            sent += 1
        wait = max(0.0, started + sent / rate - now) if sent < total and idle else 0.1
        for file in select.select(by_file, [], [], wait)[0]:
            line = by_file[file]
            right = line.heard()
            if right is not None:
                result.latencies.append(time.perf_counter() - line.due)
                result.correct += right
                result.wrong += not right
                idle.append(line)
    result.seconds = time.perf_counter() - started
    for line in by_file.values():
        line.socket.close()
    return result
