"""The rule for the platform's own tokens: which tenant's steps may send which, and to where.

Such a token speaks for the platform. A tenant writes the URL that it goes to, so the operator says not only
which scopes a tenant may ask for but also where a token for them may go: any other place could keep it.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shared.security.origins import protected_origin
from shared.security.scope import TENANT_ID


def _tenants(value: Any) -> Any:
    if value == "any":
        return ()
    if not isinstance(value, list) or not value:
        raise ValueError('it is a list of tenants\' ids, or "any"')
    return tuple(value)


def _tenant(text: str) -> str:
    if not TENANT_ID.fullmatch(text):
        raise ValueError(f"{text!r} is not a tenant's id")
    return text


def _some[T](values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise ValueError("at least one is needed")
    return values


class OutboundScope(BaseModel):
    """One scope that steps may get a token for.

    ``origins`` (``https://host[:port]``) are where it may be sent; ``tenants`` whose steps may, none meaning
    every tenant's.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    scope: Annotated[str, Field(min_length=1, max_length=512)]
    origins: Annotated[tuple[Annotated[str, AfterValidator(protected_origin)], ...], AfterValidator(_some)]
    tenants: Annotated[tuple[Annotated[str, AfterValidator(_tenant)], ...], BeforeValidator(_tenants)]

    def serves(self, tenant_id: str) -> bool:
        return not self.tenants or tenant_id in self.tenants


def refusal(allowed: Sequence[OutboundScope], *, scope: str, tenant_id: str, origin: str) -> str | None:
    """Why a step of ``tenant_id`` may not send a token for ``scope`` to ``origin``; None if it may."""
    served = [one for one in allowed if one.scope == scope and one.serves(tenant_id)]
    if not served:
        return f"this tenant may not get a token for {scope}; an operator can allow it"
    if not any(origin in one.origins for one in served):
        return f"a token for {scope} may not be sent to {origin}; an operator can allow it"
    return None
