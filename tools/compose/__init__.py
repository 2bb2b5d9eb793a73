"""Writes what compose has once for each component, from deploy/components and the components' own settings."""
