"""Dashboards, rules and configuration for Prometheus, Grafana, Alertmanager: generated from the declared metrics.

- `promql`: names, labels and the few idioms that every query is made of
- `objectives`: the numbers that rules and panels compare with
- `recordings`, `alert_rules`: the rules · `panels`, `boards`: the dashboards · `serving`: configuration files
- `metric_table`: the documentation's table · `generated`: every file with its text · `shipped`: what the wheel carries

``python -m hydrochat_otel.stack`` writes the files. Only that command needs the generators' libraries
(grafana-foundation-sdk, PyYAML): `shipped` reads the files in the wheel.
"""
