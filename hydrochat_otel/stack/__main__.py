"""``python -m hydrochat_otel.stack``: writes the generated assets of a source tree, and a page's table of metrics.

python -m hydrochat_otel.stack                    # assets, in the package itself
python -m hydrochat_otel.stack docs/metrics.md    # and the table between that page's markers
"""

import sys
from pathlib import Path

from hydrochat_otel.stack import generated, metric_table

_ASSETS = Path(__file__).parent.parent / "assets"


def main(documents: list[str]) -> None:
    """Write what differs, and print its path."""
    texts = {_ASSETS / path: text for path, text in generated.files().items()}
    for name in documents:
        document = Path(name)
        texts[document] = metric_table.inserted(document.read_text(encoding="utf-8"))
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
