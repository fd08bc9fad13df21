"""HydroChat's Gemini client on the official SDK: intents and patient fields where the rules do not suffice."""
