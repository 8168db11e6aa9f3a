"""Every error a person may see: what happened, why, and what to do next.

Raise one of these wherever the reason is known; the doors (`api`, `lsp`, `cli`) are the only places
that turn them into a status code, a JSON-RPC error or an exit code, by `code` and never by text.
"""

from __future__ import annotations


class PetraError(Exception):
    """Base of all errors that are written for people.

    `what` says what happened, `cause` why, `remedy` what to do next. `code` is the stable name that
    programs match on; `status` the HTTP status that fits it; `retryable` whether the same request may
    succeed later without any change.
    """

    code = "internal"
    status = 500
    retryable = False

    def __init__(self, what: str, *, cause: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.remedy = remedy

    def as_values(self) -> dict[str, str | bool]:
        """As JSON values: the fields of `messages.Error`, also for those who may not import that."""
        return {
            "code": self.code,
            "what": self.what,
            "cause": self.cause,
            "remedy": self.remedy,
            "retryable": self.retryable,
        }

    def __str__(self) -> str:
        return " ".join(text.rstrip(".") + "." for text in (self.what, self.cause, self.remedy) if text)


class BadRequest(PetraError):
    """The request itself is wrong: a missing field, a wrong type, malformed JSON."""

    code = "bad_request"
    status = 400


class NotAuthenticated(PetraError):
    """No token, a wrong one or an expired one."""

    code = "not_authenticated"
    status = 401


class NotAllowed(PetraError):
    """Known, but not permitted: a foreign Host or Origin, or a role without the right."""

    code = "not_allowed"
    status = 403


class NotFound(PetraError):
    """No such object, or none that this person may know of."""

    code = "not_found"
    status = 404


class TooLarge(PetraError):
    """A body, file, frame or prompt over its limit."""

    code = "too_large"
    status = 413


class Busy(PetraError):
    """Every place is taken, or a queue is full."""

    code = "busy"
    status = 429
    retryable = True


class UnreadableDocument(PetraError):
    """A file that cannot become passages: encrypted, truncated, empty, without text, too costly."""

    code = "unreadable_document"
    status = 422


class DocumentChanged(PetraError):
    """A file of a folder that is not the one that was indexed."""

    code = "document_changed"
    status = 409


class SettingsError(PetraError):
    """A setting that is unknown, missing or has a bad value."""

    code = "settings"


class ModelUnavailable(PetraError):
    """No model, a model that is not ready, or one that has ended in the middle of an answer."""

    code = "model_unavailable"
    status = 503
    retryable = True


class ModelFileError(PetraError):
    """A model file that is missing, truncated or not what the catalogue says it is."""

    code = "model_file"
    status = 503


class StorageError(PetraError):
    """The database or blob store cannot be used: newer than the program, corrupt, full, away."""

    code = "storage"
    status = 503


class AlreadyRunning(PetraError):
    """A second server was started on a data directory that already has one."""

    code = "already_running"
    status = 409


class VersionMismatch(PetraError):
    """The running server is of another version than this client."""

    code = "version_mismatch"
    status = 409


class Cancelled(PetraError):
    """A person stopped it."""

    code = "cancelled"
    status = 499
