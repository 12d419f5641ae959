"""What the platform's facts look like on the wire: a file for each noun.

Plain dictionaries, because they are on every request's way; tests hold them against the models in
``quantum/contract``.
"""
