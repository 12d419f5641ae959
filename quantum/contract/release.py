"""Which release this is: that of pyproject.toml, which does not ship with the platform."""

RELEASE = "0.1.0"
