"""HydroChat's Gemini client on the official SDK: intents and patient fields of messages that its rules do not cover."""
