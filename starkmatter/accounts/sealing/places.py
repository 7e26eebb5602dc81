"""The place each sealed secret is bound to: table, row, column and, where there is one, person."""

from uuid import UUID


def secret_place(row_id: UUID, kind: str, owner_id: UUID | None) -> str:
    """Keys of a vendor, of a person or of the installation."""
    return f"vault_secret|{row_id}|ciphertext|{kind}|{owner_id or 'installation'}"


def totp_place(user_id: UUID) -> str:
    """The seed of a person's second factor."""
    return f"user_totp|{user_id}|ciphertext"


def signing_key_place(kid: str) -> str:
    """The private half of a key that signs access tokens."""
    return f"signing_key|{kid}|ciphertext"


def import_file_place(import_id: UUID) -> str:
    """The key under which a file that is being imported is kept."""
    return f"import_file|{import_id}|ciphertext"
