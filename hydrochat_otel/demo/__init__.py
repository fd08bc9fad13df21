"""The demo: a local Gemini emulator and a conversation workload that drives it through the real client.

- `scenario`: what happens in each turn; `patients`: invented patients
- `workload`: the application that talks to the emulator of :mod:`hydrochat_otel.testing`

The emulator's ledger is independent of the package's own accounting, so that the two can be compared.
"""
