"""What Azure Functions loads: settings, then adapters, then the platform, then its triggers."""

import gc

gc.disable()  # what is loaded stays: looking for garbage in it is a tenth of a cold start

import os

import azure.durable_functions as df
import azure.functions as func

from functions.register import register
from shared import logs
from shared.bootstrap import compose, load_adapters
from shared.settings import Settings

# The SDK's loose mode rebuilds any class that a JSON value names: nothing that tenants send may do that.
os.environ.setdefault("AZURE_FUNCTIONS_DURABLE_STRICT_TYPING", "1")
logs.identify()
settings = Settings.from_mapping(os.environ)
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)  # the edge asks every caller for a token itself
register(app, compose(load_adapters(settings), settings))

gc.freeze()  # nor does a collection have to look there later, while a request waits
gc.enable()
