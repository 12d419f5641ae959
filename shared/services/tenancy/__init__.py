"""Tenants and their members: who asks, what they may do, and how much of everything."""
