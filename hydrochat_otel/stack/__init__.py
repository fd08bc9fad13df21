"""Dashboards, rules and configuration for Prometheus, Grafana, Alertmanager: generated from the declared metrics.

- `promql`: names, labels and the few idioms that every query is built from
- `objectives`: the numbers that rules and panels compare with
- `recordings`, `alerting`: the rules · `panels`, `boards`: the dashboards · `serving`: configuration files
- `metric_table`: the documentation's table · `generated`: every file with its text · `shipped`: what the wheel carries

``python -m hydrochat_otel.stack`` writes the files. What they are made with (grafana-foundation-sdk, PyYAML) is needed
there only: `shipped` reads the files that are in the wheel.
"""
