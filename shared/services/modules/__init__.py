"""Modules: which actions there are, built in and of tenants."""
