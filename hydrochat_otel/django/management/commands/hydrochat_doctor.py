"""``manage.py hydrochat_doctor``: the examination with the project's own settings."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hydrochat_otel.doctor import examination, findings
from hydrochat_otel.doctor.findings import Level


class Command(BaseCommand):
    """Find out whether the telemetry works, and what to do if it does not."""

    help = "Find out whether the telemetry works, and what to do if it does not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the switches."""
        parser.add_argument("--json", action="store_true", help="Print the findings as JSON.")
        parser.add_argument("--no-calls", action="store_true", help="Make no synthetic calls.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the findings; exits with status 1 if there is a problem."""
        found = examination.of_setup(os.environ, calls=not options["no_calls"])
        if options["json"]:
            self.stdout.write(json.dumps([finding.as_dict() for finding in found], indent=2))
        else:
            for finding in found:
                style = {Level.OK: self.style.SUCCESS, Level.PROBLEM: self.style.ERROR}.get(finding.level, str)
                self.stdout.write(f"{style(f'{finding.level:8}')} {finding.check:20} {finding.sentence}")
                if finding.cure:
                    self.stdout.write(f"{'':29} → {finding.cure}")
        if findings.failed(found):
            raise CommandError(f"{sum(one.level is Level.PROBLEM for one in found)} problem(s) found.", returncode=1)
