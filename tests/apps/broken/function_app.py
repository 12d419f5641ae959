"""Everything that an app can get wrong and still be imported: the host refuses it, and names each mistake."""

import typing

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="first/{id}", methods=["GET"])
def first(req: func.HttpRequest) -> str:
    return ""


@app.route(route="First/{name}", methods=["GET", "POST"])
def same_route(req: func.HttpRequest) -> str:
    return ""


@app.route(route="bad/{id:integer}")
def bad_constraint(req: func.HttpRequest) -> str:
    return ""


@app.route(route="open/{id")
def bad_braces(req: func.HttpRequest) -> str:
    return ""


@app.route(route="typed")
def union_return(req: func.HttpRequest) -> str | bytes:
    return ""


@app.route(route="extra")
def extra_parameter(req: func.HttpRequest, id: str) -> str:
    return id


@app.timer_trigger(arg_name="timer", schedule="0 99 * * * *")
def bad_schedule(timer: func.TimerRequest) -> None: ...


@app.timer_trigger(arg_name="timer", schedule="%NO_SUCH_SETTING%")
def missing_setting(timer: func.TimerRequest) -> None: ...


@app.queue_trigger(arg_name="message", queue_name="orders", connection="Storage")
def from_queue(message: func.QueueMessage) -> None: ...


@app.timer_trigger(arg_name="timer", schedule="0 0 * * * *")
@app.blob_output(arg_name="blob", path="a/b", connection="Storage")
def to_blob(timer: func.TimerRequest, blob: func.Out[str]) -> None: ...


@app.cosmos_db_trigger(arg_name="docs", container_name="things", database_name="db", connection="Cosmos")
def from_container(docs: func.DocumentList) -> None: ...


@app.orchestration_trigger(context_name="context")
async def is_async(context: df.DurableOrchestrationContext) -> None: ...


@app.activity_trigger(input_name="x")
def generic_input(x: list[int]) -> None: ...


@app.activity_trigger(input_name="x", activity="twice")
def one_activity(x: typing.Any) -> None: ...


@app.activity_trigger(input_name="x", activity="twice")
def other_activity(x: typing.Any) -> None: ...
