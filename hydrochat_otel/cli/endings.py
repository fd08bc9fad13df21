"""How a command ends: ``Error: SENTENCE`` on the standard error, and one exit code for each kind of mistake.

0 is success, 1 a negative answer, 2 a mistake in what was given, 126 and 127 are what shells use, 130 is Ctrl-C.
"""

from enum import IntEnum

import click


class ExitCode(IntEnum):
    """What scripts can rely on."""

    OK = 0
    NEGATIVE = 1
    MISTAKE = 2
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    INTERRUPTED = 130


class CommandError(click.ClickException):
    """Ends the command with one sentence, without usage and without a trace; the sentence may be an error's text."""

    def __init__(self, sentence: object) -> None:
        super().__init__(str(sentence))


class NegativeError(CommandError):
    """The work is done and the answer is no: a silent service, a refused token, a difference, a failed check."""

    exit_code = ExitCode.NEGATIVE


class MistakeError(CommandError):
    """A setting, a file, an address or a missing package: the command ends like this until that is fixed."""

    exit_code = ExitCode.MISTAKE


class NotExecutableError(CommandError):
    """The system cannot run the program."""

    exit_code = ExitCode.NOT_EXECUTABLE


class NotFoundError(CommandError):
    """There is no such program."""

    exit_code = ExitCode.NOT_FOUND
