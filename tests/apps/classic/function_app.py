"""A Durable Functions app with the classic HTTP types, written like the samples: it must run as it is."""

import json
import time

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="start/{name}/{id?}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    body = req.get_json() if req.get_body() else None
    wanted = req.route_params.get("id")
    instance_id = await client.schedule_new_orchestration(
        req.route_params["name"], input=body, instance_id=wanted
    )
    return client.create_check_status_response(req, instance_id)


@app.route(route="start-sync/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
def start_sync(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    instance_id = client.schedule_new_orchestration(req.route_params["name"])
    return client.create_check_status_response(req, instance_id)


@app.route(route="start-blocking/{name}", methods=["POST"])
@app.generic_input_binding(arg_name="starter", type="durableClient")
async def start_blocking(req: func.HttpRequest, starter: str) -> func.HttpResponse:
    client = df.SyncDurableFunctionsClient.get_cached(starter)  # blocks the loop: poor, but Azure bears it
    instance_id = client.schedule_new_orchestration(req.route_params["name"])
    return client.create_check_status_response(req, instance_id)


@app.route(route="signal/{key}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def signal(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    await client.signal_entity(df.EntityId("counter", req.route_params["key"]), "add", int(req.params["by"]))
    return func.HttpResponse(status_code=202)


@app.route(route="starter", methods=["GET"])
@app.generic_input_binding(arg_name="starter", type="durableClient")
def starter(req: func.HttpRequest, starter: str) -> str:
    return starter


@app.route(route="echo/{id:int}/{*rest}")
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route": dict(req.route_params),
        "header": req.headers.get("x-test"),
        "body": req.get_body().decode(),
        "function": context.function_name,
        "invocation": context.invocation_id,
    }
    headers = {"X-Answer": "42"}
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", status_code=201, headers=headers)


@app.route(route="text")
async def text(req: func.HttpRequest) -> str:
    return "plain"


@app.route(route="nothing")
async def nothing(req: func.HttpRequest):
    return None


@app.route(route="by-out", binding_arg_name="answer")
def by_out(req: func.HttpRequest, answer: func.Out[func.HttpResponse]) -> None:
    answer.set(func.HttpResponse("set", status_code=203))


@app.route(route="stuck")
def stuck(req: func.HttpRequest) -> str:
    time.sleep(600)
    return "never"


@app.route(route="boom")
async def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("the secret is 12345")


@app.route(route="cookies")
async def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("ok")
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; Path=/")
    return response


@app.route(route="keyed", auth_level=func.AuthLevel.FUNCTION)
async def keyed(req: func.HttpRequest) -> str:
    return "open"


@app.route(route="managed", auth_level=func.AuthLevel.ADMIN)
async def managed(req: func.HttpRequest) -> str:
    return "open"


@app.orchestration_trigger(context_name="context")
def chain(context: df.DurableOrchestrationContext):
    first = yield context.call_activity("hello", "Tokyo")
    second = yield context.call_activity("hello", "Oslo")
    return [first, second]


@app.orchestration_trigger(context_name="ctx")
def fan_out(ctx: df.DurableOrchestrationContext):
    tasks = [ctx.call_activity("square", number) for number in range(10)]
    return sum((yield ctx.task_all(tasks)))


@app.orchestration_trigger(context_name="context", orchestration="approval")
def wait_for_approval(context: df.DurableOrchestrationContext):
    context.set_custom_status("waiting")
    answer = yield context.wait_for_external_event("Approval")
    return {"approved": answer}


@app.orchestration_trigger(context_name="context")
def calls_http(context: df.DurableOrchestrationContext):
    answer = yield context.call_http("GET", context.get_input())
    return [answer.status_code, answer.content]


@app.orchestration_trigger(context_name="context")
def fails(context: df.DurableOrchestrationContext):
    yield context.call_activity("broken", None)


@app.activity_trigger(input_name="city")
def hello(city: str) -> str:
    return f"Hello {city}!"


@app.activity_trigger(input_name="number")
async def square(number: int) -> int:
    return number * number


@app.activity_trigger(input_name="ignored")
def broken(ignored: str) -> None:
    raise ValueError("first: line\nsecond line")


@app.entity_trigger(context_name="context")
def counter(context: df.DurableEntityContext) -> None:
    total = context.get_state(lambda: 0)
    if context.operation_name == "add":
        total += context.get_input()
    context.set_state(total)
    context.set_result(total)
