"""A real OpenID provider on loopback: authlib's own server side on Flask, with consent given at once.

Discovery, keys, authorization with PKCE, tokens and userinfo are the library's; `wrong` makes it lie in one way.
"""

import hmac
import json
import logging
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode, UserInfo
from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from werkzeug.serving import make_server

from starkmatter.egress.guard import authorities

CLIENT_ID, CLIENT_SECRET = "starkmatter-at-home", "oidc-canary-client-secret-5e1d"


@cache
def provider_key() -> RSAKey:
    """What it signs with. Made when a provider starts: a key takes a fifth of a second, which few processes need."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"}, private=True)


@cache
def other_key() -> RSAKey:
    """Somebody else's of the same name."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}, private=True)


@dataclass
class Subject:
    """Who says yes at the provider."""

    sub: str = "subject-1"
    email: str = "ada@elsewhere.example"
    email_verified: bool = True
    name: str = "Ada Elsewhere"

    def get_user_id(self) -> str:
        return self.sub


class Client(ClientMixin):
    """The one program the provider knows."""

    client_id = CLIENT_ID

    def __init__(self, provider: "OidcProvider") -> None:
        self.provider = provider

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return self.provider.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.provider.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, CLIENT_SECRET)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in {"client_secret_basic", "client_secret_post"}

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):
    code: str
    redirect_uri: str
    scope: str
    nonce: str | None
    user: Subject
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> str:
        return "0"

    def get_amr(self) -> list[str]:
        return ["pwd"]


@dataclass
class Token(TokenMixin):
    access_token: str
    scope: str
    user: Subject

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False


@dataclass
class OidcProvider:
    """Where it is, who says yes there, and how it lies. `seen` holds every secret it gave or got."""

    url: str
    redirect_uri: str = ""
    user: Subject = field(default_factory=Subject)
    wrong: str = ""
    names_itself: bool = True
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    inside_url: str = "http://127.0.0.1:9/"

    @property
    def allow(self) -> str:
        """For STARKMATTER_EGRESS_ALLOW."""
        return urlsplit(self.url).netloc

    @property
    def fields(self) -> dict[str, str]:
        """What an admin enters."""
        return {"issuer": self.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "title": "Home ID"}

    def consent(self, address: str) -> dict[str, str]:
        """What a person does there: the page is opened, they say yes, and this is what their browser brings back."""
        answer = httpx.get(address, follow_redirects=False, trust_env=False, verify=authorities())
        assert answer.status_code == 302, answer.text
        location = answer.headers["location"]
        assert location.startswith(self.redirect_uri + "?"), location
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    def claims_changed(self, claims: dict[str, Any]) -> dict[str, Any]:
        now = int(time.time())
        return claims | {
            "nonce": {"nonce": "another-nonce"},
            "no-nonce": {"nonce": None},
            "aud": {"aud": "another-client"},
            "several-aud": {"aud": [CLIENT_ID, "another-client"]},
            "azp": {"azp": "another-client"},
            "iss": {"iss": "https://evil.test"},
            "expired": {"iat": now - 7200, "exp": now - 3600},
            "no-exp": {"exp": None},
            "future": {"iat": now + 3600, "exp": now + 7200},
            "at_hash": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
            "no-sub": {"sub": None},
            "long-sub": {"sub": "x" * 300},
            "number-sub": {"sub": 7},
        }.get(self.wrong, {})

    def signed(self, claims: dict[str, Any]) -> str:
        """The id token, or the one lie about it."""
        claims = {name: value for name, value in self.claims_changed(claims).items() if value is not None}
        header, key = {"alg": "RS256", "kid": "first"}, provider_key()
        if self.wrong == "none":
            return f"{_part({'alg': 'none'})}.{_part(claims)}."
        if self.wrong == "hs256":  # the public key, which everybody has, taken for a shared secret
            body = f"{_part({'alg': 'HS256', 'kid': 'first'})}.{_part(claims)}"
            return f"{body}.{_b64(hmac.digest(provider_key().as_pem(private=False), body.encode(), 'sha256'))}"
        if self.wrong == "other-key":
            key = other_key()
        elif self.wrong == "other-kid":
            header = {"alg": "RS256", "kid": "second"}
        elif self.wrong == "own-key":
            header, key = {"alg": "RS256", "jwk": other_key().as_dict(private=False)}, other_key()
        text = jwt.encode(header, claims, key, algorithms=["RS256"])
        if self.wrong == "altered":
            head, body, signature = text.split(".")
            text = f"{head}.{body[:-4]}AAAA.{signature}"
        return text


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _part(what: dict[str, Any]) -> str:
    return _b64(json.dumps(what).encode())


def _app(provider: OidcProvider) -> Flask:
    app = Flask("oidc-provider")
    client = Client(provider)

    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            given = request.payload.data
            challenge = (given.get("code_challenge"), given.get("code_challenge_method"))
            provider.codes[code] = Code(
                code, request.payload.redirect_uri, request.payload.scope, given.get("nonce"), request.user, *challenge
            )
            provider.seen.append(code)

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return provider.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del provider.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> Subject:
            return authorization_code.user

    class IdToken(OpenIDCode):
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return any(one.nonce == nonce for one in provider.codes.values())

        def resolve_client_private_key(self, client: Client) -> KeySet:
            return KeySet([provider_key()])

        def get_client_claims(self, client: Client) -> dict[str, Any]:
            return {"iss": provider.url, "aud": CLIENT_ID}

        def get_client_algorithm(self, client: Client) -> str:
            return "RS256"

        def get_encode_header(self, client: Client) -> dict[str, Any]:
            return {"alg": "RS256", "kid": "first"}

        def generate_user_info(self, user: Subject, scope: str) -> UserInfo:
            return UserInfo(sub=user.sub)

        def process_token(self, grant: Any, response: Any) -> Any:
            token = super().process_token(grant, response)
            honest = jwt.decode(token["id_token"], provider_key(), algorithms=["RS256"])
            token["id_token"] = provider.signed(honest.claims)
            provider.seen.append(token["id_token"])
            if provider.wrong == "no-id-token":
                del token["id_token"]
            return token

    def save_token(token: dict[str, Any], request: Any) -> None:
        provider.tokens[token["access_token"]] = Token(token["access_token"], token["scope"], request.user)
        provider.seen.append(token["access_token"])

    server = AuthorizationServer(app, lambda client_id: client if client_id == CLIENT_ID else None, save_token)
    server.register_grant(CodeGrant, [IdToken(require_nonce=True), CodeChallenge(required=True)])

    class Bearer(BearerTokenValidator):
        def authenticate_token(self, token_string: str) -> Token | None:
            return provider.tokens.get(token_string)

    protected = ResourceProtector()
    protected.register_token_validator(Bearer())

    def misbehaved(place: str) -> Response | None:
        provider.asked.append(place)
        lie, _, where = provider.wrong.partition("@")
        if where != place:
            return None
        if lie == "slow":
            time.sleep(1)
        made = {
            "broken": Response("down", 503),
            "huge": Response(b'{"x": "' + b"x" * 3_000_000 + b'"}', mimetype="application/json"),
            "inside": redirect(provider.inside_url),
            "html": Response("<html>maintenance</html>", mimetype="text/html"),
            "list": Response("[1]", mimetype="application/json"),
        }
        return made.get(lie)

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Any:
        document = {
            "issuer": "https://evil.test" if provider.wrong == "other-issuer" else provider.url,
            "authorization_endpoint": f"{provider.url}/authorize",
            "token_endpoint": "http://10.0.0.1/token" if provider.wrong == "token-inside" else f"{provider.url}/token",
            "jwks_uri": f"{provider.url}/jwks",
            "userinfo_endpoint": f"{provider.url}/userinfo",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": provider.names_itself,
        }
        return misbehaved("discovery") or jsonify(document)

    @app.get("/jwks")
    def keys() -> Any:
        encrypting = ECKey.generate_key("P-256", {"use": "enc"}, private=False).as_dict(private=False)
        return misbehaved("jwks") or jsonify({"keys": [encrypting, provider_key().as_dict(private=False)]})

    @app.get("/authorize")
    def authorize() -> Any:
        provider.seen += [request.args["state"], request.args.get("nonce", "")]
        grant = server.get_consent_grant(end_user=provider.user)
        answer = server.create_authorization_response(grant=grant, grant_user=provider.user)
        if provider.names_itself and "location" in answer.headers:
            answer.headers["location"] += f"&iss={provider.url}"
        return answer

    @app.post("/token")
    def token() -> Any:
        provider.seen.append(request.form.get("code_verifier", ""))
        return misbehaved("token") or server.create_token_response()

    @app.get("/userinfo")
    @protected("openid")
    def userinfo() -> Any:
        user = current_token.user
        sub = "another-subject" if provider.wrong == "userinfo-sub" else user.sub
        told = {"sub": sub, "email": user.email, "email_verified": user.email_verified, "name": user.name}
        return misbehaved("userinfo") or jsonify(told)

    # GitHub's interface: the same server without an id token.
    @app.post("/login/oauth/access_token")
    def github_token() -> Any:
        given = provider.codes.pop(request.form["code"], None)
        if request.form.get("client_secret") != CLIENT_SECRET:
            return jsonify(error="incorrect_client_credentials")
        if given is None:
            return jsonify(error="bad_verification_code")
        access = f"gho_{secrets.token_hex(18)}"
        provider.tokens[access] = Token(access, "read:user,user:email", given.user)
        provider.seen.append(access)
        return jsonify(access_token=access, scope="read:user,user:email", token_type="bearer")

    @app.get("/login/oauth/authorize")
    def github_authorize() -> Any:
        code = secrets.token_hex(10)
        provider.seen += [code, request.args["state"]]
        provider.codes[code] = Code(code, "", "", None, provider.user, request.args["code_challenge"], "S256")
        return redirect(f"{request.args['redirect_uri']}?code={code}&state={request.args['state']}")

    @app.get("/user")
    def github_user() -> Any:
        user = _github_user(provider)
        return jsonify(id=4711, login="ada", name=user.name, email=None) if user else ("", 401)

    @app.get("/user/emails")
    def github_emails() -> Any:
        user = _github_user(provider)
        if user is None:
            return "", 401
        other = {"email": "other@elsewhere.example", "primary": False, "verified": True}
        return jsonify([other, {"email": user.email, "primary": True, "verified": user.email_verified}])

    return app


def _github_user(provider: OidcProvider) -> Subject | None:
    token = provider.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
    return token.user if token else None


@contextmanager
def oidc_provider() -> Iterator[OidcProvider]:
    """The provider, until the block ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    provider_key(), other_key()  # not by two requests at once
    provider = OidcProvider("")
    server = make_server("127.0.0.1", 0, _app(provider), threaded=True)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
