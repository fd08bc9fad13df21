"""A group of commands that imports each command on its first call only."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from hydrochat_otel.cli.exit_codes import ExitCode


class LazyGroup(click.Group):
    """Lists its commands without importing them: ``--help`` needs only their names and one line of each.

    Args:
        lazy: One line of help for each command. The command is the function of the same name in
            :mod:`hydrochat_otel.cli`'s module of that name.
        options: Those of :class:`click.Group`.
    """

    def __init__(self, *, lazy: Mapping[str, str], **options: Any) -> None:
        super().__init__(**options)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature of click
        """Return the names in alphabetical order."""
        return sorted(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - see above
        """Import the command's module; None for an unknown name."""
        if cmd_name not in self.lazy:
            return None
        command: click.Command = getattr(import_module(f"hydrochat_otel.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C ends it silently."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(ExitCode.INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and lines of help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.lazy[name]) for name in self.list_commands(ctx)])
