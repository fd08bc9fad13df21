"""All of that Django project: settings and one page, which is an operation."""

import os

from django.http import HttpResponse
from django.urls import path

from hydrochat_otel import track_response_time

SECRET_KEY = "of the tests, which protects nothing"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "django_site"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = ["django.contrib.contenttypes", "thread_report_app.Telling"]
USE_TZ = True


@track_response_time("turn")
def turn(_):
    return HttpResponse(str(os.getpid()))


urlpatterns = [path("", turn)]
