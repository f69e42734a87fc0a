"""Whether an assertion is signed by the certificate that was uploaded to the account."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
TAKEN: dict[str, tuple[type, HashAlgorithm, int]] = {
    "PS256": (rsa.RSAPublicKey, SHA256(), 32),
    "PS384": (rsa.RSAPublicKey, SHA384(), 48),
    "PS512": (rsa.RSAPublicKey, SHA512(), 64),
    "ES256": (ec.EllipticCurvePublicKey, SHA256(), 32),
    "ES384": (ec.EllipticCurvePublicKey, SHA384(), 48),
    "ES512": (ec.EllipticCurvePublicKey, SHA512(), 66),
}
"""The algorithms that NetSuite takes: whose key, which digest, and how long the salt or each half of a signature is."""


def public_key(pem: str) -> PublicKey | None:
    """The public half, which is all that an account has of a key; None where there is no key."""
    try:
        key = load_pem_private_key(pem.encode(), None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, PublicKey) else None


def verified(text: bytes, offered: bytes, key: PublicKey | None, algorithm: str) -> bool:
    """Whether the signature is the key's over the text."""
    kind, digest, size = TAKEN[algorithm]
    if key is None or not isinstance(key, kind):
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(offered, text, padding.PSS(padding.MGF1(digest), size), digest)
        else:
            r, s = (int.from_bytes(part, "big") for part in (offered[:size], offered[size:]))
            key.verify(encode_dss_signature(r, s), text, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True
