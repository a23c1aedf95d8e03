#!/bin/sh
# Upscale one image with the three calls of the API: submit, poll, download.
#
#   examples/guide.sh IMAGE RESULT [SCALE]
#
# Needs curl and a POSIX shell. UPSCALER_URL says where the service is, WAIT_S how long to wait.
set -eu

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
    echo "usage: $0 IMAGE RESULT [SCALE]" >&2
    exit 2
fi
image=$1 result=$2 scale=${3:-4}
url=${UPSCALER_URL:-http://localhost:8089}
wait_s=${WAIT_S:-3600}
pause_s=2

fail() {
    echo "$0: $1" >&2
    exit 1
}

# Answers are flat enough for sed: `text NAME JSON` is a string member, `number NAME JSON` an integer.
text() {
    printf '%s\n' "$2" | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"
}

number() {
    printf '%s\n' "$2" | sed -n "s/.*\"$1\" *: *\([0-9][0-9]*\).*/\1/p"
}

[ -r "$image" ] || fail "$image cannot be read"

# 1. Submit. An error has no job_id; its sentence is in "error".
answer=$(curl -sS -F "image=@\"$image\"" -F "scale=$scale" "$url/api/v1/upscale") || fail "no answer from $url"
job_id=$(text job_id "$answer")
[ -n "$job_id" ] || fail "not accepted: $(text error "$answer")"
echo "job $job_id" >&2

# 2. Poll until the status is no longer "processing", but not for ever.
waited_s=0
while :; do
    answer=$(curl -sS "$url/api/v1/status/$job_id") || fail "no answer from $url"
    status=$(text status "$answer")
    [ "$status" = processing ] || break
    [ "$waited_s" -lt "$wait_s" ] || fail "job $job_id has not ended after $wait_s s"
    echo "progress $(number progress "$answer") %" >&2
    sleep "$pause_s"
    waited_s=$((waited_s + pause_s))
done
[ "$status" = completed ] || fail "$(text error "$answer")"

# 3. Download, once. The name is right only when every byte has come.
curl -sS --fail -o "$result.part" "$url/api/v1/download/$job_id" || {
    rm -f "$result.part"
    fail "the result of job $job_id could not be downloaded"
}
mv "$result.part" "$result"
echo "$result" >&2
