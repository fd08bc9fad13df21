"""The command line of a Django project without hydrochat_otel."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_site")
execute_from_command_line(sys.argv)
