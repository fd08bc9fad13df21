"""A small HydroChat: Django, Django REST framework, LangGraph and Gemini, with the plugin as any project has it.

- `settings`, `urls`, `apps`: the project; `models`: patients and their scans
- `rules`: intents that need no model; `graph`: a turn; `conversation`: what is remembered of it; `views`: the endpoints
- `serving`: the process, `python -m hydrochat_app.serving`; `running`: how a test starts and asks it
- `nurse`: a conversation of fifty turns; `brain`: what the emulated Gemini answers in it
"""
