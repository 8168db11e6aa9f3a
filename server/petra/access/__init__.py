"""Who may do what: identities, tokens, roles and the one `authorize`."""

from petra.access.authorize import LOCAL_ONLY, ROLES, Action, authorize
from petra.access.identity import Identity, Role, Tokens
from petra.access.presence import Presence

__all__ = ["LOCAL_ONLY", "ROLES", "Action", "Identity", "Presence", "Role", "Tokens", "authorize"]
