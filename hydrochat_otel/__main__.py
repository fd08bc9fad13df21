"""``python -m hydrochat_otel`` runs the command ``hydrochat-otel``."""

from hydrochat_otel.cli import main

main()
