"""The process that runs jobs: one at a time, each in its own transaction, with a thread that says it lives."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from types import TracebackType

from django.conf import settings
from django.db import DatabaseError, OperationalError, close_old_connections, connection, transaction
from django.utils.translation import gettext_lazy as _

from overplane.database import replicas
from overplane.jobs import kinds, queue
from overplane.jobs.kinds import Lost, Refused, Run, Stopped
from overplane.jobs.models import Job
from overplane.thread_state import thread_state

logger = logging.getLogger(__name__)

BEAT_SECONDS = 2.0  # a cancelled job notices within so long; `queue.STALE` is thirty of them
POLL_SECONDS = 1.0  # a new job waits at most so long for an idle worker, which asks with one indexed query
MAINTENANCE_SECONDS = 15.0  # a quarter of `queue.STALE`, so a lost job is found soon after it is stale
BROKEN = _("Something went wrong on our side. The log has the details under this job's ID.")


class Beat:
    """Writes a run's progress every few seconds, on a connection of its own: the work's is in a transaction."""

    def __init__(self, run: Run, *, is_stopped: Callable[[], bool]) -> None:
        self.run, self.is_stopped = run, is_stopped
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.ended.set()
        self.thread.join()

    def _beat(self) -> None:
        try:
            while not self.ended.wait(BEAT_SECONDS):
                self.run.is_stopped = self.is_stopped()
                try:
                    self.run.is_lost = not queue.beat(self.run.job, self.run.done, self.run.total)
                except DatabaseError:
                    # SQLite: the work itself holds the write lock, and so nobody can give the job up meanwhile.
                    logger.debug("no beat", exc_info=True)
        finally:
            connection.close()


class Worker:
    def __init__(self) -> None:
        self.name = f"{socket.gethostname()[:60]}:{os.getpid()}"
        self.stopped = threading.Event()
        self._maintained_at = float("-inf")

    def run(self, *, until_idle: bool = False, is_orphan: Callable[[], bool] = lambda: False) -> None:
        """Runs jobs until it is told to stop (or, `until_idle`, until none waits)."""
        while not self.stopped.is_set() and not is_orphan():
            close_old_connections()
            try:
                self._maintain()
                if self.run_one():
                    continue
            except DatabaseError:
                logger.exception("The database does not answer; trying again.")
                connection.close()
            if until_idle:
                return
            self.stopped.wait(POLL_SECONDS)

    def stop(self) -> None:
        self.stopped.set()

    def _maintain(self) -> None:
        now = time.monotonic()
        if now - self._maintained_at > MAINTENANCE_SECONDS:
            self._maintained_at = now
            queue.recover()
            queue.enqueue_due()

    def run_one(self) -> bool:
        """Runs the oldest job that waits; False if there is none."""
        job = queue.claim(self.name)
        if job is None:
            return False
        with thread_state(job.id, job.language or settings.LANGUAGE_CODE):
            self._work(job)
        return True

    def _work(self, job: Job) -> None:
        kind, run = kinds.known[job.kind], Run(job)
        try:
            with Beat(run, is_stopped=self.stopped.is_set), transaction.atomic() if kind.atomic else nullcontext():
                result = kind.handler(run)
                with transaction.atomic():
                    queue.finish(job, result, run.done, run.total)
                    if kind.concluded:
                        kind.concluded(job, result or {})
        except Lost:
            logger.warning("%s was cancelled or taken over; its work is taken back.", job)
            replicas.wrote()  # or what it did in transactions of its own stays
        except Stopped:
            queue.release(job)
        except Refused as refusal:
            queue.fail(job, str(refusal))
        except OperationalError:
            logger.exception("%s: the database refused", job)
            queue.retry(job, str(BROKEN))
        except Exception:  # (a bug in one handler must not end the worker)
            logger.exception("%s failed", job)
            queue.fail(job, str(BROKEN))
