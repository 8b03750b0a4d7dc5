"""Writes the table of 128-bit powers of five that num.c multiplies by: pow5-gen.py OUT."""
import sys

LOW, HIGH = -342, 308


def power(q: int) -> int:
    """5^q scaled into [2^127, 2^128): cut for q >= 0, rounded up for q < 0."""
    if q >= 0:
        value = 5**q
        while value < 1 << 127:
            value *= 2
        while value >= 1 << 128:
            value //= 2
        return value
    base = 5**-q
    bits = base.bit_length() if base & (base - 1) else base.bit_length() - 1
    value = (1 << (bits + 127 if q >= -27 else 2 * bits + 128)) // base + 1
    while value >= 1 << 128:
        value //= 2
    return value


def main() -> None:
    lines = ["/* made by pow5-gen.py: 5^q for q = -342 … 308 as high and low 64 bits */"]
    lines += [f"{{0x{power(q) >> 64:016x}, 0x{power(q) & (1 << 64) - 1:016x}}}," for q in range(LOW, HIGH + 1)]
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


main()
