"""Where IronMQ is, and as whom: arguments, files and the environment, in the order of its own
clients."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_convoy.domain.errors import ConfigurationError

HOST = "mq-aws-us-east-1-1.iron.io"
NAMES = ("project_id", "token", "host", "port", "protocol", "api_version")
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Settings:
    """A project on a server."""

    project_id: str
    token: str
    host: str
    port: int
    protocol: str

    @property
    def where(self) -> str:
        """Name it, without its token."""
        return f"{self.protocol}://{self.host}:{self.port}, project {self.project_id}"


def read(given: Mapping[str, Any], config_file: str | None = None) -> Settings:
    """Return the settings; the strongest source of each comes first:

    arguments, `config_file`, ./iron.json, IRON_MQ_* and IRON_* in the environment, ~/.iron.json.
    """
    found: dict[str, Any] = {}
    for source in _sources(given, config_file):
        for name in NAMES:
            if source.get(name) not in (None, ""):
                found.setdefault(name, source[name])
    for name in ("project_id", "token"):
        if name not in found:
            raise ConfigurationError(
                f"IronMQ needs a {name}: as an option of the broker, in iron.json, or in the "
                f"environment as IRON_{name.upper()}"
            )
    protocol = found.get("protocol", "https")
    if protocol not in PORTS:
        raise ConfigurationError(f"protocol must be 'https' or 'http', not {protocol!r}")
    if str(found.get("api_version", 3)) != "3":
        raise ConfigurationError(f"api_version must be 3, not {found['api_version']!r}")
    port = found.get("port", PORTS[protocol])
    if not str(port).isdecimal():
        raise ConfigurationError(f"port must be a number, not {port!r}")
    host = found.get("host", HOST)
    return Settings(str(found["project_id"]), str(found["token"]), host, int(port), protocol)


def _sources(given: Mapping[str, Any], config_file: str | None) -> Iterator[Mapping[str, Any]]:
    yield given
    if config_file is not None:
        path = Path(config_file).expanduser()
        if not path.is_file():
            raise ConfigurationError(f"there is no config_file {str(path)!r}")
        yield from _file(path)
    yield from _file(Path("iron.json"))
    for prefix in ("IRON_MQ_", "IRON_"):
        yield {name: os.environ.get(prefix + name.upper()) for name in NAMES}
    if os.environ.get("HOME"):
        yield from _file(Path(os.environ["HOME"], ".iron.json"))


def _file(path: Path) -> Iterator[Mapping[str, Any]]:
    """What a file says for IronMQ, then what it says for all of Iron's services."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise ConfigurationError(f"{path} must hold an object, such as {{'token': ...}}")
    if isinstance(own := data.get("iron_mq"), dict):
        yield own
    yield data
