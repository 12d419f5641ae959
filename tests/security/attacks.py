"""The forged tokens that the platform refuses, each with the reason that the log has.

A table an issuer: what is signed in its name, and how; ``entra_attacks.py`` has the one of Entra ID.
``CARRIED`` is a good token in the wrong place.
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.adapters.jwt.configured import token_issuers
from shared.adapters.jwt.issuers import Issuer
from shared.adapters.jwt.keys import JwksSource, KeySource
from shared.adapters.jwt.verifier import JwtTokens
from tests.security.entra import CLIENT_ID, HOME, Entra
from tests.security.entra_attacks import ENTRA
from tests.security.forge import AUDIENCE, ISSUER, Forge, jwk, private_key, raw_token, segment, sign_rs256

ELLIPTIC_ISSUER, OTHER_ISSUER, SECRET_ISSUER = (
    f"https://{name}.example" for name in ("elliptic", "other", "secret")
)
SECRET: Final = bytes(range(32))
HEADER: Final = {"alg": "RS256", "kid": "first", "typ": "at+jwt"}

THREE_PARTS = "the token does not have three parts"
NOT_BASE64 = "the token is not base64url"
HEADER_JSON = "the token's header is not JSON with unique names"
PAYLOAD_JSON = "the token's payload is not JSON with unique names"
NO_ALGORITHM = "the token names no algorithm"
ALGORITHM = "the algorithm is not one this issuer signs with"
NO_KEY = "the token names no key"
OTHER_KEY = "the issuer has no key of this id for this algorithm"
SIGNATURE = "the signature does not verify"
CRITICAL = "the token asks for extensions that are not understood"
TYPE = "the token is not an access token by its type"
ID_TOKEN = "the token is an ID token by its claims"
OTHER_KIND = "the token is not an access token by its claims"
STRANGER = "the issuer is not a trusted one"
AUDIENCES = "the token is for another audience"
NO_BEARER = "the request carries no bearer token"
TWICE = "the request has the header authorization more than once"


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.digest(secret, message, hashlib.sha256)


def _public(encoding: Encoding) -> bytes:
    public = private_key("RS256").public_key()
    return bytes(public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo))


def _confused(f: Forge, secret: bytes, **header: Any) -> str:
    """RS256's public key, which everybody has, as the secret of HS256."""
    return raw_token(HEADER | {"alg": "HS256"} | header, f.claims(), hs256(secret))


def _signed(f: Forge, payload: Any, **header: Any) -> str:
    return raw_token(HEADER | header, payload, sign_rs256)


def _text(f: Forge, more: str) -> bytes:
    """Good claims with more text before the last brace."""
    return (json.dumps(f.claims())[:-1] + more + "}").encode()


def _own_key(f: Forge, **header: Any) -> str:
    return f.token(header, key=private_key("RS256", "attacker"))


def _parts(f: Forge, header: Any = None, payload: Any = None, signature: str | None = None) -> str:
    """A good token with parts of another."""
    parts = f.token().split(".")
    return ".".join(
        (
            parts[0] if header is None else segment(header),
            parts[1] if payload is None else segment(payload),
            parts[2] if signature is None else signature,
        )
    )


def _spare_bits(f: Forge) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = f.token()
    return token[:-1] + letters[letters.index(token[-1]) ^ 1]


def _other_alphabet(f: Forge) -> str:
    """The base64 of RFC 4648, section 4, which has a slash and a plus."""
    header, _, signature = f.token().split(".")
    return f"{header}.{b64encode(b'{?>?>?>~~~}').decode().rstrip('=')}.{signature}"


def _age(f: Forge, **offsets: int) -> str:
    times: dict[str, Any] = {name: f.clock.unix() + seconds for name, seconds in offsets.items()}
    return f.token(**times)


def _time(name: str, value: Any) -> "Attack":
    return (lambda f: _signed(f, f.claims() | {name: value})), f"the token's {name} is not a time"


type Attack = tuple[Callable[[Forge], str], str]

RSA: dict[str, Attack] = {
    # The form
    "one part": (lambda f: "x" * 40, THREE_PARTS),
    "two parts": (lambda f: f.token().rsplit(".", 1)[0], THREE_PARTS),
    "four parts": (lambda f: f.token() + ".x", THREE_PARTS),
    "an encrypted token's five parts": (lambda f: "a.b.c.d.e", THREE_PARTS),
    "an encrypted token's empty parts": (lambda f: segment(HEADER | {"alg": "dir"}) + "....", THREE_PARTS),
    "only dots": (lambda f: "..", NOT_BASE64),
    "no header": (lambda f: "." + f.token().split(".", 1)[1], NOT_BASE64),
    "detached payload": (lambda f: _parts(f, payload=b""), NOT_BASE64),
    "no signature": (lambda f: _parts(f, signature=""), NOT_BASE64),
    "header truncated": (lambda f: f.token()[4:], HEADER_JSON),
    "payload truncated": (lambda f: _parts(f, payload=json.dumps(f.claims()).encode()[:-1]), PAYLOAD_JSON),
    "signature truncated": (lambda f: f.token()[:-10], SIGNATURE),
    "signature truncated by one": (lambda f: f.token()[:-1], NOT_BASE64),
    "bytes after the signature": (lambda f: f.token() + "AAAA", SIGNATURE),
    "text after the signature": (lambda f: f.token() + ", x", NOT_BASE64),
    "spare bits": (_spare_bits, NOT_BASE64),
    "padding": (lambda f: f.token() + "==", NOT_BASE64),
    "base64 of the other alphabet": (_other_alphabet, NOT_BASE64),
    "space within": (lambda f: f.token().replace(".", ". ", 1), NOT_BASE64),
    "not ascii": (lambda f: "é" + f.token(), NOT_BASE64),
    "a full stop that is none": (lambda f: f.token().replace(".", "\N{FULLWIDTH FULL STOP}"), THREE_PARTS),
    "oversize": (lambda f: f.token(padding="x" * 20_000), "the token is too long"),
    "header not json": (lambda f: raw_token(b"{", f.claims(), sign_rs256), HEADER_JSON),
    "header not utf-8": (lambda f: raw_token(b'{"alg":"\xff"}', f.claims(), sign_rs256), HEADER_JSON),
    "header an array": (
        lambda f: raw_token([HEADER], f.claims(), sign_rs256),
        "the token's header is not an object",
    ),
    "payload a string": (lambda f: _signed(f, "root"), "the token's payload is not an object"),
    "payload too deep": (lambda f: _signed(f, b"[" * 9000), PAYLOAD_JSON),
    "payload a number without end": (lambda f: _signed(f, _text(f, ', "n": ' + "9" * 5000)), PAYLOAD_JSON),
    "a token within a token": (lambda f: _signed(f, f.token().encode(), cty="JWT"), PAYLOAD_JSON),
    "claim twice": (lambda f: _signed(f, _text(f, ', "sub": "root"')), PAYLOAD_JSON),
    "claim twice, once escaped": (lambda f: _signed(f, _text(f, r', "su\u0062": "root"')), PAYLOAD_JSON),
    "claim twice, deep within": (lambda f: _signed(f, _text(f, ', "x": [{"a": 1, "a": 2}]')), PAYLOAD_JSON),
    "header field twice": (
        lambda f: raw_token(
            b'{"alg": "none", "alg": "RS256", "kid": "first", "typ": "JWT"}', f.claims(), sign_rs256
        ),
        HEADER_JSON,
    ),
    # The algorithm
    "no alg": (lambda f: raw_token({"kid": "first", "typ": "JWT"}, f.claims(), sign_rs256), NO_ALGORITHM),
    "alg an array": (lambda f: _signed(f, f.claims(), alg=["RS256"]), NO_ALGORITHM),
    "alg null": (lambda f: _signed(f, f.claims(), alg=None), NO_ALGORITHM),
    "alg in lower case": (lambda f: _signed(f, f.claims(), alg="rs256"), ALGORITHM),
    "alg of look-alikes": (
        lambda f: _signed(f, f.claims(), alg="R\N{CYRILLIC CAPITAL LETTER DZE}256"),
        ALGORITHM,
    ),
    "another alg of the same key": (lambda f: _signed(f, f.claims(), alg="PS256"), ALGORITHM),
    "a weaker alg of the same key": (lambda f: _signed(f, f.claims(), alg="RS1"), ALGORITHM),
    "hs256 with the public key's PEM": (lambda f: _confused(f, _public(Encoding.PEM)), ALGORITHM),
    "hs256 with the public key's PEM, stripped": (
        lambda f: _confused(f, _public(Encoding.PEM).strip()),
        ALGORITHM,
    ),
    "hs256 with the public key's DER": (lambda f: _confused(f, _public(Encoding.DER)), ALGORITHM),
    "hs256 with the public key's JWK": (
        lambda f: _confused(f, json.dumps(jwk("RS256", "first")).encode()),
        ALGORITHM,
    ),
    "hs256 with nothing": (lambda f: _confused(f, b""), ALGORITHM),
    # The key
    "no kid": (lambda f: f.token({"kid": ""}), NO_KEY),
    "kid a number": (lambda f: _signed(f, f.claims(), kid=1), NO_KEY),
    "kid unknown": (lambda f: f.token({"kid": "second"}), OTHER_KEY),
    "kid a path": (lambda f: f.token({"kid": "../../../../dev/null"}), OTHER_KEY),
    "kid an address": (lambda f: f.token({"kid": "https://evil.example/key"}), OTHER_KEY),
    "kid sql": (lambda f: f.token({"kid": "x' UNION SELECT 'secret' --"}), OTHER_KEY),
    "kid a command": (lambda f: f.token({"kid": "first|id"}), OTHER_KEY),
    "kid with a line of the log": (lambda f: f.token({"kid": "x\nINFO accepted"}), OTHER_KEY),
    "kid with a null": (lambda f: f.token({"kid": "first\0"}), OTHER_KEY),
    "kid very long": (lambda f: f.token({"kid": "k" * 8000}), OTHER_KEY),
    "kid of another issuer's key": (
        lambda f: f.token({"kid": "others"}, key=private_key("RS256", "other")),
        OTHER_KEY,
    ),
    "signed by another trusted issuer": (lambda f: f.token(key=private_key("RS256", "other")), SIGNATURE),
    "an attacker's key": (_own_key, SIGNATURE),
    "a key in the header": (lambda f: _own_key(f, jwk=jwk("RS256", "first", "attacker")), SIGNATURE),
    "a key in the header under a new kid": (
        lambda f: _own_key(f, kid="mine", jwk=jwk("RS256", "mine", "attacker")),
        OTHER_KEY,
    ),
    "a key by jku": (lambda f: _own_key(f, jku="https://evil.example/jwks"), SIGNATURE),
    "a key by jku beside the issuer": (lambda f: _own_key(f, jku=f"{ISSUER}@evil.example"), SIGNATURE),
    "a key by x5u": (lambda f: _own_key(f, x5u="https://evil.example/cert"), SIGNATURE),
    "a key by x5c": (lambda f: _own_key(f, x5c=["MIIB"]), SIGNATURE),
    "a key by x5t": (lambda f: _own_key(f, **{"x5t#S256": "AAAA"}), SIGNATURE),
    # The signature
    "payload of another": (lambda f: _parts(f, payload=f.claims(sub="root")), SIGNATURE),
    "header of another": (lambda f: _parts(f, header=HEADER | {"x": 1}), SIGNATURE),
    "signature of another": (lambda f: _parts(f, signature=f.token(jti="x").split(".")[2]), SIGNATURE),
    "signature of zeros": (lambda f: _parts(f, signature=segment(bytes(256))), SIGNATURE),
    "signature of one byte": (lambda f: _parts(f, signature="AA"), SIGNATURE),
    # The header's other fields
    "critical extension": (lambda f: _signed(f, f.claims(), crit=["exp"]), CRITICAL),
    "critical nothing": (lambda f: _signed(f, f.claims(), crit=[]), CRITICAL),
    "unencoded payload": (lambda f: _signed(f, f.claims(), b64=False, crit=["b64"]), CRITICAL),
    "unencoded payload, not critical": (
        lambda f: f"{segment(HEADER | {'b64': False})}.{json.dumps({'sub': 'ada'})}.AAAA",
        NOT_BASE64,
    ),
    "id token by its type": (lambda f: f.token({"typ": "id+jwt"}), TYPE),
    "logout token by its type": (lambda f: f.token({"typ": "logout+jwt"}), TYPE),
    "proof of possession by its type": (lambda f: f.token({"typ": "dpop+jwt"}), TYPE),
    "no type": (lambda f: raw_token({"alg": "RS256", "kid": "first"}, f.claims(), sign_rs256), TYPE),
    "type an array": (lambda f: _signed(f, f.claims(), typ=["at+jwt"]), TYPE),
    # What it is for
    "id token by its at_hash": (lambda f: f.token({"typ": "JWT"}, at_hash="x"), ID_TOKEN),
    "id token by its c_hash": (lambda f: f.token({"typ": "JWT"}, c_hash="x"), ID_TOKEN),
    "id token by its use": (lambda f: f.token({"typ": "JWT"}, token_use="id"), OTHER_KIND),
    "id token by its claimed type": (lambda f: f.token({"typ": "JWT"}, typ="ID"), OTHER_KIND),
    "refresh token by its claimed type": (lambda f: f.token({"typ": "JWT"}, typ="Refresh"), OTHER_KIND),
    "id token by its audience": (lambda f: f.token({"typ": "JWT"}, aud="the-client", azp="cli"), AUDIENCES),
    "another issuer": (lambda f: f.token(iss="https://evil.example"), STRANGER),
    "issuer with a slash more": (lambda f: f.token(iss=ISSUER + "/"), STRANGER),
    "issuer in capitals": (lambda f: f.token(iss=ISSUER.upper()), STRANGER),
    "issuer a prefix": (lambda f: f.token(iss=ISSUER[:-1]), STRANGER),
    "issuer with more behind it": (lambda f: f.token(iss=ISSUER + ".evil.example"), STRANGER),
    "issuer with space": (lambda f: f.token(iss=f" {ISSUER}"), STRANGER),
    "issuer of look-alikes": (
        lambda f: f.token(iss=ISSUER.replace("e", "\N{CYRILLIC SMALL LETTER IE}")),
        STRANGER,
    ),
    "issuer an array": (lambda f: _signed(f, f.claims(iss=[ISSUER])), STRANGER),
    "no issuer": (lambda f: f.token(iss=None), STRANGER),
    "another audience": (lambda f: f.token(aud="api://other"), AUDIENCES),
    "another audience, listed": (lambda f: f.token(aud=["api://other", "x"]), AUDIENCES),
    "audience with more behind it": (lambda f: f.token(aud=AUDIENCE + "2"), AUDIENCES),
    "audience a prefix": (lambda f: f.token(aud=AUDIENCE[:-1]), AUDIENCES),
    "audience in capitals": (lambda f: f.token(aud=AUDIENCE.upper()), AUDIENCES),
    "audience in one text with another": (lambda f: f.token(aud=f"x {AUDIENCE}"), AUDIENCES),
    "audience in a list in a list": (lambda f: _signed(f, f.claims(aud=[[AUDIENCE]])), AUDIENCES),
    "audience beside a number": (lambda f: _signed(f, f.claims(aud=[AUDIENCE, 1])), AUDIENCES),
    "audience a name": (lambda f: _signed(f, f.claims(aud={AUDIENCE: True})), AUDIENCES),
    "audience nobody": (lambda f: _signed(f, f.claims(aud=[])), "the token has no aud"),
    "no audience": (lambda f: f.token(aud=None), "the token has no aud"),
    "no subject": (lambda f: f.token(sub=None), "the token has no sub"),
    "subject empty": (lambda f: f.token(sub=""), "the token's sub is not a name"),
    "subject a number": (lambda f: _signed(f, f.claims(sub=7)), "the token's sub is not a name"),
    "subject an array": (lambda f: _signed(f, f.claims(sub=["ada"])), "the token's sub is not a name"),
    "subject endless": (lambda f: f.token(sub="x" * 256), "the token's sub is not a name"),
    "nobody's member": (lambda f: f.token(sub="mallory"), f"'mallory' of {ISSUER} is a member of no tenant"),
    "a member's look-alike": (
        lambda f: f.token(sub="\N{CYRILLIC SMALL LETTER A}da"),
        f"'\N{CYRILLIC SMALL LETTER A}da' of {ISSUER} is a member of no tenant",
    ),
    "a subject with a line of the log": (
        lambda f: f.token(sub="x\nINFO ada was let in"),
        rf"'x\nINFO ada was let in' of {ISSUER} is a member of no tenant",
    ),
    # The times
    "no expiry": (lambda f: f.token(exp=None), "the token has no exp"),
    "no issue time": (lambda f: f.token(iat=None), "the token has no iat"),
    "expired": (lambda f: _age(f, iat=-700, nbf=-700, exp=-60), "the token has expired"),
    "not valid yet": (lambda f: _age(f, nbf=61), "the token is not valid yet"),
    "issued in the future": (lambda f: _age(f, iat=61), "the token was issued in the future"),
    "expires before it begins": (lambda f: _age(f, exp=-1), "the token expires before it begins"),
    "expiry a text": _time("exp", "2099"),
    "expiry true": _time("exp", True),
    "expiry infinite": _time("exp", float("inf")),
    "expiry not a number": _time("exp", float("nan")),
    "expiry huge": _time("exp", 10**400),
    "expiry negative": _time("exp", -1),
    "expiry null": (lambda f: _signed(f, f.claims() | {"exp": None}), "the token has no exp"),
    "expiry in milliseconds": _time("exp", 4_000_000_000_000),
    "start a text": _time("nbf", "0"),
    "start null": _time("nbf", None),
    "start not a number": _time("nbf", float("nan")),
    "start negative": _time("nbf", -1),
    "issue time true": _time("iat", True),
    "issue time infinite": _time("iat", float("-inf")),
    "issue time an array": _time("iat", [0]),
}


def _none(spelling: str, signature: bytes) -> Attack:
    forged = lambda f: raw_token(HEADER | {"alg": spelling}, f.claims(), lambda _: signature)  # noqa: E731
    return forged, ALGORITHM if signature else NOT_BASE64


RSA |= {
    f"alg {spelling!r}, {kind}": _none(spelling, signature)
    for spelling in ("none", "None", "NONE", "nOnE", "none ", "", "null")
    for kind, signature in {"signed with nothing": b"", "signed with anything": b"x"}.items()
}


def _elliptic(f: Forge, r: int, s: int, size: int = 32) -> str:
    return _parts(f, signature=segment(r.to_bytes(size) + s.to_bytes(size)))


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

ELLIPTIC: dict[str, Attack] = {
    "r and s zero": (lambda f: _elliptic(f, 0, 0), SIGNATURE),
    "r and s the order": (lambda f: _elliptic(f, P256_ORDER, P256_ORDER), SIGNATURE),
    "r zero, s one": (lambda f: _elliptic(f, 0, 1), SIGNATURE),
    "r and s of the wrong size": (lambda f: _elliptic(f, 0, 0, size=48), SIGNATURE),
    "a signature in DER": (
        lambda f: _parts(f, signature=segment(bytes.fromhex("3006020100020100"))),
        SIGNATURE,
    ),
    "es384 with the same key": (
        lambda f: raw_token({"alg": "ES384", "kid": "first", "typ": "JWT"}, f.claims(), lambda _: bytes(96)),
        ALGORITHM,
    ),
}


def _shared(f: Forge, secret: bytes, **header: Any) -> str:
    fields = {"alg": "HS256", "kid": "shared", "typ": "at+jwt"} | header
    return raw_token(fields, f.claims(), hs256(secret))


SHARED: dict[str, Attack] = {
    "another secret": (lambda f: _shared(f, bytes(32)), SIGNATURE),
    "no secret": (lambda f: _shared(f, b""), SIGNATURE),
    "the secret's digits": (lambda f: _shared(f, SECRET.hex().encode()), SIGNATURE),
    "another algorithm of the same secret": (lambda f: _shared(f, SECRET, alg="HS512"), ALGORITHM),
    "rs256 of an issuer with a secret": (lambda f: f.token({"alg": "RS256", "kid": "shared"}), ALGORITHM),
    "none of an issuer with a secret": (lambda f: _shared(f, SECRET, alg="none"), ALGORITHM),
    "no kid beside the secret": (lambda f: _shared(f, SECRET, kid=""), NO_KEY),
    "the kid of a public key": (lambda f: _shared(f, SECRET, kid="first"), OTHER_KEY),
    "the secret in another issuer's name": (
        lambda f: raw_token(
            {"alg": "HS256", "kid": "shared", "typ": "JWT"}, f.claims(iss=ISSUER), hs256(SECRET)
        ),
        ALGORITHM,
    ),
}


@dataclass(frozen=True)
class Sent:
    """What a request carries."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    query: Mapping[str, str] = field(default_factory=dict)


def _header(text: str, name: str = "Authorization") -> Sent:
    return Sent([(name.encode(), text.encode())])


type Carried = tuple[Callable[[str], Sent], str]

CARRIED: dict[str, Carried] = {
    "nowhere": (lambda token: Sent(), NO_BEARER),
    "in the query": (lambda token: Sent(query={"access_token": token}), NO_BEARER),
    "in a cookie": (
        lambda token: _header(f"access_token={token}; Authorization=Bearer {token}", "Cookie"),
        NO_BEARER,
    ),
    "in another header": (lambda token: _header(f"Bearer {token}", "X-Forwarded-Authorization"), NO_BEARER),
    "in the headers of proxies": (lambda token: _header(f"Bearer {token}", "Proxy-Authorization"), NO_BEARER),
    "without a scheme": (_header, NO_BEARER),
    "as a password": (
        lambda token: _header("Basic " + b64encode(f"ada:{token}".encode()).decode()),
        NO_BEARER,
    ),
    "by a scheme of look-alikes": (
        lambda token: _header(f"B\N{CYRILLIC SMALL LETTER IE}arer {token}"),
        NO_BEARER,
    ),
    "behind a tabulator": (lambda token: _header(f"Bearer\t{token}"), NO_BEARER),
    "no token": (lambda _: _header("Bearer"), NO_BEARER),
    "twice in one header": (lambda token: _header(f"Bearer {token}, Bearer {token}"), THREE_PARTS),
    "in two headers": (lambda token: Sent([(b"Authorization", f"Bearer {token}".encode())] * 2), TWICE),
    "before a bad one": (
        lambda token: Sent([(b"Authorization", f"Bearer {token}".encode()), (b"authorization", b"Bearer x")]),
        TWICE,
    ),
    "behind a bad one": (
        lambda token: Sent(
            [(b"Authorization", b"Basic eA=="), (b"Authorization", f"Bearer {token}".encode())]
        ),
        TWICE,
    ),
}


class Trusted:
    """A platform's issuers: two with RSA keys, one with an elliptic one, one with a secret, and Entra ID."""

    def __init__(self) -> None:
        self.rsa = Forge()
        self.elliptic = Forge("ES256", ELLIPTIC_ISSUER, clock=self.rsa.clock)
        self.shared = Forge("RS256", SECRET_ISSUER, clock=self.rsa.clock)
        other = Forge("RS256", OTHER_ISSUER, clock=self.rsa.clock)
        other.keys.entries[:] = [jwk("RS256", "others", "other")]
        sharing = Issuer(SECRET_ISSUER, (AUDIENCE,), algorithms=("HS256",), secrets=(("shared", SECRET),))
        self.entra = Entra("v2", clock=self.rsa.clock)
        (entra,) = token_issuers(json.dumps([{"kind": "entra", "client_id": CLIENT_ID, "tenants": [HOME]}]))
        self._published: dict[Issuer, KeySource] = {entra: self.entra.source()}
        self._published |= {forge.issuer: forge.keys for forge in (self.rsa, self.elliptic, other)}
        self.tokens = JwtTokens([*self._published, sharing], keys=self, clock=self.rsa.clock)

    async def fetch(self, issuer: Issuer) -> Mapping[str, Any]:
        return await self._published.get(issuer, JwksSource()).fetch(issuer)

    def good(self) -> Iterator[str]:
        """A token of each kind that is not refused, but for its subject."""
        yield from (self.rsa.token(), self.elliptic.token(), _shared(self.shared, SECRET), self.entra.token())

    def attacks(self) -> Iterator[tuple[str, Sent, str]]:
        """Each attack's name, what it sends, and why it is refused."""
        tables = ((self.rsa, RSA), (self.elliptic, ELLIPTIC), (self.shared, SHARED))
        for forge, table in tables:
            for name, (make, reason) in table.items():
                yield name, _header(f"Bearer {make(forge)}"), reason
        for name, (attack, reason) in ENTRA.items():
            yield f"Entra ID: {name}", _header(f"Bearer {attack(self.entra)}"), reason
        for name, (carry, reason) in CARRIED.items():
            yield f"a good token {name}", carry(self.rsa.token()), reason
