"""HydroChat's own application code: intents, agent statistics and its Gemini client."""
