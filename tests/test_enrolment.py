"""What a server is told of a client's hosts: names and hashes, the same at every run."""

import bcrypt
from hypothesis import given, settings
from hypothesis import strategies as st

from mspctl import catalog
from mspctl.enrolment import password_hash, users

WORDS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=24, max_size=60)


@settings(max_examples=30, deadline=None)
@given(WORDS, WORDS)
def test_a_hash_opens_with_its_password_alone_and_is_always_the_same(password: str, other: str) -> None:
    made = password_hash("acme-a-1", password)
    assert bcrypt.checkpw(password.encode(), made.encode())
    assert bcrypt.checkpw(other.encode(), made.encode()) == (other == password)
    assert password_hash("acme-a-1", password) == made
    assert password_hash("acme-a-2", password)[:29] != made[:29]  # another salt
    assert password not in made


def test_the_users_of_a_client_are_named_after_it_and_the_asset() -> None:
    wanted = catalog.provider("backup", "restic").enrolment
    assert wanted
    found = users(wanted, "acme", {"a-9": "p" * 40, "a-1": "q" * 40})
    assert [user["name"] for user in found if isinstance(user, dict)] == ["acme-a-1", "acme-a-9"]
    assert all(isinstance(user, dict) and user.keys() == {"name", "password_hash"} for user in found)


def test_a_record_s_enrolment_names_a_role_and_a_generated_secret() -> None:
    for capability, name in catalog.providers():
        record = catalog.provider(capability, name)
        if record.enrolment:
            assert record.enrolment.role in catalog.own_roles()
            assert record.secrets[record.enrolment.secret].generate
            assert "{client}-{asset}" in record.enrolment.user
