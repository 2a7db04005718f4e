"""Run the recipes of serving.md as the page starts them, and send requests to them."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

import wvtoken
from wvtoken import ErrorCode as E

from .http_client import CONTENT_KEY, KEK, REQUEST, Answer, ask, form, request_bytes, send_bytes
from .pages import DOCS, check_session, save_files, shell_lines
from .processes import SECONDS, Server, free_port, require, run, serving

pytestmark = [pytest.mark.slow, pytest.mark.servers]
require("aiohttp", "django", "fastapi", "flask", "gunicorn", "httpx", "prometheus_client", "uvicorn", "websockets")
require(programs=("bash", "curl"))

PAGE = DOCS / "serving.md"
RECIPES = ("WSGI", "Flask", "Django", "ASGI", "FastAPI", "Starlette", "aiohttp")
GUNICORN = ("WSGI", "Flask", "Django")
TOKEN = re.compile(r"(ExpressPlayToken=AQAAAA)([\w-]+)")


def start_line(section: str) -> str:
    return shell_lines(PAGE, section)[-1]


def provisioned(folder: Path) -> Path:
    """Save the page's files in the folder and run its provision.py."""
    save_files(PAGE, folder)
    run("python provision.py", folder)
    return folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return provisioned(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module", params=RECIPES)
def recipe(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def server(recipe: str, service: Path) -> Iterator[Server]:
    with serving(start_line(recipe), service) as server:
        yield server


def redeem(folder: Path, url: str) -> wvtoken.Grant:
    keyring = wvtoken.KeyRing.from_jwks((folder / "keyring.json").read_text("ascii"))
    return wvtoken.Redeemer(keyring, audience="production").redeem(url)


def test_provision_overwrites_nothing(service: Path) -> None:
    before = [(service / name).read_bytes() for name in ("keyring.json", "service.db")]
    with pytest.raises(AssertionError, match="FileExistsError"):
        run("python provision.py", service)
    assert [(service / name).read_bytes() for name in ("keyring.json", "service.db")] == before


# Valid requests.

FIELDS = REQUEST | {"wvExtension": "wudo,++++/w==", "cookie": "caf\u00e9"}
ESCAPED = [f"{name}={quote(value, safe='')}" for name, value in FIELDS.items()]
UNESCAPED = [f"{name}={quote(value, safe='+=/^,')}" for name, value in FIELDS.items()]


@pytest.mark.parametrize("pairs", [ESCAPED, UNESCAPED], ids=["escaped", "unescaped"])
@pytest.mark.parametrize(("method", "in_query"), [("GET", 8), ("POST", 0), ("POST", 4), ("GET", 4)])
def test_token_has_the_requested_fields(
    server: Server, service: Path, pairs: list[str], method: str, in_query: int
) -> None:
    query, body = "&".join(pairs[:in_query]), "&".join(pairs[in_query:])
    answer = ask(server, method, f"/hms/wv/token?{query}", body)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/uri-list")
    grant = redeem(service, answer.text)
    assert (grant.content_key, grant.customer, grant.cookie) == (CONTENT_KEY, "cnn", "caf\u00e9")
    assert grant.extensions == (wvtoken.Extension(b"wudo", b"\xfb\xef\xbe\xff"),)
    assert grant.expires_at - grant.issued_at == 60


def chunked(*chunks: str) -> bytes:
    """Return a request with these chunks as its body, each with its size."""
    body = "".join(f"{len(chunk):x}\r\n{chunk}\r\n" for chunk in chunks)
    return request_bytes(body=body, length="", headers=("Transfer-Encoding: chunked",))


def test_chunked_body_is_read(server: Server) -> None:
    assert send_bytes(server, chunked(form()[:50], form()[50:], "")).status == 200


def test_authorize_refuses_the_kid_of_another_customer(service: Path, server: Server) -> None:
    with closing(sqlite3.connect(service / "service.db")) as database, database:
        database.execute("INSERT OR IGNORE INTO keys VALUES (zeroblob(16), 'bbc', zeroblob(24))")
    for key in ({"contentKey": 32 * "0", "kek": None}, {}):
        answer = ask(server, body=form(kid=32 * "0", errorFormat="json", **key))
        assert (answer.status, json.loads(answer.text)["code"]) == (400, E.INVALID_KID)


# Malformed requests.


def test_incomplete_body_is_not_used(server: Server, recipe: str) -> None:
    """The last parameter is missing, so the rest would be a valid request without it."""
    body = form(licenseDuration="600")
    incomplete = [
        request_bytes(body=form(), length=str(len(body))),
        request_bytes(body=body[:-1], length=str(len(body))),
        chunked(form()),
    ]
    for data in incomplete:
        answer = send_bytes(server, data, half_close=True)
        # The async servers close the connection of a client that closed its sending side.
        assert answer.status in ((400,) if recipe in GUNICORN else (0, 400))
        assert "ExpressPlayToken" not in answer.text
    assert "Traceback" not in server.log()
    assert ask(server, body=form()).status == 200


@pytest.mark.parametrize("length", ["abc", "-1", "+5", "1e2", "\u0663", 30 * "9", 5000 * "9"])
def test_malformed_content_length_is_400(server: Server, length: str) -> None:
    assert send_bytes(server, request_bytes(body=form(), length=length)).status == 400


@pytest.mark.parametrize("size", ["zz", "-1", ""])
def test_malformed_chunk_is_400(server: Server, size: str) -> None:
    body = f"{size}\r\nx\r\n0\r\n\r\n"
    data = request_bytes(body=body, length="", headers=("Transfer-Encoding: chunked",))
    assert send_bytes(server, data).status == 400


MALFORMED = {
    "body over the limit": request_bytes(body="errorFormat=json&x=" + 65_536 * "x"),
    "large body": request_bytes(body="errorFormat=json&x=" + 2_000_000 * "x"),
    "JSON": request_bytes(target="/hms/wv/token?errorFormat=json", body=form(), content_type="application/json"),
    "multipart": request_bytes(
        target="/hms/wv/token?errorFormat=json", body=form(), content_type="multipart/form-data"
    ),
    "no type": request_bytes(target="/hms/wv/token?errorFormat=json", body=form(), content_type=None),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_large_body_or_other_type_is_malformed(server: Server, name: str) -> None:
    answer = send_bytes(server, MALFORMED[name])
    assert (answer.status, json.loads(answer.text)["code"]) == (400, -1)


@pytest.mark.parametrize("path", ["/hms//wv/token", "//hms/wv/token", "/hms/wv/token/", "/hms/wv/tokens", "/hms/wv"])
def test_similar_path_is_404_without_a_redirect(server: Server, path: str) -> None:
    answer = ask(server, "GET", f"{path}?{form()}")
    assert (answer.status, answer.headers.get("location")) == (404, None)
    assert KEK not in answer.text


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_other_method_is_405(server: Server, method: str) -> None:
    answer = ask(server, method, "/hms/wv/token?errorFormat=json")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")
    assert answer.text == "" if method == "HEAD" else json.loads(answer.text)["code"] == -1


def test_websocket_handshake_is_refused(server: Server) -> None:
    headers = ("Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
    data = request_bytes("GET", f"/hms/wv/token?kek={KEK}", headers=headers)
    answer = send_bytes(server, data.replace(b"Connection: close", b"Connection: Upgrade"), half_close=False)
    assert 400 <= answer.status < 500
    assert "Error" not in server.log()
    assert KEK not in server.log()


def test_compressed_body_is_refused(server: Server) -> None:
    data = request_bytes(body=b"\x1f\x8b not gzip", headers=("Content-Encoding: gzip",))
    assert send_bytes(server, data).status in (400, 401)
    assert "Traceback" not in server.log()


WSGIREF = """
from wsgiref.simple_server import make_server
from wsgiref.validate import validator
from wsgi_app import app

validated = validator(app)

def choose(environ, start_response):
    if not environ["QUERY_STRING"]:
        del environ["QUERY_STRING"]  # PEP 3333: it may be absent
    length = environ["CONTENT_LENGTH"]
    # The validator does not let a malformed Content-Length through.
    return (validated if length.isdigit() and len(length) < 10 else app)(environ, start_response)

make_server("127.0.0.1", 8000, choose).serve_forever()
"""


def test_wsgi_recipe_follows_the_specification(service: Path) -> None:
    """The standard library's server passes on what gunicorn refuses: malformed lengths, and raw UTF-8 in a query."""
    (service / "standard.py").write_text(WSGIREF.replace("8000", port := str(free_port())))
    with serving("python standard.py", service, port=int(port)) as server:
        for length in ("abc", "-1", "+5", 5000 * "9"):
            assert send_bytes(server, request_bytes(body=form(), length=length)).status == 400
        incomplete = request_bytes(body=form(), length=str(len(form()) + 1))
        assert send_bytes(server, incomplete, half_close=True).status == 400
        assert ask(server, body=form()).status == 200
        utf8 = send_bytes(server, request_bytes("GET", f"/hms/wv/token?{form()}&cookie=caf\u00e9", length="0"))
        assert redeem(service, utf8.text).cookie == "caf\u00e9"
    assert "AssertionError" not in server.log()


HOSTS = {
    "Flask": "from flask_app import app\n@app.get('/hms/wv/other')\ndef other(): return 'other'\n",
    "FastAPI": "from fastapi_app import app\n@app.get('/hms/wv/other')\ndef other(): return 'other'\n",
    "Django": (
        "import django_app\n"
        "from django.views.decorators.http import require_GET\n"
        "from django_app import app, path, HttpResponse\n"
        "django_app.urlpatterns.append(path('hms/wv/other', require_GET(lambda request: HttpResponse('other'))))\n"
    ),
    "aiohttp": (
        "from aiohttp_app import app, web\n"
        "async def other(request): return web.Response(text='other')\n"
        "app.router.add_get('/hms/wv/other', other)\n"
    ),
}


@pytest.mark.parametrize("name", HOSTS)
def test_routes_of_the_application_keep_their_answers(service: Path, name: str) -> None:
    """The recipe changes neither another route nor the error pages of its application."""
    (service / f"host_{name.lower()}.py").write_text(HOSTS[name])
    line = re.sub(r"\w+_app:app", f"host_{name.lower()}:app", start_line(name))
    with serving(line, service) as server:
        assert "other" in ask(server, "GET", "/hms/wv/other").text
        assert ask(server, body=form()).status == 200
        for method, path, status in (("POST", "/hms/wv/other", 405), ("GET", "/hms/wv/nothing", 404)):
            answer = ask(server, method, path)
            assert answer.status == status
            assert "Malformed request" not in answer.text


# Errors, and many clients.


def test_error_has_the_requested_format(server: Server) -> None:
    page = ask(server, body=form(kid=None))
    assert (page.status, page.headers["content-type"]) == (400, "text/html; charset=utf-8")
    answer = ask(server, body=form(customerAuthenticator="201722,0", errorFormat="json"))
    assert (answer.status, answer.headers["content-type"]) == (401, "application/json")
    assert answer.headers["www-authenticate"] == "CustomerAuthenticator"
    assert json.loads(answer.text)["code"] == E.INVALID_AUTHENTICATOR


def test_concurrent_clients_get_their_own_tokens(server: Server, service: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda number: ask(server, body=form(cookie=f"n{number}")), range(200))
        cookies = [redeem(service, answer.text).cookie for answer in answers]
    assert cookies == [f"n{number}" for number in range(200)]


# Other examples of the page.


def masked(text: str) -> str:
    """Replace the random part of a token by as many asterisks."""
    return TOKEN.sub(lambda token: token[1] + len(token[2]) * "*", text).strip()


def test_session_of_the_page(service: Path) -> None:
    with serving(start_line("WSGI"), service) as server:
        check_session(PAGE, "WSGI", service, port=server.port, mask=masked)


def test_client_gets_a_token(service: Path) -> None:
    with serving(start_line("WSGI"), service) as server:
        url = run(shell_lines(PAGE, "Client")[-1].replace("8000", str(server.port)), service)
    grant = redeem(service, url.strip())
    assert (grant.content_key, grant.expires_at - grant.issued_at) == (CONTENT_KEY, 3600)


def test_metrics_and_log_of_responses(service: Path) -> None:
    *prepare, line = shell_lines(PAGE, "Logs and metrics")[-2:]
    run("\n".join(prepare), service)
    with serving(line, service) as server:
        check_session(PAGE, "Logs and metrics", service, port=server.port)
        url = ask(server, body=form()).text
        ask(server, body=form(kid=None))
        metrics = ask(server, "GET", "/metrics").text
    for labels in ('code="0",status="200"', 'code="-3004",status="400"', 'code="-4018",status="400"'):
        assert f"token_responses_total{{{labels}}} 1.0" in metrics
    entries = [json.loads(entry) for entry in server.log().splitlines() if entry.startswith("{")]
    token_id = wvtoken.token_id(url).hex()
    assert {"status": 200, "code": 0, "token_id": token_id} in entries
    assert {"status": 400, "code": -4018, "parameter": "kid"} in entries
    assert "ExpressPlayToken" not in server.log()


def test_parse_alone_with_limits(service: Path) -> None:
    with serving(start_line("Only `parse`"), service) as server:
        validate = "/validate"
        assert ask(server, "POST", validate, form()).status == 204
        assert ask(server, "GET", f"{validate}?{form()}").status == 204
        assert ask(server, "POST", validate, form(kid=None)).status == 400
        assert ask(server, "POST", validate, "x=" + 2_000_000 * "x").status == 400
        assert send_bytes(server, request_bytes(target=validate, body=form(), content_type="text/plain")).status == 400
        short = request_bytes(target=validate, body=form(), length=str(len(form()) + 1))
        assert send_bytes(server, short, half_close=True).status == 400
        assert ask(server, "PUT", validate).status == 404


# Logs.

PIPELINED = request_bytes(body=f"{form()} HTTP/x\r\n\r\n", length="3").replace(b"close", b"keep-alive")
BAD_REQUESTS = [
    request_bytes("GET", f"/hms/wv/token?{form()}"),
    request_bytes("GET", f"/hms/wv/token?{form()}").replace(b"HTTP/1.1", b"HTTP/x"),
    request_bytes("GE<>T", f"/hms/wv/token?{form()}"),
    request_bytes("GET", f"/hms/wv/token?{form()}", headers=("Bad Header",)),
    request_bytes("GET", f"/hms/wv/token?{form()}&x={9000 * 'x'}"),
    request_bytes("GET", f"/hms/wv/token%3F{form()}"),
    request_bytes(body=form(), length="3"),
    PIPELINED,
]
"""Requests that contain keys and that servers accept, refuse, or cannot parse."""


def send_bad_requests(server: Server) -> list[Answer]:
    return [send_bytes(server, data, half_close=data is PIPELINED) for data in BAD_REQUESTS]


@pytest.mark.parametrize("name", ["WSGI", "ASGI", "aiohttp"])
def test_server_logs_have_no_keys(service: Path, name: str) -> None:
    with serving(start_line(name), service) as server:
        send_bad_requests(server)
    assert KEK not in server.log()


def test_gunicorn_access_log_has_no_keys(service: Path) -> None:
    line = next(line for line in shell_lines(PAGE, "Logs and metrics") if "--access-logformat" in line)
    with serving(line, service) as server:
        assert ask(server, "GET", f"/hms/wv/token?{form()}").status == 200
        send_bad_requests(server)
    assert re.search(r"\] GET 200 \d+ \d+ms", server.log())
    assert KEK not in server.log()


def test_gunicorn_logs_an_unparsable_request_line_at_warning(service: Path) -> None:
    """Without --log-level error, as on the page, the request line is in the log."""
    with serving(start_line("WSGI").replace("--log-level error ", ""), service) as server:
        send_bad_requests(server)
    assert KEK in server.log()


# nginx in front of gunicorn and aiohttp.


@contextmanager
def nginx(service: Path, backend: int, error_level: str = "crit") -> Iterator[tuple[Server, Path]]:
    """Start nginx with the page's configuration before the server on port `backend`. Yield it and its folder."""
    require(programs=("nginx",))
    folder = service / f"nginx-{time.monotonic_ns()}"
    folder.mkdir()
    port = free_port()
    text = (service / "nginx.conf").read_text().replace("8080", str(port)).replace("8000", str(backend))
    (folder / "nginx.conf").write_text(text.replace("error.log crit", f"error.log {error_level}"))
    with serving(shell_lines(PAGE, "nginx in front")[-1], folder, port=port) as server:
        yield server, folder


def test_slow_clients_block_gunicorn_but_not_nginx(service: Path) -> None:
    with ExitStack() as stack:
        backend = stack.enter_context(serving(start_line("WSGI"), service))
        front, _ = stack.enter_context(nginx(service, backend.port))

        def connect(server: Server, data: bytes) -> socket.socket:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), SECONDS))
            connection.sendall(data)
            return connection

        half = request_bytes(body=form())[:-5]
        for _ in range(16):
            connect(front, half)
        assert ask(front, body=form()).status == 200
        for _ in range(16):
            connect(backend, half)
        blocked = connect(backend, request_bytes(body=form()))
        blocked.settimeout(1)
        with pytest.raises(TimeoutError):
            blocked.recv(1)


@pytest.mark.parametrize("name", ["WSGI", "aiohttp"])
def test_nginx_logs_have_no_keys(service: Path, name: str) -> None:
    with serving(start_line(name), service) as backend, nginx(service, backend.port) as (front, folder):
        answers = send_bad_requests(front)
    assert answers[0].status == 200
    assert all(KEK not in answer.text for answer in answers)
    assert "GET /hms/wv/token 200" in (folder / "access.log").read_text()
    for log in (folder / "access.log", folder / "error.log", front.output, backend.output):
        assert KEK not in log.read_text()


@pytest.mark.parametrize(("error_level", "logged"), [("crit", False), ("error", True)])
def test_nginx_error_log_has_keys_below_crit(service: Path, error_level: str, logged: bool) -> None:
    """The server behind nginx is down."""
    with nginx(service, free_port(), error_level) as (front, folder):
        assert ask(front, "GET", f"/hms/wv/token?{form()}").status == 502
    assert (KEK in (folder / "error.log").read_text()) is logged
