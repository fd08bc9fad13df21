"""The demo: a local Gemini emulator and a conversation workload that drives it through the real client.

- `emulator`: the server; speaks Gemini's REST format on loopback
- `wire`: what a request says; `encoding`: what an answer looks like
- `replies`: a reply, declared; `answers`: replies made up from the request
- `ledger`: what was billed, in the emulator's own books
- `scenario`: what happens in each turn; `patients`: to whom
- `workload`: the application that talks to the emulator

The ledger knows nothing of the package's own accounting, so that the two can be compared.
"""
