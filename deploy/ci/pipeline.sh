#!/usr/bin/env bash
# What a repository with pipelines does on a build server; GitHub's and GitLab's files call it, and people can. Copy it to ci/pipeline.sh.
#
#   pipeline.sh check            compile, validate and test every pipeline (on a pull request)
#   pipeline.sh images           build and push components/NAME/Dockerfile, write dist/images.json
#   pipeline.sh pin              dist/PIPELINE.yaml: every image by digest
#   pipeline.sh lock             images.lock.json anew: digests of images that are not ours (by hand, and committed)
#   pipeline.sh submit FILE…     run dist/FILE on $KF_PIPELINES_ENDPOINT (with $KF_PIPELINES_TOKEN)
#
# The repository: *.py (the SDK's) beside the *.yaml that it compiles to, *.test.yaml for `dhow test`, components/NAME/ with a Dockerfile. A pipeline names
# its own images $PREFIX/NAME:dev. A component's tag is the git hash of its folder: the same content has the same tag, is built once, and never pushed over.
set -eu
PIPELINES=${PIPELINES:-.}
PREFIX=${PREFIX:-components}
DIST=${DIST:-dist}

each_pipeline() { # the compiled ones
    find "$PIPELINES" -maxdepth 2 -name '*.yaml' ! -name '*.test.yaml' ! -path "./$DIST/*" ! -path './.*' -print0 | sort -z |
        while IFS= read -r -d '' file; do
            if grep -q '^pipelineInfo:' "$file"; then printf '%s\n' "$file"; fi
        done
}

compiled_is_current() {
    local source target fresh
    fresh=$(mktemp -d)
    find "$PIPELINES" -maxdepth 2 -name '*.py' ! -path './.*' -print0 | sort -z | while IFS= read -r -d '' source; do
        target=${source%.py}.yaml
        if ! [ -e "$target" ]; then continue; fi
        kfp dsl compile --py "$source" --output "$fresh/pipeline.yaml" >/dev/null
        # The SDK's version is a line of the file; whoever compiled it last may have had another.
        if ! diff -u <(grep -v '^sdkVersion:' "$target") <(grep -v '^sdkVersion:' "$fresh/pipeline.yaml"); then
            echo "$target is not what $source compiles to: kfp dsl compile --py $source --output $target" >&2
            exit 1
        fi
    done || { rm -rf "$fresh"; exit 1; }
    rm -rf "$fresh"
}

check() {
    compiled_is_current
    mkdir -p "$DIST"
    each_pipeline | while IFS= read -r file; do dhow validate "$file"; done
    if find "$PIPELINES" -maxdepth 2 -name '*.test.yaml' | grep -q .; then
        find "$PIPELINES" -maxdepth 2 -name '*.test.yaml' -print0 | sort -z | xargs -0 dhow test --junit "$DIST/junit.xml"
    fi
}

digest_of() { docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}' 2>/dev/null; }

write_map() { # lines "NAME VALUE" → JSON
    awk 'BEGIN { printf "{" } { printf "%s\n  \"%s\": \"%s\"", n++ ? "," : "", $1, $2 } END { print "\n}" }'
}

images() {
    : "${REGISTRY:?the registry and path that images are pushed to}"
    mkdir -p "$DIST"
    : >"$DIST/images.txt"
    for file in components/*/Dockerfile; do
        folder=$(dirname "$file")
        name=$(basename "$folder")
        tag=$(git rev-parse "HEAD:$folder" | cut -c1-16)
        image=$REGISTRY/$name:$tag
        digest=$(digest_of "$image" || true)
        if [ -z "$digest" ]; then
            # The time of the last change, not of the build: the same folder gives the same image.
            SOURCE_DATE_EPOCH=$(git log -1 --format=%ct -- "$folder") docker buildx build --push --provenance=false --tag "$image" --build-arg "VERSION=$tag" \
                --label "org.opencontainers.image.version=$tag" --label "org.opencontainers.image.revision=$(git rev-parse HEAD)" "$folder" >&2
            digest=$(digest_of "$image")
        else
            echo "$image is there" >&2
        fi
        echo "$PREFIX/$name:dev $image@$digest" >>"$DIST/images.txt"
    done
    write_map <"$DIST/images.txt" >"$DIST/images.json"
    rm "$DIST/images.txt"
    cat "$DIST/images.json"
}

pin() {
    each_pipeline | while IFS= read -r file; do
        set -- --map "$DIST/images.json"
        if [ -e images.lock.json ]; then set -- "$@" --map images.lock.json; fi
        dhow pin "$file" "$@" --check -o "$DIST/$(basename "$file")"
    done
}

lock() {
    each_pipeline | while IFS= read -r file; do
        dhow pin "$file" --output json | sed -n 's/^ *"image": "\(.*\)",*$/\1/p'
    done | sed 's/@.*//' | sort -u | grep -v "^$PREFIX/" | while IFS= read -r image; do
        echo "$image $(digest_of "$image")"
    done | write_map >images.lock.json
    cat images.lock.json
}

submit() {
    for file in "$@"; do
        dhow submit "$DIST/$file" --host "${KF_PIPELINES_ENDPOINT:?the server}" --name "${file%.yaml} ${REVISION:-$(git rev-parse --short HEAD)}"
    done
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
check | images | pin | lock) "$command" ;;
submit) submit "$@" ;;
*)
    sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
