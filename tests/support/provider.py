"""A small real OpenID Connect provider on loopback: authorization code flow with PKCE, a sign-in page, a key set."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID = "tideboard"
CLIENT_SECRET = "the client's secret at the provider"
KID = "provider-1"


class Provider:
    """The provider: who can sign in (`people`: name on the button → claims), and what has been handed out."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.people: dict[str, dict[str, Any]] = {}
        self.issued_ago_s = 0.0
        self.signs_with = self.key
        self.tokens: list[str] = []
        self.signed_out = 0
        self._codes: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[Route]:
        """List the provider's pages."""
        return [
            Route("/.well-known/openid-configuration", self._configuration),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/keys", self._keys),
            Route("/end", self._end),
        ]

    def secrets_toml(self, folder: Path, *, app_url: str) -> Path:
        """Write what an operator would put into .streamlit/secrets.toml."""
        path = folder / "secrets.toml"
        path.write_text(
            f'[auth]\nredirect_uri = "{app_url}/oauth2callback"\ncookie_secret = "{secrets.token_hex(32)}"\n'
            f'client_id = "{CLIENT_ID}"\nclient_secret = "{CLIENT_SECRET}"\n'
            f'server_metadata_url = "{self.url}/.well-known/openid-configuration"\n'
        )
        return path

    async def _configuration(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "end_session_endpoint": f"{self.url}/end",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            return Response("unknown client", 400)
        chosen = query.pop("as", None)
        if chosen is None:
            links = "".join(
                f'<p><a href="/authorize?{html.escape(urlencode({**query, "as": name}))}">{html.escape(name)}</a></p>'
                for name in self.people
            )
            return HTMLResponse(f"<title>Provider</title><h1>Who are you?</h1>{links}")
        code = secrets.token_urlsafe(16)
        self._codes[code] = {**query, "as": chosen}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}")

    async def _token(self, request: Request) -> Response:
        form = dict(await request.form())
        asked = self._codes.pop(str(form.get("code")), None)
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        is_client = request.headers.get("authorization") == f"Basic {basic}"
        verifier = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if asked is None or not is_client or challenge != asked.get("code_challenge"):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = time.time() - self.issued_ago_s
        claims = {
            "iss": self.url, "aud": CLIENT_ID, "iat": int(now), "exp": int(time.time()) + 3600,
            "nonce": asked["nonce"], **self.people[asked["as"]],
        }  # fmt: skip
        token = jwt.encode(claims, self.signs_with, algorithm="RS256", headers={"kid": KID})
        self.tokens.append(token)
        return JSONResponse(
            {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 3600, "id_token": token}
        )

    async def _keys(self, _: Request) -> Response:
        key = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return JSONResponse({"keys": [{**key, "kid": KID, "use": "sig", "alg": "RS256"}]})

    async def _end(self, request: Request) -> Response:
        self.signed_out += 1
        return RedirectResponse(request.query_params["post_logout_redirect_uri"])


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Serve a provider on a free port while the block runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    provider = Provider(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = uvicorn.Server(
        uvicorn.Config(Starlette(routes=list(provider.routes())), lifespan="off", log_level="warning", access_log=False)
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
