"""The form of every response body."""

from pydantic import BaseModel


class Resource(BaseModel):
    """A response body."""

    model_config = {"frozen": True, "from_attributes": True}
