"""YAML that means more than memory has."""

# Ten lists, each of which names the one before ten times: 10^10 values once they are written out.
ENDLESS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 11))
