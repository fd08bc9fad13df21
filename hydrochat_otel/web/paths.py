"""The paths of all endpoints, below the prefix at which a host mounts the site."""

from typing import Final

EXPORT_PATH: Final = "/api/hydrochat/metrics/export/"
SCHEMA_PATH: Final = "/api/hydrochat/metrics/export/schema/"
HISTORY_PATH: Final = "/api/hydrochat/metrics/history/"
OVERVIEW_PATH: Final = "/api/hydrochat/metrics/overview/"
TURNS_PATH: Final = "/api/hydrochat/metrics/turns/"
MONEY_PATH: Final = "/api/hydrochat/metrics/money/"
OPENAPI_PATH: Final = "/api/hydrochat/metrics/openapi/"
METRICS_PATH: Final = "/metrics"
HEALTH_PATH: Final = "/healthz"
PAGE_PATH: Final = "/"
SIGN_IN_PATH: Final = "/session"
SIGN_OUT_PATH: Final = "/session/end"
STATIC_PREFIX: Final = "/page/"
