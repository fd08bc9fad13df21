"""A small HydroChat: Django, Django REST framework, LangGraph and Gemini, with the plugin as in any project.

- `settings`, `urls`, `apps`: the project; `models`: patients and their scans
- `rules`: intents that need no model; `graph`: a turn; `conversation`: its state; `views`: the endpoints
- `serving`: the process, `python -m hydrochat_app.serving`; `running`: starts it and sends requests for a test
- `nurse`: a conversation of fifty turns; `brain`: the replies of the emulated Gemini
"""
