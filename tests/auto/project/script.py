"""A script that does one turn and then waits until its standard input ends."""

import sys

from hydrochat_otel import track_response_time

with track_response_time("turn"):
    pass
print("ready", flush=True)
sys.stdin.read()
