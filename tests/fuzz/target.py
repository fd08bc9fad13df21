"""What a fuzz target is: seeds, a way to change them, and a run that must hold whatever it is given."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fuzz import mutations

CORPUS = Path(__file__).parent / "corpus"
LONGEST_S = 5.0
"""Seconds of processor time that one input may cost."""


@dataclass(frozen=True)
class Target:
    """One parser of ours, or one road from a parser to what is shown.

    Attributes:
        name: Also the folder of its corpus.
        run: Takes an input and returns what came of it in a word; raises if a promise is broken.
        seeds: Valid inputs to begin with.
        change: Returns a changed input.
    """

    name: str
    run: Callable
    seeds: tuple
    change: Callable = field(default=mutations.changed)

    def corpus(self):
        """Return the inputs that once did harm, by file name."""
        folder = CORPUS / self.name
        return {file.name: file.read_bytes() for file in sorted(folder.iterdir())} if folder.is_dir() else {}

    def inputs(self, random_):
        """Yield inputs without end: the seeds and the corpus first, then changed ones."""
        known = [*self.seeds, *self.corpus().values()]
        yield from known
        while True:
            data = self.change(random_.choice(known), random_)
            if random_.random() < 0.05:
                known.append(data[:20_000])  # what was changed once is changed again
                if len(known) > 400:
                    del known[len(self.seeds)]
            yield data

    def broken(self, data):
        """Return what the input broke, in a sentence, or the word of what came of it with a leading space."""
        began_s = time.process_time()
        try:
            word = self.run(data)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return f"{type(error).__name__}: {str(error)[:200]}"
        took_s = time.process_time() - began_s
        return f" {word}" if took_s < LONGEST_S else f"took {took_s:.1f} s"


def expect(holds, sentence):
    """Raise if a promise does not hold; `assert` would be silent under -O."""
    if not holds:
        raise AssertionError(sentence)
