"""The one question every route, socket message and LSP method asks: may this person do this?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from petra.access.identity import Identity, Role
from petra.errors import NotAllowed, NotFound

Action = Literal[
    "ask",
    "use_editor",
    "search",
    "upload",
    "read_document",
    "delete_document",
    "index_path",
    "read_collection",
    "delete_collection",
    "read_conversation",
    "read_answer",
    "cancel_answer",
    "give_feedback",
    "read_models",
    "read_job",
    "cancel_job",
    "read_status",
    "read_metrics",
    "read_config",
    "maintain",
]

EVERYBODY: frozenset[Role] = frozenset(get_args(Role))
STAFF: frozenset[Role] = frozenset({"instructor", "admin", "owner"})
ADMINISTRATORS: frozenset[Role] = frozenset({"admin", "owner"})

ROLES: Mapping[Action, frozenset[Role]] = {
    "ask": EVERYBODY,
    "use_editor": EVERYBODY,
    "search": EVERYBODY,
    "upload": EVERYBODY,
    "read_document": EVERYBODY,
    "delete_document": EVERYBODY,
    "index_path": EVERYBODY,
    "read_collection": EVERYBODY,
    "delete_collection": EVERYBODY,
    "read_conversation": EVERYBODY,
    "read_answer": EVERYBODY,
    "cancel_answer": EVERYBODY,
    "give_feedback": EVERYBODY,
    "read_models": EVERYBODY,
    "read_job": EVERYBODY,
    "cancel_job": EVERYBODY,
    "read_status": STAFF,
    "read_metrics": ADMINISTRATORS,
    "read_config": ADMINISTRATORS,
    "maintain": ADMINISTRATORS,
}
"""The roles that may attempt each action; on an object, ownership is asked besides."""

LOCAL_ONLY: frozenset[Action] = frozenset({"index_path"})
"""Actions that open a path of this machine: refused unless they came over its own socket."""


def authorize(identity: Identity, action: Action, obj: Any = None) -> None:
    """Return when `identity` may do `action` (to `obj`, a row with `owner_id` or `user_id`).

    Raises NotAllowed for a role or door without the right, and NotFound for an object of somebody
    else: that it exists is nobody's business.
    """
    if identity.role not in ROLES[action]:
        raise NotAllowed(
            "You may not do that here",
            cause=f"The role {identity.role} has no right to {action.replace('_', ' ')}",
            remedy="Ask the person who runs this server",
        )
    if action in LOCAL_ONLY and not identity.local:
        raise NotAllowed(
            "Folders are indexed only on the machine they are on",
            cause="The request did not arrive over this machine's own socket",
            remedy="Run `petra index PATH` there, or upload the files",
        )
    if obj is not None and _owner(obj) != identity.user_id:
        raise NotFound(
            "There is no such thing, or it belongs to somebody else",
            remedy="Check the id, or sign in as the person it belongs to",
        )


def _owner(obj: Any) -> str:
    """The owner of a row. An object without one is a mistake in Petra: AttributeError, never access."""
    owner: str = obj.owner_id if hasattr(obj, "owner_id") else obj.user_id
    return owner
