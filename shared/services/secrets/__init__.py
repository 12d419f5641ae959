"""Secrets: kept by whoever manages them, given to steps, and swept out when nobody names them."""
