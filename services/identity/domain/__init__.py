"""The rules of identity: frozen values in, frozen values or refusals out."""
