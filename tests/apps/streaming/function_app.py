"""A Functions app with the FastAPI types and no durable function, a timer, and functions with keys."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import azure.functions as func
from azurefunctions.extensions.http.fastapi import JSONResponse, Request, Response, StreamingResponse
from starlette.exceptions import HTTPException

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
NOTES = Path(os.environ["QUANTUM_DATA"]) / "notes.txt"


def note(text: str) -> None:
    with NOTES.open("a") as file:
        file.write(f"{text}\n")


@app.route(route="items/{id:int}", methods=[func.HttpMethod.GET])
async def item(req: Request) -> JSONResponse:
    return JSONResponse({"id": req.path_params["id"], "query": dict(req.query_params)})


@app.route(route="items/{name}", methods=[func.HttpMethod.GET])
async def named(req: Request) -> dict:
    return {"name": req.path_params["name"]}


@app.route(route="items", methods=[func.HttpMethod.POST])
async def create(req: Request) -> Response:
    return Response(await req.body(), status_code=201, media_type="application/octet-stream")


@app.route(route="sync")
def sync(req: Request) -> str:
    return "from a thread"


@app.route(route="teapot")
async def teapot(req: Request) -> Response:
    raise HTTPException(418, "short and stout")


@app.route(route="boom")
async def boom(req: Request) -> Response:
    raise ValueError("the secret is 12345")


@app.route(route="forgets")
async def forgets(req: Request):
    return None


@app.route(route="slow")
async def slow(req: Request) -> Response:
    note("slow began")
    await asyncio.sleep(0.5)
    note("slow ended")
    return Response("done")


@app.route(route="events")
async def events(req: Request) -> StreamingResponse:
    async def ticks() -> AsyncIterator[str]:
        try:
            for number in range(10_000):
                yield f"data: {number}\n\n"
                if number == 0:
                    note("stream began")
                await asyncio.sleep(0.05)
        finally:
            note("stream ended")

    return StreamingResponse(ticks(), media_type="text/event-stream")


@app.route(route="breaks")
async def breaks(req: Request) -> StreamingResponse:
    async def chunks() -> AsyncIterator[str]:
        yield "first"
        raise ValueError("in the middle")

    return StreamingResponse(chunks())


@app.route(route="keyed", auth_level=func.AuthLevel.FUNCTION)
async def keyed(req: Request) -> str:
    return "open"


@app.route(route="managed", auth_level=func.AuthLevel.ADMIN)
async def managed(req: Request) -> str:
    return "open"


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
async def yearly(timer: func.TimerRequest, context: func.Context) -> None:
    note(f"{context.function_name} past due: {timer.past_due}")


@app.queue_trigger(arg_name="message", queue_name="orders", connection="Storage")
def from_queue(message: func.QueueMessage) -> None:
    note("never")
