# The demo in an image: the package from this repository, a user without rights, no compiler, no cache.
FROM python:3.13.7-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY pyproject.toml README.md LICENSE /source/
COPY hydrochat_otel /source/hydrochat_otel
# The distro and the exporter send traces to the collector; the package itself needs neither.
RUN /venv/bin/pip install "/source[redis]" \
      "opentelemetry-distro>=0.58b0" "opentelemetry-exporter-otlp-proto-http>=1.37" \
 && /venv/bin/pip uninstall --yes pip \
 && find /venv -name __pycache__ -prune -exec rm -r {} +

FROM python:3.13.7-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin hydrochat \
 && install -d -o hydrochat -g hydrochat -m 0755 /run/hydrochat
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HYDROCHAT_HOST=0.0.0.0 \
    HYDROCHAT_PORT=9464
USER 10001
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-c", \
  "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"HYDROCHAT_PORT\"]}/healthz', timeout=2)"]
CMD ["hydrochat-otel", "demo", "--turns", "100000"]
