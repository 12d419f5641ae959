"""Executions as wholes: begun, told how they stand, steered, held back by limits, retried, ended."""
