import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"

# The wheel is tested without the files of the repository's top level.
__test__ = COMPOSE.exists()


def services():
    return yaml.safe_load(COMPOSE.read_text())["services"]


def test_ports_are_open_on_this_machine_only():
    """Every published port is bound to 127.0.0.1, and no service shares the host's network."""
    ports = [port for service in services().values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert {service.get("network_mode", "none") for service in services().values()} == {"none"}


def test_images_are_pinned():
    """Every image has a full version, none is latest."""
    images = {service["image"] for service in services().values()}
    assert [image for image in images if not re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(-\w+)?", image)] == []


def test_everything_that_is_mounted_is_there():
    """Each path of the repository that a service mounts exists, except the secrets that a user adds."""
    mounts = [volume for service in services().values() for volume in service.get("volumes", ())]
    paths = [re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", volume).split(":")[0] for volume in mounts if volume.startswith(".")]
    assert [path for path in paths if not (ROOT / path).exists()] == ["./secrets"]


def test_every_address_names_a_service():
    """Prometheus, Grafana and the collector use names of services in the compose file."""
    assets = ROOT / "hydrochat_otel" / "assets"
    texts = [
        (assets / "prometheus" / "prometheus.yml").read_text(),
        (assets / "grafana" / "datasources" / "hydrochat.yml").read_text(),
        COMPOSE.read_text(),
    ]
    hosts = {
        host for text in texts for host in re.findall(r"\b([a-z]+):(?:9\d{3}|8888|8889|4317|4318|16686|6379)\b", text)
    }
    assert hosts - {"localhost"} <= services().keys()


def test_the_image_runs_without_rights():
    """The Dockerfile's last user is not root, and every service drops its capabilities."""
    users = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["10001"]
    assert {name for name, service in services().items() if service["cap_drop"] != ["ALL"]} == set()
