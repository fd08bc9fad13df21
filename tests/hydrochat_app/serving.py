"""The process: makes the database and two accounts, and serves the project with waitress until it is ended."""

import os
import sys

import waitress.server

NURSE = ("nurse", "password-of-the-nurse")
DEVELOPER = ("developer", "password-of-the-developer")


def prepare():
    """Set Django up, make the tables and the accounts."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hydrochat_app.settings")
    import django  # noqa: PLC0415 - the settings must be named first

    django.setup()
    from django.contrib.auth.models import User  # noqa: PLC0415 - needs the applications
    from django.core.management import call_command  # noqa: PLC0415 - the same

    call_command("migrate", run_syncdb=True, verbosity=0)
    User.objects.create_user(NURSE[0], password=NURSE[1])
    User.objects.create_user(DEVELOPER[0], password=DEVELOPER[1], is_staff=True)


def main():
    """Serve on a free port and print its URL."""
    prepare()
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415 - needs the settings

    server = waitress.server.create_server(get_wsgi_application(), host="127.0.0.1", port=0, threads=8)
    print(f"http://127.0.0.1:{server.effective_port}", flush=True)
    server.run()


if __name__ == "__main__":
    sys.exit(main())
