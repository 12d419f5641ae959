"""The intent registry: intents and their versions, what refers to what, and what validation says of them."""
