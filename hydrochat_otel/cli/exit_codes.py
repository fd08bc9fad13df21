"""How a command exits: ``Error: SENTENCE`` on the standard error, and one exit code for each kind of mistake.

0 is success, 1 a negative answer, 2 a mistake in the input; 126 and 127 follow the shells, 130 is Ctrl-C.
"""

from enum import IntEnum

import click


class ExitCode(IntEnum):
    """The exit codes that scripts can rely on."""

    OK = 0
    NEGATIVE = 1
    MISTAKE = 2
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    INTERRUPTED = 130


class CommandError(click.ClickException):
    """Ends the command with one sentence, without usage and traceback; the sentence may be an error's text."""

    def __init__(self, sentence: object) -> None:
        super().__init__(str(sentence))


class NegativeError(CommandError):
    """The work is done and the answer is negative, such as an unreachable service, a rejected token or a difference."""

    exit_code = ExitCode.NEGATIVE


class MistakeError(CommandError):
    """A wrong setting, file or address, or a missing package: the command fails until that is fixed."""

    exit_code = ExitCode.MISTAKE


class NotExecutableError(CommandError):
    """The system cannot run the program."""

    exit_code = ExitCode.NOT_EXECUTABLE


class NotFoundError(CommandError):
    """The program does not exist."""

    exit_code = ExitCode.NOT_FOUND
