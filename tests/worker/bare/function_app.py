"""An app with one function and nothing of ours: what any app on the same libraries has to load."""

import azure.durable_functions as df
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="hello")
async def hello(req: Request) -> Response:
    return Response(req.url.path)
