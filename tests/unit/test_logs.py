"""The log: what a line is about, in text and JSON, and that no secret ever stands in it."""

import json
import logging
import logging.config
import runpy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from io import StringIO
from uuid import uuid4

import pytest
from django.conf import settings

from config.logs import JSONLinesFormatter, TextFormatter, logging_from, password_of
from segments.jobs import log_context

OURS = (JSONLinesFormatter, TextFormatter)
SECRET = 'pa"ss/wörd-1'  # noqa: S105  (made up)
KEY = "dataset-" + "aB3" * 10 + "xy"


@pytest.fixture(params=["text", "json"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def logger(form: str) -> Iterator[logging.Logger]:
    """A logger of its own, that writes as the settings would have the root write."""
    described = logging_from("DEBUG", form, secrets=[SECRET, "short"])
    described["handlers"]["stderr"]["stream"] = StringIO()
    root = described.pop("root")
    described["loggers"] = {"test_logs": root | {"propagate": False}}
    logging.config.dictConfig(described)
    made = logging.getLogger("test_logs")
    yield made
    made.handlers.clear()


def written(logger: logging.Logger) -> list[str]:
    ours = [handler for handler in logger.handlers if isinstance(handler.formatter, OURS)]
    (handler,) = ours
    assert isinstance(handler, logging.StreamHandler)
    text: str = handler.stream.getvalue()
    return text.splitlines()


def test_a_line_says_what_it_is_about(logger: logging.Logger, form: str) -> None:
    job, tenant = uuid4(), uuid4()
    with log_context.about(job=job, tenant=tenant), log_context.about(chunk=3, attempt=2):
        logger.warning("lost %s", "it")
    logger.info("after")

    first, second = written(logger)
    if form == "json":
        about = {"job": str(job), "tenant": str(tenant), "chunk": 3, "attempt": 2}
        line = json.loads(first)
        assert line.items() >= about.items()
        assert (line["level"], line["logger"], line["message"]) == (
            "WARNING",
            "test_logs",
            "lost it",
        )
        assert line["time"].endswith("+00:00")
        assert not about.keys() & json.loads(second).keys()
        assert "about" not in line
    else:
        assert first.endswith(
            f"WARNING test_logs: lost it [tenant={tenant} job={job} chunk=3 attempt=2]"
        )
        assert second.endswith("INFO test_logs: after")


def test_threads_started_for_the_work_know_it_and_others_do_not(logger: logging.Logger) -> None:
    with ThreadPoolExecutor(1) as pool, log_context.about(chunk=7):
        pool.submit(copy_context().run, logger.info, "ours").result()
        pool.submit(logger.info, "another's").result()

    ours, others = written(logger)
    assert "7" in ours
    assert "chunk" not in others


def test_an_error_takes_one_line_of_json(logger: logging.Logger, form: str) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("it failed")

    lines = written(logger)
    assert "ValueError" in "\n".join(lines)
    assert form == "text" or "two\nlines" in json.loads(*lines)["exc_info"]


@pytest.mark.parametrize(
    "told",
    [
        f"the key is {SECRET}",
        f"Authorization: Bearer {KEY}",
        f"Authorization: bearer\t{SECRET}.x",
        f"no such key: {KEY}.",
        "could not connect to postgres://segmill:hunter22@db:5432/segmill",
        "redis://:hunter22@cache:6379/0 is down",
        "Incorrect API key provided: sk-proj-hunter22hunter22",
    ],
)
def test_secrets_are_hidden_wherever_they_stand(logger: logging.Logger, told: str) -> None:
    logger.info(told)
    logger.info("%s", {"nested": [told]})
    logger.info("with an extra", extra={"request": told})
    try:
        raise ValueError(told) from KeyError(told)
    except ValueError:
        logger.exception("in a traceback")

    text = "\n".join(written(logger))
    assert "[hidden]" in text
    for secret in (SECRET, json.dumps(SECRET, ensure_ascii=False)[1:-1], KEY, "hunter22"):
        assert secret not in text


def test_what_is_no_secret_stays(logger: logging.Logger) -> None:
    told = (
        "short import of ada@example.org from https://example.org:8443/a, dataset-ready, risk-free"
    )
    logger.info(told)

    (line,) = written(logger)
    assert told in line


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgres://me:p%40ss@host/db", "p@ss"),
        ("redis://:word@host", "word"),
        ("redis://host", ""),
        ("", ""),
        ("http://[broken", ""),
    ],
)
def test_passwords_in_addresses_are_known(url: str, password: str) -> None:
    assert password_of(url) == password


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SEGMILL_SECRET_KEY", "a-very-secret-word"),
        ("SEGMILL_SECRET_KEY_FALLBACKS", "a-very-secret-word"),
        ("SEGMILL_CREDENTIALS_KEY", "new,a-very-secret-word"),
        ("SEGMILL_OPENAI_API_KEY", "a-very-secret-word"),
        ("SEGMILL_METRICS_TOKEN", "a-very-secret-word"),
        ("DATABASE_URL", "postgres://me:a-very-secret-word@127.0.0.1:9/none"),
        ("REDIS_URL", "redis://:a-very-secret-word@127.0.0.1:9/0"),
    ],
)
def test_every_secret_setting_is_known_to_the_log(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    found = runpy.run_path(str(settings.BASE_DIR / "config/settings.py"))

    for form in ("text", "json"):
        assert "a-very-secret-word" in found["LOGGING"]["formatters"][form]["secrets"]
