"""The bounds of what an enterprise says of its contact person; hot and cold routes check the same."""

NAME_MAX = 50
NAME = r"^[^\x00-\x1f\x7f]{1,50}$"
PHONE = r"^[0-9+() -]{5,30}$"
EMAIL = r"^([^\x00-\x20\x7f@]{1,64}@[^\x00-\x20\x7f@]{1,100})?$"
