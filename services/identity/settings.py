"""Settings of the identity service; every secret without a default must be given."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.documents.settings import DocumentSettings
from shared.kernel.proposals import PROPOSAL_DAYS


class IdentitySettings(DocumentSettings):
    """Keys, the first two administrators, and how long sessions live; `index_key` is 32 bytes in base64."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", frozen=True, extra="ignore")

    index_key: SecretStr
    first_admin_name: str = "platform-admin"
    first_admin_password: SecretStr
    second_admin_name: str = "platform-admin-2"
    """Two people begin: no staff account is opened by one alone. Each is made while there are fewer than two
    platform administrators; give the two passwords to two people."""
    second_admin_password: SecretStr
    access_token_ttl_s: int = Field(default=300, ge=1, le=300)
    refresh_ttl_hours: int = Field(default=12, ge=1, le=24 * 30)
    refresh_grace_s: int = Field(default=20, ge=0, le=60)
    """How long a second tab may bring the refresh token that another tab of the same client has just exchanged."""
    device_days: int = Field(default=180, ge=1, le=730)
    """How long a device is known after its last good sign-in."""
    second_factor_required: bool | None = None
    """Whether staff need a second factor; unset: always, but where the clock is movable or in a sandbox."""
    registrations_free: int | None = Field(default=None, ge=1, le=100_000)
    """Registrations of one network within an hour before it waits; unset: 10, and 1,000 in a demonstration."""
    registration_ttl_days: int = Field(default=30, ge=1, le=366)
    """How long a registration without evidence stays, in days of business time."""
    reset_code_min: int = Field(default=60, ge=5, le=24 * 60)
    """How long a reset code for a party's account is good."""
    staff_code_hours: int = Field(default=72, ge=1, le=24 * 14)
    """How long a code of two parts for a staff account is good."""
    proposal_days: int = Field(default=PROPOSAL_DAYS, ge=1, le=60)
    """How long a proposal about a staff account waits for its second person, in days of business time."""
    key_lead_s: int = Field(default=30, ge=0, le=3_600)
    """How long a new signing key is published before tokens are signed with it."""
    password_threads: int = Field(default=2, ge=1, le=16)
    passwords_waiting_max: int = Field(default=64, ge=1, le=1_024)
    registrations_waiting_max: int = Field(default=32, ge=1, le=256)
    """Registrations that wait for their one hashing thread; sign-in has its own."""

    @property
    def demonstration(self) -> bool:
        """Whether nobody's money is at stake here."""
        return self.movable_clock or self.sandbox
