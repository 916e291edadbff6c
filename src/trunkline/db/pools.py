"""Pools of connections to PostgreSQL that wait where it has no connection left."""

from __future__ import annotations

import re
import time

from psycopg import OperationalError
from sqlalchemy import AsyncAdaptedQueuePool, QueuePool
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.queue import Empty

from trunkline.db.connections import WAIT_SECONDS

PAUSE = 0.1  # between two tries to open one
# Libpq tells it by its words alone, and whoever lets us in (PostgreSQL, PgBouncer) has its own.
FULL = re.compile("too many (clients|connections)|connection slots are reserved|no more connections allowed")


def is_full(error: BaseException | None) -> bool:
    """Whether a connection was refused for want of one."""
    return FULL.search(str(error)) is not None


class _Patient(QueuePool):
    """Who wants a connection while other processes have all that there are gets one that is given back to this pool, or
    to PostgreSQL."""

    def _do_get(self) -> ConnectionPoolEntry:
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                return super()._do_get()
            except OperationalError as error:
                if not is_full(error) or time.monotonic() > until:
                    raise
            try:
                return self._pool.get(True, PAUSE)
            except Empty:
                continue


class PatientPool(_Patient):
    """For an engine."""


class PatientAsyncPool(_Patient, AsyncAdaptedQueuePool):
    """For an asynchronous engine."""
