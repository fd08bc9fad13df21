"""A patient goes through FastAPI, Django, httpx and requests, in paths, queries and errors of each."""

import contextlib
import sys

import django
import httpx
import requests
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
from fastapi import FastAPI
from starlette.testclient import TestClient

NRIC, TEXT = sys.argv[1:]

app = FastAPI()


@app.get("/patients/{patient}")
def patient(patient):
    raise ValueError(TEXT)


@app.get("/search")
def search(nric):
    return nric


def fail(_, patient):
    raise ValueError(TEXT)


urlpatterns = [path("cases/<str:patient>/", fail), path("cases/", lambda _: HttpResponse())]


def fastapi():
    client = TestClient(app, raise_server_exceptions=False)
    client.get(f"/patients/{NRIC}")
    client.get("/search", params={"nric": NRIC})
    client.get(f"/nowhere/{NRIC}")


def of_django():
    django.setup()
    client = Client(raise_request_exception=False, headers={"host": "127.0.0.1"})
    with override_settings(ROOT_URLCONF=__name__):
        client.get(f"/cases/{NRIC}/")
        client.get("/cases/", {"nric": NRIC})
        client.get(f"/nowhere/{NRIC}")


def clients():
    address = f"http://{NRIC}:secret@127.0.0.1:1/patients/{NRIC}?nric={NRIC}"
    for call in (httpx.get, requests.get):
        with contextlib.suppress(httpx.HTTPError, requests.RequestException):
            call(address)


fastapi()
clients()
of_django()
