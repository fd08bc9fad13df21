"""``manage.py hydrochat_doctor``: the examination with the project's own settings."""

import json
import os
from argparse import ArgumentParser, BooleanOptionalAction
from dataclasses import fields
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from hydrochat_otel.doctor import request
from hydrochat_otel.doctor.findings import Level

_KINDS: Final[dict[str, dict[str, Any]]] = {
    "text": {},
    "file": {},
    "switch": {"action": "store_true"},
    "yes_or_no": {"action": BooleanOptionalAction, "default": True},
}


class Command(BaseCommand):
    """Find out whether the telemetry works, and what to do if it does not."""

    help = "Find out whether the telemetry works, and what to do if it does not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options of ``hydrochat-otel doctor``, and the command that is to be examined."""
        for option in request.OPTIONS:
            parser.add_argument(f"--{option.name.replace('_', '-')}", help=option.help, **_KINDS[option.kind])
        parser.add_argument("command", nargs="*", metavar="-- COMMAND", help="A command to start and examine.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the findings; exits with status 1 if there is a problem."""
        asked = request.Request(**{field.name: options[field.name] for field in fields(request.Request)})
        try:
            found = asked.findings(os.environ)
        except request.RequestError as error:
            raise CommandError(str(error), returncode=2) from None
        if asked.json:
            self.stdout.write(json.dumps([finding.as_dict() for finding in found], indent=2))
        else:
            for level, text, cure in request.lines(found):
                style = {Level.OK: self.style.SUCCESS, Level.PROBLEM: self.style.ERROR}.get(level, str)
                self.stdout.write(f"{style(f'{level:8}')} {text}")
                if cure:
                    self.stdout.write(cure)
        if (verdict := asked.verdict(found)) is not None:
            raise CommandError(verdict, returncode=1)
