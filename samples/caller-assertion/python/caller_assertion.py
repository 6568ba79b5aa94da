"""Workflow and activity code that knows who called. Needs PyJWT[crypto].

    callers = CallerVerifier("http://postern:7238/caller")
    Worker(client, activities=[..., callers.verify_postern_caller], interceptors=[CallerInterceptor(callers)], ...)
"""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Mapping, Optional

from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.worker import (
    ActivityInboundInterceptor, ContinueAsNewInput, ExecuteActivityInput, ExecuteWorkflowInput, Interceptor, StartActivityInput, StartChildWorkflowInput,
    WorkflowInboundInterceptor, WorkflowInterceptorClassInput, WorkflowOutboundInterceptor,
)

with workflow.unsafe.imports_passed_through():
    import jwt

CALLER_HEADER = "postern-caller"
SKEW = 60


@dataclass
class VerifiedCaller:
    name: str
    kind: str
    method: str
    call_id: str
    actors: list[str] = field(default_factory=list)
    inherited: bool = False  # started not this workflow but the one that started it


@dataclass
class Binding:
    """Where an assertion was found: it proves something there alone."""

    namespace: str
    workflow_id: Optional[str]
    at: float  # when the call happened, in seconds: the workflow's start
    activity_id: Optional[str] = None  # of a standalone activity
    ancestors: list[tuple[str, str]] = field(default_factory=list)


_caller: ContextVar[Optional[VerifiedCaller]] = ContextVar("postern_caller", default=None)
_assertion: ContextVar[Optional[Payload]] = ContextVar("postern_assertion", default=None)


def current_caller() -> Optional[VerifiedCaller]:
    """Who started this workflow, or the workflow of this activity; None where nobody is proven."""
    return _caller.get()


class CallerVerifier:
    def __init__(self, key_set: str, issuer: Optional[str] = None) -> None:
        self._keys = jwt.PyJWKClient(key_set, cache_jwk_set=True, lifespan=3600, timeout=5)
        self._issuer = issuer

    @activity.defn
    async def verify_postern_caller(self, assertion: str, binding: Binding) -> Optional[VerifiedCaller]:
        return await self.verify(assertion, binding)

    async def verify(self, assertion: str, binding: Binding) -> Optional[VerifiedCaller]:
        """None: it proves nothing. Raises where the gate's keys can't be had: then nobody knows, and it should be tried again."""
        return await asyncio.to_thread(self._verify, assertion, binding)

    def _verify(self, assertion: str, binding: Binding) -> Optional[VerifiedCaller]:
        try:
            if jwt.get_unverified_header(assertion).get("typ") != "postern-caller+jwt":
                return None
            claims = jwt.decode(
                assertion,
                self._keys.get_signing_key_from_jwt(assertion).key,
                algorithms=["ES256"],
                audience="postern-caller",
                issuer=self._issuer,
                leeway=SKEW,
                # Not against the clock: what counts is when the call happened.
                options={"verify_exp": False, "require": ["sub", "kind", "method", "namespace", "iat", "exp", "jti"]},
            )
        except jwt.PyJWKClientConnectionError:
            raise
        except (jwt.InvalidTokenError, jwt.PyJWKClientError):
            return None
        inherited = _is_inherited(claims, binding)
        if inherited is None or binding.at > claims["exp"] + SKEW:
            return None
        actors, act = [], claims.get("act")
        while act:
            actors.append(act["sub"])
            act = act.get("act")
        return VerifiedCaller(claims["sub"], claims["kind"], claims["method"], claims["jti"], actors, inherited)


def _is_inherited(claims: Mapping[str, Any], binding: Binding) -> Optional[bool]:
    own = claims.get("workflow_id")
    if own is None:
        is_here = binding.workflow_id is None and binding.activity_id is not None and claims.get("activity_id") == binding.activity_id
        return False if is_here and claims["namespace"] == binding.namespace else None

    def is_of(namespace: str, workflow_id: Optional[str]) -> bool:
        # A schedule's workflows are named by the id that it gives and, behind a dash, their time.
        return namespace == claims["namespace"] and workflow_id is not None and (workflow_id == own or ("schedule_id" in claims and workflow_id.startswith(own + "-")))

    if is_of(binding.namespace, binding.workflow_id):
        return False
    return True if any(is_of(*ancestor) for ancestor in binding.ancestors) else None


def _token(payload: Optional[Payload]) -> Optional[str]:
    try:
        value = None if payload is None else json.loads(payload.data)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


class CallerInterceptor(Interceptor):
    def __init__(self, verifier: CallerVerifier) -> None:
        self._verifier = verifier

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _WorkflowInbound

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _ActivityInbound(next, self._verifier)


class _ActivityInbound(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, verifier: CallerVerifier) -> None:
        super().__init__(next)
        self._verifier = verifier

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info, token = activity.info(), _token(input.headers.get(CALLER_HEADER))
        if token is not None and info.workflow_id and info.workflow_namespace:
            binding = Binding(info.workflow_namespace, info.workflow_id, datetime.now(timezone.utc).timestamp())
            _caller.set(await self._verifier.verify(token, binding))
        return await super().execute_activity(input)


class _WorkflowInbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_WorkflowOutbound(outbound))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        payload = input.headers.get(CALLER_HEADER)
        token = _token(payload)
        # Workflows that ran before this interceptor came have no such local activity in their history.
        if token is not None and workflow.patched("postern-caller"):
            info = workflow.info()
            _assertion.set(payload)
            _caller.set(
                await workflow.execute_local_activity(
                    "verify_postern_caller",
                    args=[
                        token,
                        Binding(
                            info.namespace,
                            info.workflow_id,
                            info.workflow_start_time.timestamp(),
                            ancestors=[(info.parent.namespace, info.parent.workflow_id)] if info.parent else [],
                        ),
                    ],
                    result_type=Optional[VerifiedCaller],
                    start_to_close_timeout=timedelta(seconds=10),
                )
            )
        return await super().execute_workflow(input)


class _WorkflowOutbound(WorkflowOutboundInterceptor):
    """Hands the assertion on."""

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle:
        input.headers = _with_assertion(input.headers)
        return super().start_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle:
        input.headers = _with_assertion(input.headers)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> Any:
        input.headers = _with_assertion(input.headers)
        super().continue_as_new(input)


def _with_assertion(headers: Mapping[str, Payload]) -> Mapping[str, Payload]:
    assertion = _assertion.get()
    return headers if assertion is None else {**headers, CALLER_HEADER: assertion}
