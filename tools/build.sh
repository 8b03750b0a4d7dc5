#!/usr/bin/env bash
# Sets up and builds one of the kinds of build, each in a folder of its own.
#   build.sh debug|asan|clang|release|tsan|fuzz [ninja target…]
set -eu
cd "$(dirname "$0")/.."
kind=$1
shift

dir=build-$kind
export CC=gcc
case $kind in
debug) dir=build && options= ;;
# gcc's warnings see ghosts in instrumented code; the other builds keep -Werror.
asan) options='-Db_sanitize=address,undefined -Dbuildtype=debug -Doptimization=1 -Dwerror=false' ;;
clang) CC=clang-14 && options= ;;
release) options='-Dbuildtype=release -Doptimization=3' ;;
tsan) options='-Db_sanitize=thread -Doptimization=1 -Dwerror=false' ;;
fuzz) CC=clang-14 && options='-Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1' ;;
*)
    echo "build.sh: no such kind of build: $kind" >&2
    exit 2
    ;;
esac

if [ ! -e "$dir/build.ninja" ]; then
    # shellcheck disable=SC2086
    meson setup "$dir" $options >"$dir.log" 2>&1 || { cat "$dir.log"; exit 1; }
    mv "$dir.log" "$dir/setup.log"
fi
if [ "$kind" = fuzz ] && [ $# -eq 0 ]; then
    # Only these: other programs cannot link what is instrumented for libFuzzer.
    # shellcheck disable=SC2046
    set -- $(ninja -C "$dir" -t targets all | sed -n 's|^\(src/[a-z]*/fuzz-[a-z0-9-]*\): .*LINKER.*|\1|p')
fi
exec ninja -C "$dir" --quiet "$@"
