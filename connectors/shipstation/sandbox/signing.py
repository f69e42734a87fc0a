"""The key that a sandbox signs its webhooks with. It is public, and good for nothing else."""

from __future__ import annotations

import base64
from typing import Any

from connectors.shipstation.rsa import PublicKey, encoded

N = int(
    "d4cb7eee706471b47cae893bcff223ff816c3d9cc46bd55c56f4c52c443105cf8305fdfcb212e6dde7e054bf4a710e2d623d"
    "1bd86d89e42a608db8974b55bd532e08a3bad621cf0f0d6b587fd95e3f688cf1276184f7e98f117a29a9a6c1e1de3b849714"
    "2add89bd701b64b811de86e27c1b14076131f0fb5a1aa83c5f64cb65584851d8717b067a747ae62e87f90af4cfb7d1895195"
    "0c721c8d530c70bcde6f9b82001707b27fb9cc8fb69519e729055d54cd3156751f6dd23d9786ef1493687df5774b6a6c8d31"
    "2d49378c75070695abbc8e29b857e81ba51a7216182a66869c643bfd100e02d7bda9ce6c3fc60409df92952cbfbf5e070504"
    "f6e1e170ae55",
    16,
)
D = int(
    "a86a6a8a925f9cf2891fa633b58fe257cd79fa85819c0ae0ab5dcc540da07305daa03a75ee0631bc7d51ba212fecac98d4c0"
    "a2b23777c4229a0a708725b3b5450911036cd31f2cfeafd33ed6e915c3bf9e951a62ff572afdf58a2741435efdc1e27f3d07"
    "5429c4632f402f05d3f6b7f0b6e2c38657b1ac157329d7eef85d10f03259bf6d0912ac1d676c5173b9683499cc580a05c67d"
    "658a4b1d204e1c58b0e8c3dbcd330e927da74b4bc531a32cd2104cd71f2beff8e9fa37bc38f01910e41221fd00a706b513e7"
    "08b5c1835b6f8d4e6dc1098fe4aad64a7aa8a6d1a67d5e2f0807d6a5b253bf6a506c2f77bffc8b4826dea476c799a0ed037b"
    "a74620338cdd",
    16,
)
KEY = PublicKey(N, 65537)
SIZE = 256
KID = "0f1e2d3c-sandbox"


def sign(message: bytes) -> str:
    """The signature of a message in base64."""
    number = pow(int.from_bytes(encoded(message, SIZE), "big"), D, N)
    return base64.b64encode(number.to_bytes(SIZE, "big")).decode()


def jwks() -> dict[str, Any]:
    """The public key as `/jwks` shows it."""
    return {
        "keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID, "n": _url(N), "e": _url(65537)}]
    }


def _url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
