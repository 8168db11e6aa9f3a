from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import get_args

import pytest

from petra.access import LOCAL_ONLY, ROLES, Action, Identity, Role, authorize
from petra.errors import NotAllowed, NotFound


@dataclass(frozen=True)
class Row:
    owner_id: str


@dataclass(frozen=True)
class Conversation:
    user_id: str


def test_every_action_has_its_roles() -> None:
    assert set(ROLES) == set(get_args(Action))


@pytest.mark.parametrize(("action", "role"), list(product(get_args(Action), get_args(Role))))
def test_the_matrix_decides(action: Action, role: Role) -> None:
    identity = Identity("me", role, local=True)
    if role in ROLES[action]:
        authorize(identity, action)
    else:
        with pytest.raises(NotAllowed):
            authorize(identity, action)


@pytest.mark.parametrize("action", get_args(Action))
def test_what_belongs_to_somebody_else_does_not_exist(action: Action) -> None:
    owner = Identity("me", "owner", local=True)
    authorize(owner, action, Row("me"))
    authorize(owner, action, Conversation("me"))
    for row in (Row("you"), Conversation("you")):
        with pytest.raises(NotFound):
            authorize(owner, action, row)


@pytest.mark.parametrize("action", sorted(LOCAL_ONLY))
def test_paths_are_opened_only_for_the_local_socket(action: Action) -> None:
    with pytest.raises(NotAllowed, match="machine"):
        authorize(Identity("me", "owner", local=False), action)


def test_an_object_without_an_owner_is_never_let_through() -> None:
    with pytest.raises(AttributeError):
        authorize(Identity("me", "owner"), "read_document", object())
