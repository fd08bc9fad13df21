"""A fleet under load: real servers with several workers, a real Prometheus, and the check of every number.

`project` is the application, `services` serves it, `load` sends requests, `observer` scrapes, `totals` reads, `verdict`
compares; `scenario` runs it all, `comparison` measures with and without the plugin. `test_fleet` is the short version,
`tests/benchmarks/fleet.py` the long one.
"""
