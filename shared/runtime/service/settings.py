"""Settings of a process: frozen, read once at the start, secrets without defaults, units in names."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime.validation.network import Proxies


class ServiceSettings(BaseSettings):
    """What every service needs; each service subclasses it with its own environment prefix."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: SecretStr
    bus_url: SecretStr = SecretStr("memory://")
    policy_file: Path = Path("policies/guizhou-2018.toml")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    instance: str = "0"
    """A stable name of this process among its replicas: relay leases are taken over by name."""
    pool_size_max: int = Field(default=8, ge=2, le=32)
    """How many database connections those have who write."""
    read_pool_size_max: int = Field(default=4, ge=2, le=32)
    """How many database connections views and reports have."""
    reports_at_once_max: int = Field(default=2, ge=1, le=31)
    """How many of these reports may hold at the same time: what reads much, or as long as its caller takes it in."""
    movable_clock: bool = False
    sandbox: bool = False
    token_issuer: str = "yunquan"  # noqa: S105 - a name, no secret
    public_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$")
    """Where callers reach the platform, without a path; the issuer of machine clients' tokens (RFC 8414)."""
    log_level: str = "INFO"
    drain_s: float = Field(default=0.0, ge=0, le=300)
    """How long a process that was told to end goes on serving while it says that it is not ready, so that whoever
    sends it requests can look elsewhere first."""
    forwarded_hops: int = Field(default=0, ge=0, le=5)
    """How many trusted proxies add to X-Forwarded-For; 0 takes the connection's own address."""
    trusted_proxies: str = (
        "127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, ::1/128, fc00::/7, fe80::/10"
    )
    """The networks, as CIDR ranges joined by commas, from which a proxy is believed; anybody else is the caller."""

    rate_account_per_s: float = Field(default=100.0, gt=0, le=1_000_000)
    rate_account_burst: int = Field(default=3_000, ge=1, le=10_000_000)
    """What one account, a person's or a machine's, may ask of one process: so many at once, then so many a second."""
    rate_network_per_s: float = Field(default=50.0, gt=0, le=1_000_000)
    rate_network_burst: int = Field(default=1_500, ge=1, le=10_000_000)
    """The same for all callers of one network (/24, /64) whom no token makes known."""

    @model_validator(mode="after")
    def _views_find_a_connection(self) -> Self:
        if self.reports_at_once_max >= self.read_pool_size_max:
            raise ValueError("reports_at_once_max must leave a connection of read_pool_size_max to views")
        return self

    @property
    def may_have_peers(self) -> bool:
        """Whether other processes may run the same service: the memory bus ends with its process."""
        return not self.bus_url.get_secret_value().startswith("memory:")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, given: str) -> str:
        Proxies.read(hops=0, networks=given)
        return given
