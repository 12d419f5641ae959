"""The local issuer's few pages. Everything put into one is escaped here and nowhere else."""

import secrets
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

CODE_IS = (
    "<small>The platform printed the code when it was started. It is also in its data folder, as a rule in "
    "<code>.quantum/identity/sign-in-code</code>.</small>"
)
_PAGE = Template(Path(__file__).with_name("page.html").read_text("utf-8"))


def sign_in_page(
    action: str,
    hidden: Mapping[str, str],
    *,
    user_code: str | None = None,
    problem: str = "",
    goes_to: str = "",
) -> HTMLResponse:
    """The form that asks who signs in; with ``user_code`` also for the code that a device shows.

    ``goes_to`` is the address that the answer will be redirected to: browsers count that as the form's.
    """
    fields = [f'<p role="alert"><strong>{escape(problem)}</strong></p>'] if problem else []
    fields += [
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in hidden.items()
    ]
    if user_code is not None:
        fields.append(_field("user_code", "Code shown by the device", value=user_code))
    fields.append(_field("user", "User"))
    fields.append(_field("code", "Sign-in code", kind="password"))
    fields += ["<button>Sign in</button>", CODE_IS]
    form = f'<form method="post" action="{escape(action)}">{"".join(fields)}</form>'
    return _page(
        "Sign in to Quantum", form, status=403 if problem else 200, form_action=f"'self' {_origin(goes_to)}"
    )


def message_page(title: str, text: str, *, status: int = 200) -> HTMLResponse:
    return _page(title, f"<p>{escape(text)}</p>", status=status)


def form_post_page(address: str, values: Mapping[str, str]) -> HTMLResponse:
    """A page that sends ``values`` on to ``address`` by itself (OAuth 2.0 Form Post Response Mode)."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in values.items()
    )
    nonce = secrets.token_urlsafe(16)
    body = (
        f'<form method="post" action="{escape(address)}">{fields}<button>Continue</button></form>'
        f'<script nonce="{nonce}">document.forms[0].submit()</script>'
    )
    return _page("Signed in", body, form_action=_origin(address), script=f"'nonce-{nonce}'")


def _page(
    title: str, body: str, *, status: int = 200, form_action: str = "'none'", script: str = "'none'"
) -> HTMLResponse:
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {script}; form-action {form_action}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    text = _PAGE.substitute(title=escape(title), body=body)
    return HTMLResponse(text, status_code=status, headers=headers)


def _field(name: str, label: str, *, value: str = "", kind: str = "text") -> str:
    return (
        f'<label for="{name}">{escape(label)}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}" autocomplete="off" required>'
    )


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
