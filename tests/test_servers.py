"""Real servers around the kernel, and real clients before them, over the loopback interface.

The servers are the README's recipes as they stand there, on the key storage in SQLite that its provision.py makes.
"""

from __future__ import annotations

import html
import http.client
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

import wvtoken
from wvtoken import ErrorCode as E
from wvtoken.errors import RaisedBy

from .serving import asking, browser, readme, tools
from .serving.page import Page
from .serving.processes import Server, run, serving

pytestmark = pytest.mark.slow

tools.need_packages("aiohttp", "fastapi", "flask", "gunicorn", "httpx", "requests", "starlette", "uvicorn")

from .serving.clients import CLIENTS, FORM, SECONDS, Answer, Client, with_httpx  # noqa: E402  # needs some of these
from .serving.load import send_all  # noqa: E402

HERE = Path(asking.__file__).parent
GUNICORN = readme.command("gunicorn", "wsgi_app:app")
UVICORN = readme.command("uvicorn", "asgi_app:app")
RECIPES = {
    "wsgi": GUNICORN,
    "flask": [*GUNICORN[:-1], "flask_app:app"],
    "asgi": UVICORN,
    "fastapi": [*UVICORN[:-1], "fastapi_app:app"],
    "starlette": [*UVICORN[:-1], "starlette_app:app"],
    "aiohttp": readme.command("gunicorn", "aiohttp_app:app"),
}
WSGIREF = """
from wsgiref.simple_server import make_server
from wsgiref.validate import validator
from wsgi_app import app
make_server("127.0.0.1", 8000, validator(app)).serve_forever()
"""
TOKEN = re.compile(r"(ExpressPlayToken=AQAAAA)([\w-]+)")
"""What every token under key 1 begins with, and the rest of it."""


# Folders with the README's files, and servers in them.


def provisioned(folder: Path) -> Path:
    for name, text in readme.files().items():
        (folder / name).write_text(text, encoding="utf-8")
    run(readme.command("python", "provision.py"), folder)
    return folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The README's service."""
    return provisioned(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def hostile_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The README's service, its callbacks replaced by those that fail on demand."""
    folder = provisioned(tmp_path_factory.mktemp("hostile"))
    (folder / "service.py").rename(folder / "honest.py")
    shutil.copy(HERE / "hostile.py", folder / "service.py")
    shutil.copy(HERE / "rights_app.py", folder)
    return folder


@pytest.fixture(scope="module", params=RECIPES)
def recipe(request: pytest.FixtureRequest, service: Path) -> Iterator[Server]:
    """Each recipe, serving."""
    with serving(RECIPES[request.param], service) as server:
        yield server


@pytest.fixture(scope="module", params=["gunicorn", "uvicorn"])
def hostile_server(request: pytest.FixtureRequest, hostile_service: Path) -> Iterator[Server]:
    """The hostile service behind the WSGI and the ASGI recipe."""
    with serving({"gunicorn": GUNICORN, "uvicorn": UVICORN}[request.param], hostile_service) as server:
        yield server


def redeemer(folder: Path) -> wvtoken.Redeemer:
    keyring = wvtoken.KeyRing.from_jwks((folder / "keyring.json").read_text("ascii"))
    return wvtoken.Redeemer(keyring, audience=asking.AUDIENCE)


def post(server: Server, body: str) -> Answer:
    return with_httpx("POST", server.url, "", body)


# Requests that get a token.

REQUEST = asking.BASE | {"wvExtension": "wudo,++++/w==", "cookie": "caf\u00e9"}
ESCAPED = [f"{name}={quote(value, safe='')}" for name, value in REQUEST.items()]
# As people type it: + and = and / and ^ and the comma as they are.
UNESCAPED = [f"{name}={quote(value, safe='+=/^,')}" for name, value in REQUEST.items()]
PLACEMENTS = {
    "in the query": ("GET", slice(0), slice(None)),
    "in the body": ("POST", slice(None), slice(0)),
    "in both": ("POST", slice(0, 3), slice(3, None)),
    "in both of a GET": ("GET", slice(0, 3), slice(3, None)),
}


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize("spelled", [ESCAPED, UNESCAPED], ids=["escaped", "unescaped"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_client_gets_the_token_it_asked_for(
    recipe: Server, service: Path, client: Client, spelled: list[str], placement: str
) -> None:
    """However the request is spelled and wherever its parameters are, the URL redeems to what it asked for."""
    method, in_body, in_query = PLACEMENTS[placement]
    answer = client(method, recipe.url, "&".join(spelled[in_query]), "&".join(spelled[in_body]))
    assert (answer.status, answer.content_type) == (200, "text/uri-list")
    assert answer.text.startswith(f"{asking.RIGHTS_URL}?ExpressPlayToken=")
    grant = redeemer(service).redeem(answer.text)
    assert grant.content_key == asking.CONTENT_KEY
    assert grant.customer == asking.CUSTOMER
    assert grant.cookie == "caf\u00e9"
    assert grant.extensions == (wvtoken.Extension(b"wudo", b"\xfb\xef\xbe\xff"),)
    assert grant.expires_at - grant.issued_at == 60
    assert abs(grant.issued_at - time.time()) < SECONDS


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_clients_may_leave_the_encoding_to_their_library(recipe: Server, service: Path, method: str) -> None:
    """`params=` and `data=` of httpx and requests, a dict each."""
    import httpx
    import requests

    where = "params" if method == "GET" else "data"
    with httpx.Client(trust_env=False) as one, requests.Session() as other:
        other.trust_env = False
        texts = [
            one.request(method, recipe.url, timeout=SECONDS, **{where: REQUEST}).text,  # type: ignore[arg-type]
            other.request(method, recipe.url, timeout=SECONDS, **{where: REQUEST}).text,  # type: ignore[arg-type]
        ]
    grants = [redeemer(service).redeem(text) for text in texts]
    assert [grant.extensions[0].payload for grant in grants] == 2 * [b"\xfb\xef\xbe\xff"]


def test_a_chunked_body_is_read(recipe: Server) -> None:
    """A body without a Content-Length is a body."""
    with_chunks = (part.encode() for part in (asking.form()[:50], asking.form()[50:]))
    assert exchange(recipe, "POST", body=with_chunks, headers=FORM)[0].status == 200


def test_a_raw_body_in_utf_8_is_read(recipe: Server, service: Path) -> None:
    """Unescaped non-ASCII characters in a body are what they are."""
    body = f"{asking.form()}&cookie=caf\u00e9".encode()
    _, text = exchange(recipe, "POST", body=body, headers=FORM)
    assert redeemer(service).redeem(text).cookie == "caf\u00e9"


def test_raw_utf_8_in_a_query_is_read_through_wsgi(service: Path) -> None:
    """WSGI hands the query over as Latin-1, and the recipe undoes that. Of the servers here, only the standard
    library's lets such a query through; its validator looks at the recipe's side of WSGI meanwhile.
    """
    with serving(["python", "-c", WSGIREF], service) as server:
        answer = CLIENTS["curl"]("GET", server.url, f"{asking.form()}&cookie=caf\u00e9", "")
        posted = post(server, asking.form())
    assert "AssertionError" not in server.log()
    assert redeemer(service).redeem(answer.text).cookie == "caf\u00e9"
    assert redeemer(service).redeem(posted.text).content_key == asking.CONTENT_KEY


# Requests that are refused before they are understood.


def exchange(
    server: Server,
    method: str,
    path: str = "/hms/wv/token",
    body: bytes | Iterable[bytes] | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[http.client.HTTPResponse, str]:
    """A request in which nothing is added or put right by a client."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response, response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/hms/wv/token/", 404),
        ("POST", "/hms/wv/tokens", 404),
        ("PUT", "/hms/wv/token", 405),
        ("DELETE", "/hms/wv/token", 405),
        ("OPTIONS", "/hms/wv/token", 405),
    ],
)
def test_bad_paths_and_methods_are_answered_in_the_asked_format(
    recipe: Server, method: str, path: str, status: int
) -> None:
    """By the kernel, not by the framework."""
    response, text = exchange(recipe, method, f"{path}?errorFormat=json")
    assert response.status == status
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Allow"] == ("GET, POST" if status == 405 else None)
    assert json.loads(text)["code"] == E.MALFORMED_REQUEST
    response, text = exchange(recipe, method, path)
    assert (response.status, response.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert Page(text).facts == {"Code": "-1"}


def test_head_gets_the_headers_alone(recipe: Server) -> None:
    """And the connection can be used for the next request."""
    connection = http.client.HTTPConnection("127.0.0.1", recipe.port, timeout=SECONDS)
    try:
        connection.request("HEAD", "/hms/wv/token")
        head = connection.getresponse()
        assert (head.status, head.headers["Allow"], head.read()) == (405, "GET, POST", b"")
        connection.request("POST", "/hms/wv/token", asking.form(), FORM)
        assert connection.getresponse().status == 200
    finally:
        connection.close()


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", None])
def test_another_content_type_is_malformed(recipe: Server, content_type: str | None) -> None:
    """-1, as JSON because the query says so."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    response, text = exchange(recipe, "POST", "/hms/wv/token?errorFormat=json", asking.form().encode(), headers)
    assert (response.status, json.loads(text)["code"]) == (400, -1)


def test_a_body_that_is_too_long_is_malformed(recipe: Server) -> None:
    """However much too long: no recipe keeps it all."""
    for size in (65_536, 900_000):
        body = b"errorFormat=json&x=" + size * b"x"
        response, text = exchange(recipe, "POST", body=body, headers=FORM)
        assert (response.status, json.loads(text)["code"]) == (400, -1)


# Every code, in both formats.


def check(answer: Answer, code: E, error_format: str) -> str:
    """The answer is the catalogue's for this code. The message."""
    if error_format == "json":
        assert answer.content_type == "application/json"
        fields = json.loads(answer.text)
        assert fields.keys() == {"code", "message", "parameter"}
        number, message = fields["code"], fields["message"]
    else:
        assert answer.content_type == "text/html; charset=utf-8"
        page = Page(answer.text)
        number, message = int(page.facts["Code"]), page.text("p")
    assert (answer.status, number) == (code.status, code)
    wording, takes_details, _ = code.template.partition(": <")
    assert message == wording or (takes_details and message.startswith(f"{wording}: "))
    assert asking.SECRET not in answer.text
    assert "<script" not in answer.text or error_format == "json"
    return str(message)


def in_format(request: str, error_format: str) -> str:
    return f"{request}&errorFormat=json" if error_format == "json" else request


def test_every_code_that_the_kernel_raises_is_provoked() -> None:
    """A code that joins the catalogue without a request that gets it fails here."""
    kernels = {code for code in E if code.raised_by is RaisedBy.KERNEL}
    assert asking.PROVOKING.keys() | {E.INVALID_TOKEN} == kernels
    assert len(kernels) == 29


@pytest.mark.parametrize("error_format", ["html", "json"])
@pytest.mark.parametrize("code", asking.PROVOKING)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_kernels_codes(hostile_server: Server, method: str, code: E, error_format: str) -> None:
    """Each is answered with the status, the type and the wording of the catalogue."""
    request = in_format(asking.PROVOKING[code], error_format)
    if code is E.INVALID_ERROR_FORMAT:
        request, error_format = asking.PROVOKING[code], "html"  # what else, when the format is what is wrong
    query, body = (request, "") if method == "GET" else ("", request)
    check(with_httpx(method, hostile_server.url, query, body), code, error_format)


@pytest.mark.parametrize("error_format", ["html", "json"])
@pytest.mark.parametrize("case", asking.CALLBACKS)
def test_what_callbacks_do_wrong(hostile_server: Server, case: str, error_format: str) -> None:
    """The server's codes stand as it raised them, with their details where they have a place; everything else it does
    is a failure that shows nothing.
    """
    code, request = asking.CALLBACKS[case]
    message = check(post(hostile_server, in_format(request, error_format)), code, error_format)
    shows_details = code in (E.ADMIN_ERROR, E.INVALID_AUTHENTICATOR)
    assert message.endswith(asking.MARKUP) is shows_details


def test_failures_are_in_the_log_and_authenticators_are_not(hostile_server: Server) -> None:
    """With their tracebacks, once they have been answered; and no request's authenticator or KEK."""
    post(hostile_server, asking.form(customerAuthenticator=f"fail here {asking.SECRET}"))
    post(hostile_server, asking.form(kid=f"^fail there {asking.SECRET}"))
    post(hostile_server, asking.form(customerAuthenticator="coroutine"))
    log = hostile_server.log()
    assert f"RuntimeError: fail here {asking.SECRET}" in log
    assert f"RuntimeError: fail there {asking.SECRET}" in log
    assert "TypeError: authenticate must give True, a customer's name, False or None, not coroutine" in log
    assert "never awaited" not in log
    assert asking.AUTHENTICATOR not in log
    assert asking.KEK not in log


@pytest.fixture(scope="module")
def rights_server(hostile_service: Path) -> Iterator[Server]:
    """Issuing and redeeming in one."""
    with serving([*GUNICORN[:-1], "rights_app:app"], hostile_service) as server:
        yield server


@pytest.mark.parametrize("error_format", ["html", "json"])
def test_a_redemption_server_answers_alike(rights_server: Server, error_format: str) -> None:
    """-4010, the one code that redeeming raises, through `error_response`."""
    url = post(rights_server, asking.form()).text
    rights = f"{rights_server.origin}/hms/wv/rights/"
    query = url.partition("?")[2]
    content_key = exchange(rights_server, "GET", f"/hms/wv/rights/?{query}")[1]
    assert content_key == asking.CONTENT_KEY.hex()
    forged = in_format(query[:-9] + "AAAAAAAAA", error_format)
    check(with_httpx("GET", rights, forged, ""), E.INVALID_TOKEN, error_format)


# Markup in a request, before a browser.

MARKUP = "</p><script>document.title='run'</script><img src=x>"
MARKED = {
    "errorFormat": asking.form(errorFormat=MARKUP, cookie="<svg onload=document.title='run'>"),
    "expirationTime": asking.form(expirationTime=MARKUP, cookie="<svg onload=document.title='run'>"),
    "cookie": asking.form(cookie=MARKUP),
}
"""Where a message repeats what was sent, and where it must not."""
ELEMENTS = ["html", "head", *3 * ["meta"], "title", "body", "main", "h1", "p", "dl", *2 * ["dt", "dd"]]


@pytest.mark.parametrize("parameter", MARKED)
def test_markup_in_a_request_is_text_in_a_browser(hostile_server: Server, tmp_path: Path, parameter: str) -> None:
    """No script of it runs and no element of it appears. Where the message repeats it, it can be read there."""
    page = Page(browser.dom(f"{hostile_server.url}?{MARKED[parameter]}", tmp_path))
    assert page.tags == ELEMENTS
    assert page.text("title") == page.text("h1") == "400 Bad Request"
    assert (MARKUP in page.text("p")) is (parameter != "cookie")
    assert page.facts["Parameter"] == parameter


def test_markup_in_json_is_text_in_a_browser(hostile_server: Server, tmp_path: Path) -> None:
    """JSON is not escaped as HTML is; its type and nosniff keep a browser from reading it as that."""
    page = Page(browser.dom(f"{hostile_server.url}?{MARKED['expirationTime']}&errorFormat=json", tmp_path))
    assert "pre" in page.tags
    assert not {"script", "img", "svg", "title"} & set(page.tags)
    assert any(MARKUP in text for _, text in page.texts)


def test_the_browser_would_run_it(hostile_server: Server, tmp_path: Path) -> None:
    """The same page without its escapes: the script runs, so that the tests above can fail."""
    served = with_httpx("GET", hostile_server.url, MARKED["expirationTime"], "").text
    unescaped = tmp_path / "unescaped.html"
    unescaped.write_text(html.unescape(served), encoding="utf-8")
    page = Page(browser.dom(unescaped.as_uri(), tmp_path / "profile"))
    assert page.text("title") == "run"
    assert {"script", "img"} <= set(page.tags)


# Ten thousand requests at once.

CLIENTS_AT_ONCE = 8
REQUESTS_EACH = 1250


def test_ten_thousand_answers_belong_to_their_requests(hostile_server: Server, hostile_service: Path) -> None:
    """None is lost, none shows what is another's, and of the failing callbacks each is in the log once."""
    answered = send_all(hostile_server.port, CLIENTS_AT_ONCE, REQUESTS_EACH)
    assert len({case.marker for case, _ in answered}) == len(answered) == 10_000
    tokens = [(case, answer) for case, answer in answered if case.code is None]
    assert len(tokens) == 7_000
    grants = redeemer(hostile_service).redeem_many(answer.text for _, answer in tokens)
    assert len({grant.token_id for grant in grants if isinstance(grant, wvtoken.Grant)}) == 7_000
    for (case, answer), grant in zip(tokens, grants, strict=True):
        assert (answer.status, answer.content_type) == (200, "text/uri-list")
        assert isinstance(grant, wvtoken.Grant)
        assert (grant.cookie, grant.content_key, grant.customer) == (case.marker, case.content_key, case.customer)
    failing = []
    for case, answer in answered:
        if case.code is not None:
            check(answer, case.code, case.error_format)
            echoed = case.code is E.INVALID_EXPIRATION_TIME
            assert re.findall(r"c\d\dn\d{5}", answer.text) == ([case.marker] if echoed else [])
            failing += [] if echoed else [case.marker]
    assert len(failing) == 2_000
    assert sorted(re.findall(r"RuntimeError: fail (c\d\dn\d{5})", hostile_server.log())) == sorted(failing)


# What the README says that happens.


def test_the_sessions_in_the_readme(service: Path) -> None:
    """Each command prints what stands under it; of a token, what is the same in all of them."""
    bash = tools.program("bash")
    tools.program("curl")
    with serving(GUNICORN, service) as server:
        for command, output in readme.session():
            here = command.replace(f":{readme.PORT}", f":{server.port}")
            done = subprocess.run(
                [bash, "-c", here], capture_output=True, check=True, text=True, timeout=SECONDS, cwd=service
            )
            assert masked(done.stdout) == masked(output)
            if TOKEN.search(done.stdout):
                assert redeemer(service).redeem(done.stdout).content_key == asking.CONTENT_KEY


def masked(output: str) -> str:
    """The output with the random part of a token as long as it was, and without the line feed that ends a session's."""
    return TOKEN.sub(lambda token: token[1] + len(token[2]) * "*", output).rstrip("\n")


def test_gunicorns_access_log_has_no_queries(service: Path) -> None:
    """In the README's format, which does log the request."""
    with serving(readme.command("gunicorn", "--access-logformat"), service) as server:
        assert CLIENTS["curl"]("GET", server.url, urlencode(asking.BASE), "").status == 200
    log = server.log()  # all of it: it is written after the answer
    assert "GET /hms/wv/token 200" in log
    assert "201722" not in log
    assert asking.KEK not in log


@pytest.mark.parametrize("name", ["asgi", "aiohttp"])
def test_uvicorn_and_aiohttp_log_no_queries(service: Path, name: str) -> None:
    """As the README starts them."""
    with serving(RECIPES[name], service) as server:
        assert CLIENTS["curl"]("GET", server.url, urlencode(asking.BASE), "").status == 200
    log = server.log()  # all of it: it is written after the answer
    assert log
    assert "/hms/wv/token" not in log
    assert asking.KEK not in log
