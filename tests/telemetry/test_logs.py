"""Log lines know what they are about, and can be JSON."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest

from shared import logs
from shared.security.redaction import Redactor


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a logger of its own writes, each line as text and then as JSON."""
    before = logging.getLogRecordFactory()
    logs.identify()
    stream = io.StringIO()
    logger = logging.getLogger("tests.logs")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    for formatter in (logging.Formatter("%(message)s"), logs.JsonLines()):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    yield stream
    logger.handlers.clear()
    logging.setLogRecordFactory(before)


def log(message: str, *args: object, **extra: object) -> None:
    logging.getLogger("tests.logs").info(message, *args, extra=extra)


def test_a_line_has_the_ids_of_what_is_served_and_of_nothing_served_before(written: io.StringIO) -> None:
    with logs.about(request_id="r"):
        logs.add(tenant_id="acme")
        with logs.about(execution_id="e"):
            log("in %s", "there", status=202)
        log("out")
    log("of nothing")
    text, line, out, _, nothing, last = written.getvalue().splitlines()
    assert text == "in there request_id=r tenant_id=acme execution_id=e"
    shown = json.loads(line)
    assert shown.pop("time").endswith("Z")
    assert shown == {
        "level": "INFO",
        "logger": "tests.logs",
        "message": "in there",
        "request_id": "r",
        "tenant_id": "acme",
        "execution_id": "e",
        "status": 202,
    }
    assert (out, nothing) == ("out request_id=r tenant_id=acme", "of nothing")
    assert "tenant_id" not in json.loads(last)


async def test_tasks_beside_each_other_have_ids_of_their_own(written: io.StringIO) -> None:
    async def serve(name: str) -> None:
        with logs.about(request_id=name):
            await asyncio.sleep(0)
            log("served %s", name)

    await asyncio.gather(*(serve(str(number)) for number in range(5)))
    lines = [json.loads(line) for line in written.getvalue().splitlines()[1::2]]
    assert len(lines) == 5
    assert all(line["message"] == f"served {line['request_id']}" for line in lines)


def test_an_exception_and_what_json_does_not_know_fit_on_one_line(written: io.StringIO) -> None:
    try:
        int("two\nlines")
    except ValueError:
        logging.getLogger("tests.logs").exception("it broke", extra={"thing": {1, 2}})
    line = json.loads(written.getvalue().splitlines()[-1])
    assert "ValueError: invalid literal" in line["exception"]
    assert line["thing"] == "{1, 2}"


def test_a_field_named_like_an_id_is_no_error(written: io.StringIO) -> None:
    with logs.about(tenant_id="acme"):
        log("x", tenant_id="a library's own")
    assert "tenant_id=acme" in written.getvalue()


def test_no_record_of_the_block_has_a_secret_of_it_whoever_logs_it(written: io.StringIO) -> None:
    with logs.hiding(Redactor([("TOKEN", "s3cr3t-token")])):
        log(
            "sent %s to %s",
            "Bearer s3cr3t-token",
            "x",
            url="https://a/?k=s3cr3t%2Dtoken",
            seen={"s3cr3t-token"},
        )
        log("%d of them", "s3cr3t-token")  # which cannot be formatted
        try:
            int("s3cr3t-token")
        except ValueError:
            logging.getLogger("tests.logs").exception("it broke")
    log("afterwards s3cr3t-token is nobody's")
    lines = written.getvalue().splitlines()
    assert lines[0] == "sent Bearer ***TOKEN*** to x"
    first, broken = json.loads(lines[1]), json.loads(lines[-3])
    assert (first["url"], first["seen"]) == ("https://a/?k=***TOKEN***", "{'***TOKEN***'}")
    assert broken["exception"].endswith("with base 10: '***TOKEN***'")
    assert written.getvalue().count("s3cr3t") == 2
    assert "afterwards" in lines[-1]


def test_what_has_none_is_told_as_ever(written: io.StringIO) -> None:
    with logs.hiding(Redactor([("TOKEN", "s3cr3t-token")])):
        try:
            int("something else")
        except ValueError:
            logging.getLogger("tests.logs").exception("it %s", "broke", extra={"count": 3})
    line = json.loads(written.getvalue().splitlines()[-1])
    assert (line["message"], line["count"]) == ("it broke", 3)
    assert line["exception"].endswith("with base 10: 'something else'")
