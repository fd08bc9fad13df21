"""``python -m hydrochat_otel`` is the command ``hydrochat-otel``."""

from hydrochat_otel.cli import main

main()
