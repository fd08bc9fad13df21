"""The environment of a healthy service, which the tests break in one place each."""

import os

from conftest import TOKEN


def environment(tmp_path, **more):
    """Return the environment of a healthy service."""
    ours = ("HYDROCHAT_", "OTEL_", "METRICS_", "GEMINI_", "LLM_", "WEB_", "UVICORN_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    healthy = {
        "OTEL_SERVICE_NAME": "chat",
        "HYDROCHAT_METRICS_TOKEN": TOKEN,
        "HYDROCHAT_STATE": f"sqlite://{tmp_path}/state.db",
        "HYDROCHAT_PORT": "0",
    }
    return {**kept, **healthy, **more}
