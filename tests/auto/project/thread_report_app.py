"""An application that reports our threads as soon as Django is ready."""

import threading

from django.apps import AppConfig


class Telling(AppConfig):
    name = "thread_report_app"

    def ready(self):
        ours = sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("hydrochat-otel"))
        print(f"threads: {ours}", flush=True)
