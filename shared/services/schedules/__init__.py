"""Schedules, and what they execute when their time has come."""
