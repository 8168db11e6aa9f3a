import numpy as np

from petra.storage import users, vectors
from petra.storage.database import Database
from petra.storage.users import User


async def test_vectors_are_found_by_what_they_embed(db: Database, owner: User) -> None:
    rng = np.random.default_rng(0)
    new = {f"{i:064x}": rng.standard_normal(384).astype("<f2").tobytes() for i in range(1203)}
    async with db.write() as conn:
        await vectors.put_many(conn, owner.id, "minilm", new)
    async with db.read() as conn:
        hashes = [*new, "f" * 64, *list(new)[:3]]
        assert await vectors.get_many(conn, owner.id, "minilm", hashes) == new
        assert await vectors.get_many(conn, owner.id, "bge", hashes) == {}
        assert await vectors.get_many(conn, owner.id, "minilm", []) == {}


async def test_what_one_person_embedded_tells_another_nothing(db: Database, owner: User) -> None:
    async with db.write() as conn:
        other = await users.create(conn, "ada", "student")
        await vectors.put_many(conn, owner.id, "minilm", {"a" * 64: b"12"})
        assert await vectors.get_many(conn, other.id, "minilm", ["a" * 64]) == {}


async def test_a_vector_that_is_there_stays(db: Database, owner: User) -> None:
    async with db.write() as conn:
        await vectors.put_many(conn, owner.id, "minilm", {"a" * 64: b"12"})
        await vectors.put_many(conn, owner.id, "minilm", {"a" * 64: b"34", "b" * 64: b"56"})
        found = await vectors.get_many(conn, owner.id, "minilm", ["a" * 64, "b" * 64])
    assert found == {"a" * 64: b"12", "b" * 64: b"56"}


async def test_there_is_one_owner(db: Database) -> None:
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        assert await users.ensure_owner(conn) == owner
