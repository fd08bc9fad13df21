"""``python -m hydrochat_otel.stack``: writes what is generated from the declarations of metrics, panels and rules.

python -m hydrochat_otel.stack         # the assets, in the package itself
python -m hydrochat_otel.stack docs    # and in a folder of documentation: the table of metrics, and the runbooks
"""

import sys
from pathlib import Path

from hydrochat_otel.stack import generated, metric_table, runbooks

_ASSETS = Path(__file__).parent.parent / "assets"


def main(folders: list[str]) -> None:
    """Write the files that differ, and print their paths."""
    texts = {_ASSETS / path: text for path, text in generated.files().items()}
    for folder in map(Path, folders):
        metrics = folder / "metrics.md"
        texts[metrics] = metric_table.inserted(metrics.read_text(encoding="utf-8"))
        texts |= {folder / path: text for path, text in runbooks.pages().items()}
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
