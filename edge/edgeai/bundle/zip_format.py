"""The records of a zip file that reader and writer share, as PKWARE's APPNOTE.TXT 6.3 lays them out."""

from __future__ import annotations

import struct

LOCAL = struct.Struct("<4s5H3L2H")
"""signature, version needed, flags, method, time, date, crc, packed, size, name length, extra length"""
CENTRAL = struct.Struct("<4s6H3L5H2L")
"""signature, made by, version needed, flags, method, time, date, crc, packed, size, lengths of name, extra
and comment, disk, internal attributes, external attributes, offset of the local record"""
END = struct.Struct("<4s4H2LH")
"""signature, this disk, disk of the directory, entries here, entries, size, offset, comment length"""
END64 = struct.Struct("<4sQ2H2L4Q")
"""signature, bytes that follow, made by, version needed, this disk, disk of the directory, entries here,
entries, size, offset"""
LOCATOR64 = struct.Struct("<4sLQL")
"""signature, disk of END64, offset of END64, number of disks"""

LOCAL_SIGNATURE = b"PK\x03\x04"
CENTRAL_SIGNATURE = b"PK\x01\x02"
END_SIGNATURE = b"PK\x05\x06"
END64_SIGNATURE = b"PK\x06\x06"
LOCATOR64_SIGNATURE = b"PK\x06\x07"
DESCRIPTOR_SIGNATURE = b"PK\x07\x08"

STORED, DEFLATED = 0, 8

IN_EXTRA = 0xFFFFFFFF
"""A size or offset that does not fit 32 bits, and stands in the extra field ZIP64 instead."""

ZIP64, ALIGNMENT = 0x0001, 0xD935
"""Extra fields. ALIGNMENT is what Android's zipalign and apksig pad with: a u16 of the alignment, zeros."""

PAGE_BYTES = 16 << 10
"""The page size of a Raspberry Pi 5, and four pages of others: weights can be mapped in place."""
