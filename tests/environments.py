"""Virtual environments that tests make: another version of a package, another Python, a framework.

`python tests/environments.py 3.13` prints the path of that Python, or exits with status 1.
"""

import os
import subprocess
import sys
from pathlib import Path

import uv

EXECUTABLES = "Scripts" if os.name == "nt" else "bin"


def interpreter(version: str) -> str | None:
    """Return the path of a Python of the version, such as `3.13`; None where there is none."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
    for found in [*map(str, reversed(pyenv)), f"python{version}"]:
        try:
            # A shim of pyenv exists for each version that any project uses, and fails outside of that project.
            subprocess.run([found, "-c", ""], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return found
    return None


def make(folder: Path, packages: list[str], python: str = sys.executable) -> Path:
    """Make an environment in `folder/venv` that holds the packages, and return its Python."""
    made = folder / "venv" / EXECUTABLES / "python"
    subprocess.run([uv.find_uv_bin(), "venv", "-q", "--python", python, folder / "venv"], check=True)
    subprocess.run([uv.find_uv_bin(), "pip", "install", "-q", "-p", made, *packages], check=True)
    return made


if __name__ == "__main__":
    found = interpreter(sys.argv[1])
    sys.exit(1 if found is None else print(found))
