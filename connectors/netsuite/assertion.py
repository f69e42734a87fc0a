"""JWT signatures (RFC 7518, sections 3.4 and 3.5) by the private key of a certificate that NetSuite knows."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.errors import Unreachable

HASHES: Mapping[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}


def sign(text: bytes, pem: str, algorithm: str) -> bytes:
    """The signature of a text. Raises `Unreachable` for a key that cannot make it, and never quotes it."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unreachable("the secret private_key is not a PEM key without a password") from None
    hashed = HASHES[algorithm[2:]]()
    if algorithm.startswith("PS") and isinstance(key, rsa.RSAPrivateKey):
        return key.sign(text, padding.PSS(padding.MGF1(hashed), hashed.digest_size), hashed)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == CURVES.get(algorithm):
        size = (key.key_size + 7) // 8
        parts = decode_dss_signature(key.sign(text, ec.ECDSA(hashed)))
        return b"".join(part.to_bytes(size, "big") for part in parts)
    raise Unreachable(f"the secret private_key is no key for algorithm = {algorithm!r}")
