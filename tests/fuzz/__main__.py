"""`python -m tests.fuzz [--seconds N] [--seed S] [TARGET...]`: fuzz every parser of ours; ends with 1 if one broke.

A third of the time goes to whole conversations on a socket, the rest to the other targets in equal parts. What broke a
promise is kept in `tests/fuzz/corpus`, which the tests replay.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz import runner


def main():
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz")
    arguments.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    arguments.add_argument("--seed", default=str(int(time.time())), help="the same seed makes the same inputs")
    arguments.add_argument("targets", nargs="*", help="names of targets; all without one")
    given = arguments.parse_args()
    print(f"seed {given.seed}")
    with runner.pipeline():
        chosen = [one for one in runner.targets() if not given.targets or one.name in given.targets]
        sockets = not given.targets or "requests" in given.targets
        share = given.seconds * (2 / 3 if sockets and chosen else 1) / max(1, len(chosen))
        outcomes = {one.name: runner.fuzz(one, share, given.seed, keep=True) for one in chosen}
        if sockets:
            outcomes["requests"] = runner.fuzz_server(given.seconds / 3 if chosen else given.seconds, given.seed)
    for name, outcome in outcomes.items():
        words = ", ".join(f"{word.strip()} {count}" for word, count in outcome.words.most_common(6))
        print(f"{name:<16} {outcome.executions:>9} executions  {len(outcome.broken):>3} broken  {words}")
        for sentence, data in outcome.broken.items():
            print(f"  {sentence}\n    {data[:200]!r}")
    total = sum(outcome.executions for outcome in outcomes.values())
    broken = sum(len(outcome.broken) for outcome in outcomes.values())
    print(f"{total} executions of {len(outcomes)} targets, {broken} broken promises")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
