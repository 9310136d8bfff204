#!/bin/sh
# What miniflare is told to run as the platform's binary: the pinned binary, with the flags that miniflare does
# not know. `exec`, so that the process miniflare started is the binary itself.
set -eu
echo $$ > "$TEMPORAL_DO_EDGE_PID_FILE"
set -- "$@" "--pyodide-bundle-disk-cache-dir=$TEMPORAL_DO_EDGE_BUNDLE"
case "${TEMPORAL_DO_EDGE_SNAPSHOT_MODE:-none}" in
  save) set -- "$@" --python-save-snapshot "--python-snapshot-dir=$TEMPORAL_DO_EDGE_SNAPSHOT" ;;
  load)
    set -- "$@" "--python-snapshot-dir=$TEMPORAL_DO_EDGE_SNAPSHOT" --python-load-snapshot=snapshot.bin
    ;;
esac
exec "$TEMPORAL_DO_EDGE_WORKERD" "$@"
