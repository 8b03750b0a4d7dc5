"""Argo's expressions (expr-lang), as far as our Workflows use them: enough to run them in a test."""
import json
import re

TOKEN = re.compile(r"\s*(?:(?P<num>\d+\.\d+|\d+)|(?P<str>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|"
                   r"(?P<op>\?\?|&&|\|\||==|!=|<=|>=|[-+*/<>!?:.,()\[\]{}#]))")
BINARY = [["??"], ["||"], ["&&"], ["==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches"], ["+", "-"], ["*", "/"]]


def text_of(v) -> str:
    if isinstance(v, str):
        return v
    if isinstance(v, bool):
        return "true" if v else "false"
    if v is None:
        return ""
    return json.dumps(v, separators=(",", ":")) if isinstance(v, (list, dict)) else f"{v:g}" if isinstance(v, float) else str(v)


def to_int(v) -> int:
    return int(float(v)) if isinstance(v, str) and "." in v else int(v)


FUNCTIONS = {"int": to_int, "float": float, "string": text_of, "len": len, "fromJSON": json.loads, "fromJson": json.loads,
             "toJson": lambda v: json.dumps(v, separators=(",", ":")), "toJSON": lambda v: json.dumps(v, separators=(",", ":")),
             "type": lambda v: "string" if isinstance(v, str) else "array" if isinstance(v, list) else "map" if isinstance(v, dict) else "nil" if v is None else "int",
             "get": lambda v, k: v.get(k) if isinstance(v, dict) else None}


class Expression:
    def __init__(self, text: str, scope: dict):
        self.tokens, at = [], 0
        while text[at:].strip():
            m = TOKEN.match(text, at)
            if not m:
                raise ValueError(f"cannot read {text[at:at + 30]!r} of {text!r}")
            kind = m.lastgroup
            self.tokens.append((kind, m.group(kind)))
            at = m.end()
        self.tokens.append(("end", ""))
        self.i, self.scope = 0, scope

    def peek(self, *ops):
        return self.tokens[self.i][1] in ops and self.tokens[self.i][0] in ("op", "name")

    def take(self, op=None):
        token = self.tokens[self.i]
        if op is not None and token[1] != op:
            raise ValueError(f"expected {op!r}, got {token[1]!r}")
        self.i += 1
        return token[1]

    def value(self):
        v = self.ternary()
        if self.tokens[self.i][0] != "end":
            raise ValueError(f"what is {self.tokens[self.i][1]!r}?")
        return v

    def ternary(self):
        v = self.binary(0)
        if not self.peek("?"):
            return v
        self.take("?")
        begin = self.i
        if v:
            yes = self.ternary()
            self.take(":")
            self.skip()
            return yes
        self.i = begin
        self.skip()
        self.take(":")
        return self.ternary()

    def skip(self):
        """Over an operand that is not looked at."""
        depth = 0
        while self.tokens[self.i][0] != "end":
            op = self.tokens[self.i][1] if self.tokens[self.i][0] == "op" else ""
            if depth == 0 and (op in (")", "]", ",") or (op == ":" and True)):
                return
            depth += (op in ("(", "[", "{", "?")) - (op in (")", "]", "}", ":"))
            self.i += 1

    def binary(self, level):
        if level == len(BINARY):
            return self.unary()
        v = self.binary(level + 1)
        while self.peek(*BINARY[level]):
            op = self.take()
            w = self.binary(level + 1)
            v = {"??": lambda: w if v is None else v, "||": lambda: v or w, "&&": lambda: v and w, "==": lambda: v == w, "!=": lambda: v != w,
                 "<": lambda: v < w, "<=": lambda: v <= w, ">": lambda: v > w, ">=": lambda: v >= w, "in": lambda: v in w,
                 "contains": lambda: w in v, "startsWith": lambda: v.startswith(w), "endsWith": lambda: v.endswith(w),
                 "matches": lambda: re.search(w, v) is not None, "+": lambda: v + w, "-": lambda: v - w, "*": lambda: v * w, "/": lambda: v / w}[op]()
        return v

    def unary(self):
        if self.peek("!"):
            self.take()
            return not self.unary()
        if self.peek("-"):
            self.take()
            return -self.unary()
        return self.postfix(self.primary())

    def postfix(self, v):
        while self.peek("[", "."):
            if self.take() == ".":
                key = self.take()
            else:
                key = self.ternary()
                self.take("]")
            v = v[key]
        return v

    def arguments(self, end):
        out = []
        while not self.peek(end):
            out.append(self.ternary())
            if self.peek(","):
                self.take()
        self.take(end)
        return out

    def primary(self):
        kind, text = self.tokens[self.i]
        self.i += 1
        if kind == "num":
            return float(text) if "." in text else int(text)
        if kind == "str":
            return json.loads('"' + text[1:-1].replace("\\'", "'").replace('"', '\\"') + '"') if text[0] == "'" else json.loads(text)
        if text == "(":
            v = self.ternary()
            self.take(")")
            return v
        if text == "[":
            return self.arguments("]")
        if kind == "name" and self.peek("("):
            self.take()
            if text == "reduce":  # reduce(LIST, concat(#acc, #), [])
                v = self.ternary()
                depth = 0
                while depth or not self.peek(")"):
                    depth += self.peek("(") - self.peek(")")
                    self.i += 1
                self.take(")")
                return [x for part in v for x in part]
            return FUNCTIONS[text](*self.arguments(")"))
        if text in ("true", "false", "nil"):
            return {"true": True, "false": False, "nil": None}[text]
        return self.scope[text]


def evaluate(text: str, scope: dict):
    return Expression(text, scope).value()


def replaced(text: str, scope: dict) -> str:
    """{{…}} and {{=…}} in a text."""
    out, at = [], 0
    while True:
        begin = text.find("{{", at)
        if begin < 0:
            return "".join(out) + text[at:]
        end = text.index("}}", begin)
        out.append(text[at:begin])
        tag = text[begin + 2:end]
        if tag.startswith("="):
            out.append(text_of(evaluate(tag[1:], scope)))
        else:
            v = scope
            for part in tag.strip().split(".", 1 if tag.startswith(("item", "retries")) else 4):
                v = v[part]
            out.append(text_of(v))
        at = end + 2
