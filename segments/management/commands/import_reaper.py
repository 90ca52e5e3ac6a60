"""`manage.py import_reaper`: recovers stuck imports, every few seconds."""

import json
import logging
import signal
from argparse import ArgumentParser
from dataclasses import asdict
from threading import Event
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from segments.db.errors import outages
from segments.operations import reaper, retention

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Runs until it is stopped by SIGINT (Ctrl-C) or SIGTERM.

    Any number may run, on any machine: one of them works at a time.
    """

    help = "Requeue lost work, fail imports that are out of attempts, and remove old data."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Once, or for ever."""
        parser.add_argument("--once", action="store_true", help="run once and exit")
        parser.add_argument("--json", action="store_true", help="with --once: one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the reaper again and again."""
        if options["once"]:
            self._answer(as_json=options["json"])
        else:
            _run_until_stopped(_stopped_by_signal())

    def _answer(self, *, as_json: bool) -> None:
        swept, cleaned = reaper.sweep(), retention.clean_up()
        done = {**(asdict(swept) if swept is not None else {}), **asdict(cleaned)}
        if as_json:
            self.stdout.write(json.dumps(done))
        else:
            if swept is None:
                self.stdout.write("Another reaper is running.")
            for what, count in done.items():
                self.stdout.write(f"{what.replace('_', ' ')}: {count:,}")


def _stopped_by_signal() -> Event:
    stopped = Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopped


def _run_until_stopped(stopped: Event) -> None:
    """A database or broker that is away for a while is no reason to end."""
    while not stopped.is_set():
        try:
            reaper.sweep()
            retention.clean_up_if_due()
        except outages() as trouble:
            logger.warning("the reaper looks again in a moment: %s", trouble)
            connections.close_all()
        stopped.wait(reaper.LOOK_SECONDS)
