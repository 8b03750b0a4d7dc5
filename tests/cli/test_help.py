# run: asan
"""Help, version, the man page and completion: all made from one table of commands."""
import re
import shutil
import subprocess
import tempfile

from tap import check, dhow, done, says, skip

COMMANDS = ("run plan explain resume retry cancel runs show logs compare artifacts experiments models pipelines validate component doctor "
            "help version completion").split()


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        page = dhow("help")
        check(page.returncode == 0, "help exits 0", says(page))
        for name in COMMANDS:
            check(re.search(rf"^  {name} +\S", page.stdout, re.M) is not None, f"help lists {name}")
            one = dhow(name, "--help")
            check(one.returncode == 0 and one.stdout.startswith(f"dhow {name} - ") and not one.stderr, f"{name} --help", says(one))
            two = dhow("help", name)
            check(two.returncode == 0 and f"usage: dhow {name}" in two.stdout, f"help {name}", says(two))
        bare = dhow()
        check(bare.returncode == 2 and not bare.stdout and "usage:" in bare.stderr, "no command: the help on standard error", says(bare))
        for argv in (["--version"], ["version"], ["runs", "--version"]):
            shown = dhow(*argv)
            check(shown.returncode == 0 and re.fullmatch(r"dhow \d+\.\d+\.\d+\n", shown.stdout) is not None, " ".join(argv), says(shown))

        wrong = {
            ("rum",): "did you mean 'dhow run'",
            ("zzzzzz",): "no command 'zzzzzz'",
            ("run",): "argument is missing",
            ("run", "a", "b"): "too many arguments: 'b'",
            ("run", "--cahce", "on", "x"): "did you mean '--cache'",
            ("run", "--cache", "maybe", "x"): "expected one of: on off read refresh",
            ("run", "--cache"): "--cache needs a value",
            ("run", "x", "-p"): "-p needs a value",
            ("run", "--jobs", "many", "x"): "expected a whole number",
            ("run", "--jobs=0", "x"): "expected a whole number from 1 on",
            ("run", "--detach=yes", "x"): "takes no value",
            ("runs", "--output", "xml"): "expected one of: table json",
            ("runs", "-Z"): "unknown option '-Z'",
            ("--home", "", "runs"): "--home is empty",
            ("help", "nothing"): "no command 'nothing'",
            ("completion", "tcsh"): "no completion for 'tcsh'",
            ("compare", "1"): "argument is missing",
            ("component", "no-such-step"): "no-such-step",
        }
        for argv, message in wrong.items():
            result = dhow(*argv, home=home)
            check(result.returncode == 2 and message in result.stderr and not result.stdout, f"dhow {' '.join(argv)}: exit status 2", says(result))
            if argv[0] != "component":
                check(len(result.stderr.splitlines()) == 1, f"dhow {' '.join(argv)}: one message", says(result))

        scripts(home)
        man()
    done()


def scripts(home: str) -> None:
    for shell in ("bash", "zsh", "fish"):
        script = dhow("completion", shell)
        check(script.returncode == 0 and script.stdout, f"completion {shell}", says(script))
        for name in COMMANDS:
            check(name in script.stdout, f"completion {shell} knows {name}")
        if not shutil.which(shell):
            skip(f"{shell} reads it", f"no {shell} here")
            continue
        parsed = subprocess.run([shell, "-n"], input=script.stdout, capture_output=True, text=True, check=False)
        check(parsed.returncode == 0 and not parsed.stderr, f"{shell} reads it", parsed.stderr)
    script = dhow("completion", "bash").stdout
    cases = {
        ("dhow", "ru"): {"run", "runs"},
        ("dhow", "run", "--ca"): {"--cache"},
        ("dhow", "run", "--cache", "r"): {"read", "refresh"},
        ("dhow", "--output", "j"): {"json"},
        ("dhow", "completion", ""): {"bash", "zsh", "fish"},
        ("dhow", "help", "val"): {"validate"},
        ("dhow", "component", "train-d"): {"train-decision-tree"},
    }
    for words, expected in cases.items():
        quoted = " ".join(f"'{w}'" for w in words)
        program = f'{script}\nCOMP_WORDS=({quoted}); COMP_WORDS[0]="$DHOW"; COMP_CWORD={len(words) - 1}; _dhow; printf "%s\\n" "${{COMPREPLY[@]}}"'
        out = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False)
        check(set(out.stdout.split()) == expected, f"bash completes {' '.join(words)}", out.stdout + out.stderr)


def man() -> None:
    page = dhow("help", "--man")
    check(page.returncode == 0 and page.stdout.startswith('.\\"'), "help --man", says(page))
    for name in COMMANDS:
        check(f'.SS "dhow {name}' in page.stdout, f"the man page has {name}")
    if not shutil.which("groff"):
        skip("the man page renders", "no groff here")
        return
    for warnings in ("-ww",):
        out = subprocess.run(["groff", "-man", "-Tutf8", "-K", "utf-8", warnings], input=page.stdout, capture_output=True, text=True, check=False)
        check(out.returncode == 0 and not out.stderr, "the man page renders without a warning", out.stderr[:2000])
        check("EXIT STATUS" in re.sub(r".\x08|\x1b\[[0-9;]*m", "", out.stdout), "it has its exit statuses")


if __name__ == "__main__":
    main()
