"""What the platform remembers of a deployment, in the cluster itself: a Secret beside what it deploys.

It says which deployments of the name there were, of what objects each consisted, and which of them it is at.
It is written before anything else is, on the condition that it is still what was read, so that of two that
deploy at a time one comes last, and whatever dies in the middle is found and finished.
"""

import base64
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from shared.modules.kubernetes.api import ClusterApi
from shared.modules.kubernetes.manifests import MANAGED_LABEL, MANAGER, Manifest, ObjectId
from shared.ports.targets import TargetError

TYPE: Final = "quantum.platform/deployments"
MAX_BYTES: Final = 700 * 1024
"""Of a record, packed: a Secret has at most a megabyte, and base64 makes four bytes of three."""
ATTEMPTS: Final = 5
"""Of a change that others' changes get in the way of."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One deployment; ``before`` is the key of the one whose place it took."""

    key: str
    revision: int
    before: str | None
    manifests: Sequence[Manifest]


@dataclass(frozen=True, slots=True)
class Record:
    """The deployments of one name; ``version`` is the state of the Secret (None: there is none yet)."""

    namespace: str
    name: str
    tenant_id: str
    current: str | None = None
    deployments: Sequence[Recorded] = ()
    version: str | None = field(default=None, compare=False)

    def find(self, key: str | None) -> Recorded | None:
        return next((one for one in self.deployments if one.key == key), None)

    @property
    def at(self) -> Recorded | None:
        """The deployment that it is at."""
        return self.find(self.current)

    @property
    def objects(self) -> Sequence[ObjectId]:
        """All that any of its deployments consists of."""
        ids = (ObjectId.of(manifest) for one in self.deployments for manifest in one.manifests)
        return list(dict.fromkeys(ids))

    def asked(self, key: str, manifests: Sequence[Manifest]) -> "Record":
        """The record with one deployment more, in the place of the one before."""
        revision = max((one.revision for one in self.deployments), default=0) + 1
        one = Recorded(key, revision, self.current, manifests)
        return replace(self, current=key, deployments=[*self.deployments, one])

    def taken_back(self) -> "Record":
        """The record gone back to what was before the deployment that it is at."""
        at = self.at
        before = self.find(at.before) if at is not None else None
        return replace(self, current=before.key if before else None)

    def shortened(self) -> "Record":
        """The record without the oldest deployment that it could do without.

        Raises:
            TargetError: there is none.
        """
        needed = {self.current, self.at.before if self.at else None}
        for one in self.deployments:
            if one.key not in needed:
                return replace(self, deployments=[each for each in self.deployments if each is not one])
        raise TargetError("MANIFEST_INVALID", f"the manifests are too large: {MAX_BYTES} bytes, packed")


class Records:
    """The records of one cluster."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    async def read(self, namespace: str, name: str, tenant_id: str) -> Record:
        """The record of a name, empty if there is none.

        Raises:
            TargetError: it is another tenant's, is damaged, or the cluster cannot be asked.
        """
        secret = await self._api.get(_id(name), namespace)
        if secret is None:
            return Record(namespace, name, tenant_id)
        record = _parsed(secret, namespace, name)
        if record.tenant_id != tenant_id:
            message = f"{namespace}/{name} is taken in {self._api.host}: choose another name or namespace"
            raise TargetError("NAME_TAKEN", message)
        return record

    async def write(self, record: Record) -> Record | None:
        """Store it in place of what was read; None: another was faster.

        Raises:
            TargetError: the cluster does not take it.
        """
        path = f"/api/v1/namespaces/{record.namespace}/secrets"
        while len(packed := _packed(record)) > MAX_BYTES:
            record = record.shortened()
        metadata = {"name": _id(record.name).name, "labels": {MANAGED_LABEL: MANAGER}}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": TYPE,
            "metadata": metadata,
            "data": {"record": base64.b64encode(packed).decode()},
        }
        if record.version is None:
            status, answer = await self._api.ask("POST", path, content=secret)
        else:
            metadata["resourceVersion"] = record.version
            status, answer = await self._api.ask("PUT", f"{path}/{_id(record.name).name}", content=secret)
        if status in {200, 201}:
            return replace(record, version=answer["metadata"]["resourceVersion"])
        if status == 409 or (status == 404 and record.version is not None):
            return None
        raise self._api.refused(f"keeping the record of {record.name}", status, answer)


def _id(name: str) -> ObjectId:
    return ObjectId("v1", "Secret", f"quantum.{name}")


def _packed(record: Record) -> bytes:
    document = {
        "tenant_id": record.tenant_id,
        "current": record.current,
        "deployments": [
            {"key": one.key, "revision": one.revision, "before": one.before, "manifests": list(one.manifests)}
            for one in record.deployments
        ],
    }
    return gzip.compress(orjson.dumps(document), mtime=0)


def _parsed(secret: Mapping[str, Any], namespace: str, name: str) -> Record:
    try:
        document = orjson.loads(gzip.decompress(base64.b64decode(secret["data"]["record"])))
        deployments = [Recorded(**one) for one in document["deployments"]]
        return Record(
            namespace,
            name,
            document["tenant_id"],
            document["current"],
            deployments,
            secret["metadata"]["resourceVersion"],
        )
    except (KeyError, TypeError, ValueError, OSError, EOFError) as error:
        message = f"the Secret {_id(name).name} in {namespace} is no record of deployments: remove it"
        raise TargetError("CLUSTER", message) from error
