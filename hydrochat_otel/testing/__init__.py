"""A Gemini emulator with its own ledger."""
