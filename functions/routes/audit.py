"""The HTTP routes of the audit trail; a part of the table in ``table.py``."""

from functions.routes.route import NDJSON, Route
from quantum.contract.audit import AuditPage, AuditQuery, ChainPage, TenantVerification, VerificationQuery
from quantum.contract.pages import Paging

GET_INTENT_AUDIT = Route(
    name="get_intent_audit",
    method="GET",
    path="v1/intents/{name}/audit",
    summary="Who did what to an intent, newest first, and whether its chain of records is whole",
    operation="audit.read",
    query=Paging,
    response=ChainPage,
)
GET_EXECUTION_AUDIT = Route(
    name="get_execution_audit",
    method="GET",
    path="v1/executions/{id}/audit",
    summary="Who did what to an execution, newest first, and whether its chain of records is whole",
    operation="audit.read",
    query=Paging,
    response=ChainPage,
)
LIST_AUDIT = Route(
    name="list_audit",
    method="GET",
    path="v1/audit",
    summary="The tenant's audit trail: pages, newest first, or an export of all chains",
    operation="audit.read",
    query=AuditQuery,
    response=AuditPage,
    streams=NDJSON,
)
VERIFY_AUDIT = Route(
    name="verify_audit",
    method="GET",
    path="v1/audit/verification",
    summary="Verify every chain of audit records of the tenant",
    operation="audit.read",
    query=VerificationQuery,
    response=TenantVerification,
)
