"""The endpoints in each worker of a server with several; each response says which worker it is of."""

import os

import hydrochat_otel
from hydrochat_otel.web import wsgi_app

hydrochat_otel.install(instrument_gemini=False)


def wsgi(environ, start_response):
    def with_worker(status, headers, *rest):
        return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *rest)

    return wsgi_app(environ, with_worker)
