"""A certificate for one run of a server: made at its start, kept nowhere."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAYS = 30


def context(*, expired: bool = False) -> ssl.SSLContext:
    """TLS for a server, with a new self-signed certificate, or one that has expired."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # Windows opens no temporary file twice
        file = Path(folder, "own.pem")
        file.touch(mode=0o600)
        file.write_bytes(self_signed(expired=expired))
        made.load_cert_chain(file)
    return made


def self_signed(names: tuple[str, ...] = ("localhost",), *, expired: bool = False) -> bytes:
    """A new key and its self-signed certificate for `names` and loopback, as PEM."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "failing-exchange")])
    begins = datetime.now(UTC) - timedelta(days=2 * DAYS if expired else 0, hours=1)
    addresses = [x509.IPAddress(ip_address(one)) for one in ("127.0.0.1", "::1")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=DAYS))
        .add_extension(
            x509.SubjectAlternativeName([*map(x509.DNSName, names), *addresses]), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)
