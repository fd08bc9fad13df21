"""The project under WSGI and ASGI, over frozen numbers."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_settings")

import frozen
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

wsgi = get_wsgi_application()
asgi = get_asgi_application()
frozen.install()
